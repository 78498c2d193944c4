package verify_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/keyportertest"
	"github.com/keyporter/keyporter/keyportertest/postgres"
	"github.com/keyporter/keyporter/store"
	"github.com/keyporter/keyporter/verify"
)

// TestANodeHearsOfChangesOnOthers has one node check calls while another makes changes. On
// SQLite, the other node looks like another process to the database.
func TestANodeHearsOfChangesOnOthers(t *testing.T) {
	t.Parallel()
	keyportertest.EachDatabase(t, func(t *testing.T, url string) {
		here, there := keyportertest.NewNode(t, url), keyportertest.NewNode(t, url)
		ada := keyportertest.User(t, there.Control, "Acme", "ada@acme.example", keyporter.RoleAPIUser)
		token, secret := keyportertest.Token(t, there.Control, ada, "Export")
		me := keyporter.Command()
		becomes := func(want keyporter.Reason) {
			t.Helper()
			keyportertest.Eventually(t, fmt.Sprintf("reason %q", want), func() bool { return ask(here, secret.Reveal()).Reason == want })
		}
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		becomes(keyporter.Allowed)
		_, err := there.Control.DisableToken(t.Context(), me, token.ID)
		must(err)
		becomes(keyporter.ReasonDisabled)
		_, err = there.Control.EnableToken(t.Context(), me, token.ID)
		must(err)
		becomes(keyporter.Allowed)
		must(there.Control.SetUserRoles(t.Context(), me, ada.ID, nil))
		becomes(keyporter.ReasonNotGranted)
		must(there.Control.SetUserRoles(t.Context(), me, ada.ID, []keyporter.ID{keyporter.RoleAPIUser}))
		must(there.Control.WithdrawFlag(t.Context(), me, ada.OrganizationID, keyporter.FlagAPI))
		becomes(keyporter.ReasonFlag)
		must(there.Control.DeleteToken(t.Context(), me, token.ID))
		becomes(keyporter.ReasonUnknown)
	})
}

// TestHowLongADisableTakes prints how long it takes from a disable on one node to the first
// refusal on another, in 200 tries. It asserts nothing about time, because machines are shared.
func TestHowLongADisableTakes(t *testing.T) {
	keyportertest.EachDatabase(t, func(t *testing.T, url string) {
		here, there := keyportertest.NewNode(t, url), keyportertest.NewNode(t, url)
		ada := keyportertest.User(t, there.Control, "Acme", "ada@acme.example", keyporter.RoleAPIUser)
		token, secret := keyportertest.Token(t, there.Control, ada, "Export")
		var took []time.Duration
		for range 200 {
			if _, err := there.Control.EnableToken(t.Context(), keyporter.Command(), token.ID); err != nil {
				t.Fatal(err)
			}
			keyportertest.Eventually(t, "allowed", func() bool { return ask(here, secret.Reveal()).Allowed })
			if _, err := there.Control.DisableToken(t.Context(), keyporter.Command(), token.ID); err != nil {
				t.Fatal(err)
			}
			start := time.Now()
			for ask(here, secret.Reveal()).Allowed {
				if time.Since(start) > 10*time.Second {
					t.Fatal("not refused after ten seconds")
				}
				time.Sleep(20 * time.Microsecond)
			}
			took = append(took, time.Since(start))
		}
		slices.Sort(took)
		t.Logf("from a disable on one node to the refusal on another, in %d tries: p50 %v, p99 %v, longest %v", len(took), took[99], took[197], took[199])
	})
}

