package esign

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"
)

// found returns the names of the envelopes that a call finds.
func (w *world) found(do, body string) (names []string, last string) {
	w.t.Helper()
	status, answer := w.call(ada, do, body)
	var got struct{ Envelopes []struct{ ID, Name string } }
	if err := json.Unmarshal([]byte(answer), &got); err != nil || status != http.StatusOK {
		w.t.Fatalf("%s %s: got %d %s", do, body, status, answer)
	}
	for _, e := range got.Envelopes {
		names, last = append(names, e.Name), e.ID
	}
	return names, last
}

func TestFind(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	begin := time.Now()
	w.send(ada, "Lease")
	w.send(ada, "100% of the shares")
	order := w.send(ada, "Order_1")
	w.template(ada, "Recipe")
	w.send(grace, "Lease of grace")
	w.expect(ada, "POST /Api/v6/envelope/cancel", `{"EnvelopeId":"`+order+`"}`, http.StatusOK, "")

	for body, want := range map[string][]string{
		`{}`:                                         {"Order_1", "100% of the shares", "Lease"},
		`{"Status":null}`:                            {"Order_1", "100% of the shares", "Lease"},
		`{"Status":"Active"}`:                        {"100% of the shares", "Lease"},
		`{"Status":"Canceled"}`:                      {"Order_1"},
		`{"Status":"Completed"}`:                     nil,
		`{"SearchText":"lEAse"}`:                     {"Lease"},
		`{"SearchText":"%"}`:                         {"100% of the shares"},
		`{"SearchText":"_"}`:                         {"Order_1"},
		`{"SearchText":"grace@ACME"}`:                {"Order_1", "100% of the shares", "Lease"},
		`{"SearchText":"grace g"}`:                   {"Order_1", "100% of the shares", "Lease"},
		`{"SearchText":"' OR 1=1 --"}`:               nil,
		`{"SearchText":"lease","Status":"Canceled"}`: nil,
		`{"StartDate":"2020-01-01T00:00:00+00:00"}`:  {"Order_1", "100% of the shares", "Lease"},
		`{"EndDate":"2020-01-01T00:00:00Z"}`:         nil,
		`{"StartDate":"` + begin.Add(time.Hour).Format(time.RFC3339) + `"}`: nil,
		`{"EndDate":"` + begin.Add(time.Hour).Format(time.RFC3339) + `"}`:   {"Order_1", "100% of the shares", "Lease"},
	} {
		for _, do := range []string{"POST /Api/v4/envelope/find", "POST /Api/v6/envelope/find"} {
			if got, _ := w.found(do, body); !slices.Equal(got, want) {
				t.Errorf("%s %s: got %q, want %q", do, body, got, want)
			}
		}
	}
}

func TestPages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var want []string
	for i := range 7 {
		name := fmt.Sprint("Envelope ", i)
		w.send(ada, name)
		want = slices.Insert(want, 0, name)
	}
	var got []string
	after := ""
	for range 4 {
		page, last := w.found("POST /Api/v6/envelope/find", `{"Limit":3,"After":"`+after+`"}`)
		got, after = append(got, page...), last
		w.send(ada, "Newer") // new entries don't shift the pages
		if len(page) < 3 {
			break
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestIDsAreOrderedByAge(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 1, 12, 0, 0, 999_999_000, time.UTC)
	var ids []string
	for range 1000 {
		ids = append(ids, newID(at))
		at = at.Add(250 * time.Nanosecond)
	}
	if !slices.IsSorted(ids) {
		t.Error("IDs aren't in the order of their times")
	}
	if got := newID(time.UnixMilli(0x017f22e279b0))[:15]; got != "017f22e2-79b0-7" { // the example of RFC 9562 §A.6
		t.Errorf("got %s", got)
	}
}
