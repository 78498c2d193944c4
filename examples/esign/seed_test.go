package esign

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
)

func TestSeed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	seed := func(c Caller) {
		t.Helper()
		if err := w.Seed(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	w.send(ada, "Her own")
	seed(ada)
	want, _ := w.found("POST /Api/v6/envelope/find", `{}`)
	seed(ada)
	seed(grace)
	got, oldest := w.found("POST /Api/v6/envelope/find", `{}`)
	if !slices.Equal(got, want) || len(got) != 7 || got[0] != "Her own" {
		t.Errorf("first %q, then %q", want, got)
	}
	for _, status := range []status{active, completed, canceled, rejected, expired} {
		if names, _ := w.found("POST /Api/v6/envelope/find", `{"Status":"`+string(status)+`"}`); len(names) == 0 {
			t.Errorf("none is %s", status)
		}
	}
	for _, c := range []Caller{ada, grace} {
		if _, templates := w.call(c, "POST /Api/v6/template/find", `{}`); strings.Count(templates, "CreationDate") != 1 {
			t.Errorf("%s has the templates %s", c.Login, templates)
		}
	}
	w.expect(ada, "POST /Api/v6/envelope/delete", `{"EnvelopeId":"`+oldest+`"}`, http.StatusOK, "")
	seed(ada)
	w.expectFault(ada, "GET /Api/v6/envelope/"+oldest, "", errNoEnvelope)
}

func TestSeedByManyAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if err := w.Seed(t.Context(), ada); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got, _ := w.found("POST /Api/v6/envelope/find", `{}`); len(got) != 6 {
		t.Errorf("got %q", got)
	}
}

// TestManyAtOnce expects many callers at once to get their own envelopes, and a draft to be sent
// once.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	draft := w.id(w.call(ada, "POST /Api/v6/template/createdraft", `{"TemplateId":"`+w.template(ada, "Recipe")+`"}`))
	var wg sync.WaitGroup
	var mu sync.Mutex
	statuses := map[int]int{}
	for i := range 16 {
		c := Caller{UserID: fmt.Sprint("u-", i)}
		wg.Go(func() {
			id := w.send(c, "Lease")
			w.expect(c, "POST /Api/v5/envelope/find", `{}`, http.StatusOK, `{"Envelopes":[{"Status":"InProgress","Id":"`+id+`","Name":"Lease"}]}`)
			w.expect(c, "GET /Api/v5/envelope/"+id+"/cancel", "", http.StatusNoContent, "")
			w.expect(c, "DELETE /Api/v5/envelope/"+id, "", http.StatusNoContent, "")
		})
		wg.Go(func() {
			status, _ := w.call(ada, "POST /Api/v6/draft/send", `{"DraftId":"`+draft+`"}`)
			mu.Lock()
			defer mu.Unlock()
			statuses[status]++
		})
	}
	wg.Wait()
	if statuses[http.StatusOK] != 1 || statuses[http.StatusNotFound] != 15 {
		t.Errorf("the draft was sent %v", statuses)
	}
}