// TestAQueryThatIsOvertaken fills the cache from many goroutines, one credential at a time and many
// at once, while the token is switched on and off, and expects no stale entry to remain.
func TestAQueryThatIsOvertaken(t *testing.T) {
	t.Parallel()
	keyportertest.EachDatabase(t, func(t *testing.T, url string) {
		n := keyportertest.NewNode(t, url)
		ada := keyportertest.User(t, n.Control, "Acme", "ada@acme.example", keyporter.RoleAPIUser)
		token, secret := keyportertest.Token(t, n.Control, ada, "Export")
		questions := []verify.Question{{Secret: secret.Reveal()}}
		for i := range 20 {
			_, other := keyportertest.Token(t, n.Control, ada, fmt.Sprint("Export ", i))
			questions = append(questions, verify.Question{Secret: other.Reveal()})
		}
		one := func() { ask(n, secret.Reveal()) }
		many := func() {
			if err := n.Checker.Prefetch(t.Context(), questions); err != nil {
				t.Error(err)
			}
		}
		var all sync.WaitGroup
		stop := make(chan struct{})
		for _, fill := range []func(){one, one, many, many} {
			all.Go(func() {
				for {
					select {
					case <-stop:
						return
					case <-time.After(100 * time.Microsecond): // in between, the others get the processors
						fill()
					}
				}
			})
		}
		for range 200 {
			if _, err := n.Control.DisableToken(t.Context(), keyporter.Command(), token.ID); err != nil {
				t.Fatal(err)
			}
			mustReason(t, ask(n, secret.Reveal()), keyporter.ReasonDisabled)
			if _, err := n.Control.EnableToken(t.Context(), keyporter.Command(), token.ID); err != nil {
				t.Fatal(err)
			}
			mustReason(t, ask(n, secret.Reveal()), keyporter.Allowed)
		}
		close(stop)
		all.Wait()
	})
}

// distant returns a node that reaches its database over a line, and one that is next to it.
func distant(t *testing.T) (far, near *keyportertest.Node, w *keyportertest.Line) {
	t.Helper()
	url := postgres.New(t)
	w = keyportertest.NewLine(t, url)
	return keyportertest.NewNode(t, w.URL), keyportertest.NewNode(t, url), w
}

func TestReconnectingMissesNothing(t *testing.T) {
	t.Parallel()
	far, near, w := distant(t)
	ada := keyportertest.User(t, near.Control, "Acme", "ada@acme.example", keyporter.RoleAPIUser)
	token, secret := keyportertest.Token(t, near.Control, ada, "Export")
	keyportertest.Eventually(t, "allowed", func() bool { return ask(far, secret.Reveal()).Allowed })
	for range 5 {
		w.Cut()
		if _, err := near.Control.DisableToken(t.Context(), keyporter.Command(), token.ID); err != nil {
			t.Fatal(err)
		}
		keyportertest.Eventually(t, "refused", func() bool { return ask(far, secret.Reveal()).Reason == keyporter.ReasonDisabled })
		if _, err := near.Control.EnableToken(t.Context(), keyporter.Command(), token.ID); err != nil {
			t.Fatal(err)
		}
		keyportertest.Eventually(t, "allowed again", func() bool { return ask(far, secret.Reveal()).Allowed })
	}
	keyportertest.Eventually(t, "hearing again", far.DB.Hears)
}

// TestASilentConnectionIsNotTrusted loses everything that is sent, without an error, like a
// network that drops packets.
func TestASilentConnectionIsNotTrusted(t *testing.T) {
	t.Parallel()
	far, near, w := distant(t)
	ada := keyportertest.User(t, near.Control, "Acme", "ada@acme.example", keyporter.RoleAPIUser)
	token, secret := keyportertest.Token(t, near.Control, ada, "Export")
	keyportertest.Eventually(t, "allowed", func() bool { return ask(far, secret.Reveal()).Allowed })
	w.Mute()
	if _, err := near.Control.DisableToken(t.Context(), keyporter.Command(), token.ID); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	keyportertest.Eventually(t, "not trusting its memory", func() bool { return !far.DB.Hears() })
	t.Logf("the node noticed the silence after %v", time.Since(start))
	w.Mend()
	w.Cut()
	keyportertest.Eventually(t, "refused", func() bool { return ask(far, secret.Reveal()).Reason == keyporter.ReasonDisabled })
	keyportertest.Eventually(t, "hearing again", far.DB.Hears)
	mustReason(t, ask(far, secret.Reveal()), keyporter.ReasonDisabled)
}

// TestASilentDatabaseIsUnavailable checks calls while nothing comes back from the database.
// Each caller must get a decision, and they must not pile up.
func TestASilentDatabaseIsUnavailable(t *testing.T) {
	t.Parallel()
	far, near, w := distant(t)
	ada := keyportertest.User(t, near.Control, "Acme", "ada@acme.example", keyporter.RoleAPIUser)
	secrets := make([]string, 16)
	for i := range secrets {
		_, secret := keyportertest.Token(t, near.Control, ada, fmt.Sprint(i))
		secrets[i] = secret.Reveal()
	}
	// Wait until the far node has heard of the last one, and so of all. Otherwise, it could rightly say that it knows no such secret.
	last := len(secrets) - 1
	keyportertest.Eventually(t, "allowed", func() bool { return ask(far, secrets[last]).Allowed })
	w.Mute()
	answers := make(chan verify.Decision, len(secrets))
	for _, s := range secrets[:last] { // not in memory yet
		go func() { answers <- ask(far, s) }()
	}
	late := time.After(3 * store.Silence)
	for range secrets[:last] {
		select {
		case d := <-answers:
			mustReason(t, d, keyporter.ReasonUnavailable)
		case <-late:
			w.Cut()
			t.Fatal("no answer")
		}
	}
}

