package usage_test

import (
	"context"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/keyportertest"
	"github.com/keyporter/keyporter/keyportertest/postgres"
	"github.com/keyporter/keyporter/store"
	"github.com/keyporter/keyporter/usage"
)

func TestMain(m *testing.M) { keyportertest.Main(m) }

// world is a node with a user token of Ada's and an organization token of the administrator's.
type world struct {
	*keyportertest.Node

	counts         *usage.Usage // written only when the test says so
	ada, admin     keyporter.User
	user, org      keyporter.Token
	ofUser, ofOrg  *usage.Meter
	organizationID keyporter.ID
}

func newWorld(t *testing.T, url string) *world {
	n := keyportertest.NewNode(t, url)
	n.Clock.Stop()
	w := &world{Node: n, counts: usage.New(n.DB, n.Clock.Now)}
	w.ada = keyportertest.User(t, n.Control, "Acme", "ada@acme.example", keyporter.RoleAPIUser)
	w.admin = keyportertest.User(t, n.Control, "Acme", "admin@acme.example", keyporter.RoleAdministrator, keyporter.RoleAPIUser)
	w.organizationID = w.ada.OrganizationID
	w.user, _ = keyportertest.Token(t, n.Control, w.ada, "Export")
	w.org, _ = keyportertest.OrganizationToken(t, n.Control, w.admin, "Import")
	w.ofUser = w.meter(w.user, keyporter.CredentialUserToken)
	w.ofOrg = w.meter(w.org, keyporter.CredentialOrganizationToken)
	return w
}

func (w *world) meter(t keyporter.Token, kind keyporter.CredentialKind) *usage.Meter {
	return &usage.Meter{Of: usage.Credential{ID: t.ID, OrganizationID: t.OrganizationID, Kind: kind}}
}

// call counts a call by one of several clients, a moment after the previous call. One in seven is
// refused.
func (w *world) call(m *usage.Meter, i, clients int) {
	w.Clock.Advance(time.Millisecond)
	c := usage.Call{At: w.Clock.Now(), Agent: fmt.Sprintf("client-%03d", i%clients), Address: fmt.Sprintf("192.0.2.%d", i%3), API: "esign", Version: 1 + i%5, Method: "GET", Route: fmt.Sprintf("/Api/{version}/%d/{rest...}", i%2)}
	if m == w.ofOrg {
		c.ActedFor = []string{w.ada.Login, w.admin.Login}[i%2]
	}
	if i%7 == 3 {
		c.Refusal = &usage.Refusal{RequestID: fmt.Sprintf("%s-%d", m.Of.ID, i), Reason: keyporter.ReasonDisabled, Cause: "It is off.", Method: "GET", Path: fmt.Sprintf("/Api/v5/%d", i), LoginName: c.ActedFor}
	}
	w.counts.Count(m, &c)
}

