package verify_test

import (
	"crypto/rand"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/keyportertest"
	"github.com/keyporter/keyporter/keyportertest/postgres"
)

// TestAnImportEmptiesNoCache imports many tokens on one node. It and another node must learn their secrets, and keep
// what they know about others.
func TestAnImportEmptiesNoCache(t *testing.T) {
	t.Parallel()
	keyportertest.EachDatabase(t, func(t *testing.T, url string) {
		here, there := keyportertest.NewNode(t, url), keyportertest.NewNode(t, url)
		ada := keyportertest.User(t, here.Control, "Acme", "ada@acme.example", keyporter.RoleAPIUser)
		_, mine := keyportertest.Token(t, here.Control, ada, "Mine")
		_, later := keyportertest.Token(t, here.Control, ada, "Later")
		nodes := []*keyportertest.Node{here, there}
		for _, n := range nodes {
			keyportertest.Eventually(t, "the node has heard of everything before", func() bool { return ask(n, later.Reveal()).Allowed })
			mustReason(t, ask(n, mine.Reveal()), keyporter.Allowed)
		}
		for try := range 3 {
			kept, heard := keepsThroughImport(t, nodes, ada, mine)
			if kept {
				return
			}
			if heard || try == 2 {
				t.Fatal("an import makes nodes forget other tokens, or read every hash again")
			}
		}
	})
}

// keepsThroughImport reports whether nodes keep what they know while one of them imports tokens, and whether all of
// them heard the others meanwhile: a node that was deaf has forgotten everything. They must learn the new
// secrets in any case.
func keepsThroughImport(t *testing.T, nodes []*keyportertest.Node, owner keyporter.User, known keyporter.Secret) (kept, heard bool) {
	t.Helper()
	var deaf atomic.Bool
	var watching sync.WaitGroup
	done := make(chan struct{})
	watching.Go(func() {
		for tick := time.Tick(5 * time.Millisecond); ; { // a deaf node waits for longer than that
			select {
			case <-done:
				return
			case <-t.Context().Done(): // the test has failed
				return
			case <-tick:
			}
			for _, n := range nodes {
				if !n.DB.Hears() {
					deaf.Store(true)
				}
			}
		}
	})
	secrets := make([]string, 300)
	for i := range secrets {
		secrets[i] = rand.Text()
	}
	var before []int
	for _, n := range nodes {
		before = append(before, n.Checker.Refills())
	}
	keyportertest.ImportTokens(t, nodes[0].Control, owner, keyporter.UserToken, secrets...)
	kept = true
	for i, n := range nodes {
		keyportertest.Eventually(t, "the node knows the last of them", func() bool { return ask(n, secrets[299]).Allowed })
		lookups := n.Checker.Lookups()
		mustReason(t, ask(n, known.Reveal()), keyporter.Allowed)
		kept = kept && n.Checker.Lookups() == lookups && n.Checker.Refills() == before[i] && n.Checker.Complete()
		for _, s := range secrets {
			mustReason(t, ask(n, s), keyporter.Allowed)
		}
	}
	close(done)
	watching.Wait()
	return kept, !deaf.Load()
}

// TestAnUnknownNoticeEmptiesNoCache has a node hear something that it doesn't understand. It must find out
// what changed: here, a token was disabled, of which the usual notification was lost.
func TestAnUnknownNoticeEmptiesNoCache(t *testing.T) {
	t.Parallel()
	url := postgres.New(t)
	n := keyportertest.NewNode(t, url)
	ada := keyportertest.User(t, n.Control, "Acme", "ada@acme.example", keyporter.RoleAPIUser)
	_, mine := keyportertest.Token(t, n.Control, ada, "Mine")
	other, theirs := keyportertest.Token(t, n.Control, ada, "Other")
	mustReason(t, ask(n, mine.Reveal()), keyporter.Allowed)
	mustReason(t, ask(n, theirs.Reveal()), keyporter.Allowed)
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }()
	before := n.Checker.Refills()
	for _, query := range []string{
		`UPDATE tokens SET enabled = FALSE WHERE id = '` + string(other.ID) + `'`,
		`INSERT INTO events (id, at, name, organization_id, user_id, token_id, actor_kind, actor_id, actor_login, actor_address, request_id, detail)
			VALUES ('` + string(keyporter.NewID(n.Clock.Now())) + `', 1, 'token.disable', '` + string(ada.OrganizationID) + `', '', '` + string(other.ID) + `', '', '', '', '', '', '{}')`,
		`NOTIFY keyporter, 'another-node in words of the next release'`,
	} {
		if _, err := conn.Exec(t.Context(), query); err != nil {
			t.Fatal(err)
		}
	}
	keyportertest.Eventually(t, "it is refused", func() bool { return ask(n, theirs.Reveal()).Reason == keyporter.ReasonDisabled })
	if n.Checker.Refills() != before || !n.Checker.Complete() {
		t.Error("the node reads every hash again")
	}
}
