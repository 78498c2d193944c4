package gateway_test

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/keyportertest"
	"github.com/keyporter/keyporter/verify"
)

// TestTheLastCallsAreKept expects each of the last calls with its route instead of its path, and with what the API answered, before
// and after they are written.
func TestTheLastCallsAreKept(t *testing.T) {
	t.Parallel()
	slow := make(chan struct{})
	w := newWorld(t, func(rw http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/other/slow":
			<-slow
		case "/other/gone":
			rw.WriteHeader(http.StatusGone)
		}
	})
	ctx, me := t.Context(), keyportertest.Session(w.ada)
	key := "ApiToken: " + w.secret
	first := w.get(t, "/other/private/4711?with=secrets", key, "User-Agent: first/1")
	_ = body(t, first)
	if err := w.Usage.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	_ = body(t, w.get(t, "/other/gone", key))
	_ = body(t, w.get(t, "/down/x", key))
	_ = body(t, w.get(t, "/other/x", key, "UserLoginName: somebody@else.example"))
	_ = body(t, w.raw(t, "MADE-UP /other/x HTTP/1.1\nHost: localhost\nConnection: close\n"+key+"\n\n"))
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = body(t, w.get(t, "/other/slow", key))
	}()
	calls := func() (all []string) {
		r, err := w.Control.Report(ctx, me, w.token.ID, 7)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range slices.Backward(r.Calls) {
			all = append(all, fmt.Sprint(c.Method, " ", c.Route, " ", c.Status, " ", c.Reason))
		}
		return all
	}
	want := []string{
		"GET /other/{rest...} 200 ", "GET /other/{rest...} 410 ", "GET /down/{rest...} 502 ", "GET /other/{rest...} 0 login_name.mismatch",
		"OTHER /other/{rest...} 200 ", "GET /other/{rest...} 0 ",
	}
	keyportertest.Eventually(t, "the slow call is among them", func() bool { return len(calls()) == len(want) })
	if err := w.Usage.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	if got := calls(); !slices.Equal(got, want) {
		t.Errorf("while one waits:\n%q, want\n%q", got, want)
	}
	close(slow)
	<-done
	want[5] = "GET /other/{rest...} 200 "
	for range 2 {
		if got := calls(); !slices.Equal(got, want) {
			t.Errorf("afterward:\n%q, want\n%q", got, want)
		}
		if err := w.Usage.Flush(ctx); err != nil {
			t.Fatal(err)
		}
	}
	for range keyporter.CallLimit {
		_ = body(t, w.get(t, "/other/gone", key))
	}
	for range 2 {
		if got := calls(); len(got) != keyporter.CallLimit || got[0] != want[1] || got[len(got)-1] != want[1] {
			t.Errorf("after many more: %q", got)
		}
		if err := w.Usage.Flush(ctx); err != nil {
			t.Fatal(err)
		}
	}
}

// TestAnAnswerOfALongTimeAgoIsNotAnothers has an answer arrive when its call has been pushed out by others.
func TestAnAnswerOfALongTimeAgoIsNotAnothers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, echo)
	w.Clock.Stop()
	req := verify.Request{Method: "GET", Host: "localhost", Path: "/Api/v5/envelopes", APIToken: []string{w.secret}, PassedOn: true}
	old := w.Checker.Check(t.Context(), &req)
	for range keyporter.CallLimit {
		w.Checker.Check(t.Context(), &req)
	}
	old.Answered(http.StatusTeapot)
	w.Clock.Advance(2 * time.Minute) // nobody waits for the others anymore
	if err := w.Usage.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.Checker.Check(t.Context(), &req)
	old.Answered(http.StatusTeapot)
	r, err := w.Control.Report(t.Context(), keyportertest.Session(w.ada), w.token.ID, 7)
	if err != nil || len(r.Calls) != keyporter.CallLimit {
		t.Fatalf("%d calls, %v", len(r.Calls), err)
	}
	for _, c := range r.Calls {
		if c.Status != 0 {
			t.Errorf("an answer was given to %+v", c)
		}
	}
}