func (w *world) flush(t *testing.T) {
	t.Helper()
	if err := w.counts.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// pages returns everything that pages show about the counts.
func (w *world) pages(t *testing.T) map[string]any {
	t.Helper()
	ctx, all := t.Context(), map[string]any{}
	put := func(name string, what any, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		all[name] = what
	}
	uses, err := w.counts.OfAll(ctx, []keyporter.ID{w.user.ID, w.org.ID, "nobody's"})
	put("uses", uses, err)
	of, err := w.counts.RefusalsOf(ctx, w.user.ID)
	put("refusals of a token", of, err)
	in, _, err := w.counts.Refusals(ctx, usage.RefusalList{
		RefusalList: store.RefusalList{OrganizationID: w.organizationID, Kinds: []keyporter.TokenKind{keyporter.UserToken, keyporter.OrganizationToken}},
		Unwritten:   []keyporter.ID{w.user.ID, w.org.ID},
	}, store.Page{Limit: keyporter.RefusalLimit})
	put("refusals in the organization", in, err)
	for _, r := range in {
		one, err := w.counts.RefusalByRequestID(ctx, r.RequestID)
		put("refusal "+r.RequestID, one, err)
	}
	for owner, name := range map[keyporter.ID]string{"": "anybody", w.ada.ID: "ada"} {
		q := store.Uses{OrganizationID: w.organizationID, OwnerID: owner, Now: w.Clock.Now(), Since: w.Clock.Now().Add(-24 * time.Hour)}
		tokens, err := w.counts.TokensInUse(ctx, q)
		put("tokens in use of "+name, tokens, err)
		acting, err := w.counts.ActingTokens(ctx, q)
		put("acting of "+name, acting, err)
	}
	for _, days := range []int{7, 90} {
		for _, t := range []keyporter.Token{w.user, w.org} {
			report, err := w.counts.Report(ctx, t.ID, days)
			put(fmt.Sprintf("report of %s on %d days", t.Name, days), report, err)
		}
	}
	dependents, err := w.counts.Dependents(ctx, w.Clock.Now().Add(-24*time.Hour))
	put("dependents", dependents, err)
	return all
}

// TestAPageIsTheSameBeforeAndAfterAFlush compares everything that pages show: with nothing stored,
// with something stored, a day and a month later, and with more clients than are kept.
func TestAPageIsTheSameBeforeAndAfterAFlush(t *testing.T) {
	keyportertest.EachDatabase(t, func(t *testing.T, url string) {
		w := newWorld(t, url)
		for round, clients := range []int{3, 5, 60, 200, 10} {
			for i := range 2 * clients {
				w.call(w.ofUser, i, clients)
				w.call(w.ofOrg, i, clients)
			}
			// A second meter for the same credential, as if its entry had been dropped and read
			// again.
			w.call(w.meter(w.user, keyporter.CredentialUserToken), round, clients)
			before := w.pages(t)
			statements := w.DB.Statements()
			w.flush(t)
			if w.DB.Statements() == statements {
				t.Fatal("nothing was written: reading the pages wrote it")
			}
			after := w.pages(t)
			for name, want := range before {
				if !reflect.DeepEqual(want, after[name]) {
					t.Errorf("round %d: %s\nbefore %+v\nafter  %+v", round, name, want, after[name])
				}
			}
			if len(before) != len(after) {
				t.Errorf("round %d: %d pages before, %d after", round, len(before), len(after))
			}
			w.Clock.Advance([]time.Duration{time.Minute, 26 * time.Hour, time.Hour, 40 * 24 * time.Hour, 0}[round])
		}
	})
}

// TestNoCallIsReadTwiceOrNotAtAll counts calls, writes counts, and reads pages, all at once. A page
// must include every call that ended before it was requested, and none that began after it was
// returned.
func TestNoCallIsReadTwiceOrNotAtAll(t *testing.T) {
	keyportertest.EachDatabase(t, func(t *testing.T, url string) {
		w := newWorld(t, url)
		ctx, end := context.WithTimeout(t.Context(), time.Second)
		defer end()
		var began, ended atomic.Int64
		var jobs sync.WaitGroup
		for range 2 {
			m := w.meter(w.user, keyporter.CredentialUserToken)
			jobs.Go(func() {
				for i := 0; ctx.Err() == nil; i++ {
					began.Add(1)
					w.counts.Count(m, &usage.Call{At: w.Clock.Now(), Agent: fmt.Sprint("client-", i%3), API: "esign"})
					ended.Add(1)
					time.Sleep(20 * time.Microsecond)
				}
			})
		}
		jobs.Go(func() {
			for ctx.Err() == nil {
				w.flush(t)
			}
		})
		reads := 0
		for ; ctx.Err() == nil; reads++ {
			least := int(ended.Load())
			use, err := w.counts.Of(t.Context(), w.user.ID)
			most := int(began.Load())
			byClient := 0
			for _, c := range use.Clients {
				byClient += c.Allowed
			}
			if err != nil || use.Allowed < least || use.Allowed > most || byClient < least || byClient > most {
				t.Fatalf("%d calls by the hour and %d by client, want %d to %d; %v", use.Allowed, byClient, least, most, err)
			}
		}
		jobs.Wait()
		w.flush(t)
		if use, err := w.DB.UseOf(t.Context(), w.user.ID, w.Clock.Now()); err != nil || use.Allowed != int(ended.Load()) {
			t.Errorf("%d of %d calls are stored, %v", use.Allowed, ended.Load(), err)
		}
		t.Logf("%d calls, %d pages", ended.Load(), reads)
	})
}

// TestCountsThatCantBeWrittenAreKept expects them to be written later, along with newer ones.
func TestCountsThatCantBeWrittenAreKept(t *testing.T) {
	keyportertest.EachDatabase(t, func(t *testing.T, url string) {
		w := newWorld(t, url)
		for i := range 20 {
			w.call(w.ofUser, i, 3)
		}
		before := w.pages(t)
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		if err := w.counts.Flush(gone); err == nil {
			t.Fatal("the counts were written without a database")
		}
		if after := w.pages(t); !reflect.DeepEqual(before, after) {
			t.Errorf("before %+v\nafter %+v", before, after)
		}
		for i := range 20 {
			w.call(w.ofUser, i, 3)
		}
		w.flush(t)
		use, err := w.DB.UseOf(t.Context(), w.user.ID, w.Clock.Now())
		if err != nil || use.Allowed+use.Refused != 40 || use.Refused != 6 {
			t.Errorf("%d calls allowed, %d refused, %v", use.Allowed, use.Refused, err)
		}
		if kept, err := w.DB.RefusalsOf(t.Context(), w.user.ID); err != nil || len(kept) != 6 {
			t.Errorf("%d refusals, %v", len(kept), err)
		}
	})
}

// TestReadingCountsWritesNothing watches the statements of all pages.
func TestReadingCountsWritesNothing(t *testing.T) {
	keyportertest.EachDatabase(t, func(t *testing.T, url string) {
		w := newWorld(t, url)
		w.call(w.ofUser, 3, 1)
		w.pages(t)
		if use, err := w.DB.UseOf(t.Context(), w.user.ID, w.Clock.Now()); err != nil || len(use.Clients) != 0 {
			t.Errorf("a page wrote %+v, %v", use, err)
		}
	})
}

// hold counts a call with the user's token in a transaction that keeps its row until release.
func (w *world) hold(t *testing.T) (release func()) {
	t.Helper()
	held, end := make(chan struct{}), make(chan struct{})
	var holder sync.WaitGroup
	holder.Go(func() {
		_ = w.DB.Do(t.Context(), func(tx *store.Tx) error {
			err := tx.AddUses(t.Context(), store.Batch{Uses: []store.Use{{CredentialID: w.user.ID, ClientUse: keyporter.ClientUse{LastAt: w.Clock.Now(), Allowed: 1}}}})
			close(held)
			<-end
			return err
		})
	})
	<-held
	return func() {
		close(end)
		holder.Wait()
	}
}

// TestAPageIsShownWhileCountsCantBeWritten asks for pages while the counts wait for someone else's transaction.
func TestAPageIsShownWhileCountsCantBeWritten(t *testing.T) {
	keyportertest.EachDatabase(t, func(t *testing.T, url string) {
		w := newWorld(t, url)
		release := w.hold(t)
		w.call(w.ofUser, 0, 1)
		statements := w.DB.Statements()
		var flush sync.WaitGroup
		flush.Go(func() { w.flush(t) })
		if strings.HasPrefix(url, "postgres") { // SQLite doesn't let the step begin
			keyportertest.Eventually(t, "a step waits", func() bool { return w.DB.Statements() >= statements+3 })
		}
		for range 3 {
			if use, err := w.counts.Of(t.Context(), w.user.ID); err != nil || use.Allowed != 1 {
				t.Errorf("%d calls, %v", use.Allowed, err)
			}
		}
		release()
		flush.Wait()
		if use, err := w.counts.Of(t.Context(), w.user.ID); err != nil || use.Allowed != 2 {
			t.Errorf("%d calls, %v", use.Allowed, err)
		}
	})
}

// TestAStepThatFailsHoldsUpNoOther has one credential that can't be counted, because someone keeps its row.
func TestAStepThatFailsHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	w := newWorld(t, postgres.New(t))
	w.Clock.Advance(time.Second)
	other, _ := keyportertest.Token(t, w.Control, w.ada, "Other") // counted after the first one, which is older
	release := w.hold(t)
	for i := range 4 * usage.StepRows { // a step of its own, before the other token's
		w.call(w.ofUser, i, usage.StepRows)
	}
	w.call(w.meter(other, keyporter.CredentialUserToken), 0, 1)
	w.counts.LimitSteps(700 * time.Millisecond)
	if err := w.counts.Flush(t.Context()); err == nil {
		t.Error("the counts were written")
	}
	if use, err := w.DB.UseOf(t.Context(), other.ID, w.Clock.Now()); err != nil || use.Allowed != 1 {
		t.Errorf("%d calls with the other token, %v", use.Allowed, err)
	}
	release()
	w.flush(t)
	if use, err := w.DB.UseOf(t.Context(), w.user.ID, w.Clock.Now()); err != nil || use.Allowed+use.Refused != 4*usage.StepRows+1 {
		t.Errorf("%d calls, %d of them refused, %v", use.Allowed, use.Refused, err)
	}
}