func TestWithoutADatabaseNothingIsAllowed(t *testing.T) {
	t.Parallel()
	s := postgres.Start(t)
	n := keyportertest.NewNode(t, s.Empty(t))
	ada := keyportertest.User(t, n.Control, "Acme", "ada@acme.example", keyporter.RoleAPIUser)
	_, secret := keyportertest.Token(t, n.Control, ada, "Export")
	mustReason(t, ask(n, secret.Reveal()), keyporter.Allowed)
	s.Stop()
	keyportertest.Eventually(t, "unavailable", func() bool { return ask(n, secret.Reveal()).Reason == keyporter.ReasonUnavailable })
	if _, err := n.Control.UserByLogin(t.Context(), keyporter.Command(), "ada@acme.example"); keyporter.KindOf(err) != keyporter.Unavailable || strings.Contains(keyporter.MessageOf(err), "sql") {
		t.Errorf("a listing without a database: %v", err)
	}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	keyportertest.Eventually(t, "allowed again", func() bool { return ask(n, secret.Reveal()).Allowed })
	keyportertest.Eventually(t, "hearing again", n.DB.Hears)
}

func TestARemovedSQLiteFileIsUnavailable(t *testing.T) {
	t.Parallel()
	path := keyportertest.SQLite(t)
	n := keyportertest.NewNode(t, path)
	ada := keyportertest.User(t, n.Control, "Acme", "ada@acme.example", keyporter.RoleAPIUser)
	_, secret := keyportertest.Token(t, n.Control, ada, "Export")
	mustReason(t, ask(n, secret.Reveal()), keyporter.Allowed)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	keyportertest.Eventually(t, "unavailable", func() bool { return ask(n, secret.Reveal()).Reason == keyporter.ReasonUnavailable })
}

// cachedCalls returns calls that the cache answers: one with a user token, one with an access
// token, and one with a secret that was never issued.
func cachedCalls(t testing.TB) (*verify.Checker, map[string]verify.Request) {
	n := keyportertest.NewNode(t, keyportertest.Database(t), keyportertest.Drive("http://127.0.0.1:1"))
	ada := keyportertest.User(t, n.Control, "Acme", "ada@acme.example", keyporter.RoleAPIUser)
	_, secret := keyportertest.Token(t, n.Control, ada, "Export")
	app := n.App(t, keyporter.App{OwnTokens: true, Scopes: keyportertest.Asks("file.read")})
	_, access := n.AccessToken(t, n.Connect(t, ada, app, "file.read"), keyporter.AccessToken{Scopes: []string{"file.read"}, Resources: []string{driveResource}})
	call := func(path string, secret keyporter.Secret) verify.Request {
		return verify.Request{Method: "GET", Host: "localhost", Path: path, APIToken: []string{secret.Reveal()}, ClientIP: "192.0.2.7", Agent: "curl/8.5.0"}
	}
	return n.Checker, map[string]verify.Request{
		"known": call(whoAmI, secret), "unknown": call(whoAmI, keyporter.NewSecret(keyporter.SecretUserToken)), "access": call("/drive/1", access),
	}
}

func TestACachedCheckAllocatesNothing(t *testing.T) {
	checker, calls := cachedCalls(t)
	for name, req := range calls {
		if d := checker.Check(t.Context(), &req); d.Allowed != (name != "unknown") {
			t.Errorf("%s: %s", name, d.Reason)
		}
		if n := testing.AllocsPerRun(1000, func() { checker.Check(t.Context(), &req) }); n > 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func BenchmarkCheck(b *testing.B) {
	checker, calls := cachedCalls(b)
	for name, req := range calls {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				checker.Check(b.Context(), &req)
			}
		})
	}
}