// TestTwoNodesCountTheSameCalls has them write the same tokens at once, one its own calls and one what gateways
// reported in the opposite order.
func TestTwoNodesCountTheSameCalls(t *testing.T) {
	keyportertest.EachDatabase(t, func(t *testing.T, url string) {
		w := newWorld(t, url)
		there := usage.New(w.DB, w.Clock.Now)
		const rounds, clients = 20, 5
		var jobs sync.WaitGroup
		jobs.Go(func() {
			for range rounds {
				for i := range clients {
					w.call(w.ofUser, i, clients)
					w.call(w.ofOrg, i, clients)
				}
				w.flush(t)
			}
		})
		jobs.Go(func() {
			for range rounds {
				var all []usage.Report
				for i := range clients {
					for _, id := range []keyporter.ID{w.org.ID, w.user.ID} {
						all = append(all, usage.Report{Credential: id, Agent: fmt.Sprintf("client-%03d", clients-1-i), API: "esign", LastAt: w.Clock.Now(), Allowed: 1})
					}
				}
				if err := there.Record(t.Context(), all); err != nil {
					t.Error(err)
				}
			}
		})
		jobs.Wait()
		for _, id := range []keyporter.ID{w.user.ID, w.org.ID} {
			if use, err := there.Of(t.Context(), id); err != nil || use.Allowed+use.Refused != 2*rounds*clients || len(use.Clients) != clients {
				t.Errorf("%d allowed, %d refused of %d clients, %v", use.Allowed, use.Refused, len(use.Clients), err)
			}
		}
	})
}

// TestNoCallIsLostToAClientThatIsForgotten changes clients with each call, while counts are written all the time.
func TestNoCallIsLostToAClientThatIsForgotten(t *testing.T) {
	t.Parallel()
	w := newWorld(t, keyportertest.Database(t))
	const calls, clients = 2000, 5
	var jobs sync.WaitGroup
	done := make(chan struct{})
	for range 4 {
		jobs.Go(func() {
			for i := range calls {
				w.counts.Count(w.ofUser, &usage.Call{At: w.Clock.Now(), Agent: fmt.Sprint("client-", i%clients), API: "esign"})
			}
		})
	}
	go func() {
		jobs.Wait()
		close(done)
	}()
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		w.flush(t)
	}
	if use, err := w.DB.UseOf(t.Context(), w.user.ID, w.Clock.Now()); err != nil || use.Allowed != 4*calls {
		t.Errorf("%d of %d calls, %v", use.Allowed, 4*calls, err)
	}
}

// TestMadeUpVersionsFillNothing calls with a new agent and a new version each time.
func TestMadeUpVersionsFillNothing(t *testing.T) {
	keyportertest.EachDatabase(t, func(t *testing.T, url string) {
		w := newWorld(t, url)
		const calls = 1000
		for i := range calls {
			w.counts.Count(w.ofUser, &usage.Call{At: w.Clock.Now(), Agent: fmt.Sprint("agent-", i), API: "esign", Version: 6 + i})
		}
		before := w.DB.Statements()
		w.flush(t)
		if n := w.DB.Statements() - before; n > 400 {
			t.Errorf("%d statements for one token", n)
		}
		if use, err := w.DB.UseOf(t.Context(), w.user.ID, w.Clock.Now()); err != nil || use.Allowed != calls {
			t.Errorf("%d of %d calls, %v", use.Allowed, calls, err)
		}
	})
}

// TestAUserWithManyTokensFillsNothing expects clients to be told apart only as long as a node sees
// few new ones, however many credentials they use.
func TestAUserWithManyTokensFillsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, keyportertest.Database(t))
	w.counts.LimitFresh(10)
	meters := make([]*usage.Meter, 20)
	for i := range meters {
		meters[i] = w.meter(w.user, keyporter.CredentialUserToken)
		for agent := range 10 {
			w.counts.Count(meters[i], &usage.Call{At: w.Clock.Now(), Agent: fmt.Sprint("agent-", i, agent), API: "esign"})
		}
	}
	before := w.DB.Statements()
	w.flush(t)
	if n := w.DB.Statements() - before; n > 100 {
		t.Errorf("%d statements", n)
	}
	if use, err := w.DB.UseOf(t.Context(), w.user.ID, w.Clock.Now()); err != nil || use.Allowed != 200 || len(use.Clients) != 11 {
		t.Errorf("%d calls of %d clients, %v", use.Allowed, len(use.Clients), err)
	}
	// They are told apart again after that.
	w.counts.Count(meters[0], &usage.Call{At: w.Clock.Now(), Agent: "new", API: "esign"})
	if use, err := w.counts.Of(t.Context(), w.user.ID); err != nil || len(use.Clients) != 12 {
		t.Errorf("%d clients, %v", len(use.Clients), err)
	}
}

// TestMadeUpRoutesFillNothing calls with a new version each time, in several intervals and on two days.
func TestMadeUpRoutesFillNothing(t *testing.T) {
	keyportertest.EachDatabase(t, func(t *testing.T, url string) {
		w := newWorld(t, url)
		const calls = 500
		for range 2 {
			for i := range calls {
				w.Clock.Advance(time.Millisecond)
				w.counts.Count(w.ofUser, &usage.Call{At: w.Clock.Now(), Agent: "curl/8", API: "esign", Version: 6 + i, Method: []string{"GET", "POST"}[i%2], Route: "/Api/{version}/{rest...}"})
				if i%100 == 99 {
					before, err := w.counts.Report(t.Context(), w.user.ID, 7)
					w.flush(t)
					after, err2 := w.counts.Report(t.Context(), w.user.ID, 7)
					if err != nil || err2 != nil || !reflect.DeepEqual(before, after) {
						t.Fatalf("after %d calls, it differs before and after, %v, %v", i+1, err, err2)
					}
				}
			}
			r, err := w.counts.Report(t.Context(), w.user.ID, 1)
			if err != nil || len(r.Routes) != store.MaxRoutes+1 || r.Routes[0].Route != keyporter.OtherRoutes {
				t.Fatalf("%d routes, the first is %+v, %v", len(r.Routes), r.Routes[0], err)
			}
			sum := 0
			for _, u := range r.Routes {
				sum += keyporter.Sum(u.Days).All()
			}
			if sum != calls {
				t.Errorf("%d of %d calls", sum, calls)
			}
			if last := r.Calls[0]; last.Method != http.MethodPost || last.Route == keyporter.OtherRoutes {
				t.Errorf("the last call is %+v", last)
			}
			w.Clock.Advance(24 * time.Hour)
		}
	})
}
