package store_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/keyportertest"
	"github.com/keyporter/keyporter/keyportertest/postgres"
	"github.com/keyporter/keyporter/store"
)

// rename renames the token of acme and writes the event.
func rename(ctx context.Context, db *store.DB, token keyporter.Token, name string) error {
	return db.Do(ctx, func(tx *store.Tx) error {
		if err := tx.RenameToken(ctx, token.ID, name); err != nil {
			return err
		}
		return tx.InsertEvent(ctx, keyporter.Event{ID: keyporter.NewID(time.Now()), At: noon, Name: keyporter.EventTokenRename, OrganizationID: token.OrganizationID, TokenID: token.ID})
	})
}

// distant is a database at the end of a line, and the same database without one.
type distant struct {
	*keyportertest.Line

	db, direct *store.DB
	token      keyporter.Token
	heard      *follower // of changes by db
}

func newDistant(t *testing.T, stepTime time.Duration) distant {
	t.Helper()
	url := postgres.New(t)
	d := distant{Line: keyportertest.NewLine(t, url), direct: open(t, url), heard: &follower{}}
	_, d.token, _ = acme(t, d.direct)
	d.db = open(t, d.URL)
	d.db.Follow(d.heard)
	d.db.SetStepTime(stepTime)
	return d
}

// TestACommitWithoutAnAnswerIsLookedUp breaks connections to PostgreSQL while they commit.
func TestACommitWithoutAnAnswerIsLookedUp(t *testing.T) {
	t.Parallel()
	const changed, unchanged, unsure = "changed", "unchanged", "unsure"
	for _, c := range []struct {
		what    string
		commit  keyportertest.Commit
		cut     bool // no new connections, so that Keyporter can't look
		want    string
		changed bool // in truth
		late    bool // the caller's time is up when the server has committed
	}{
		{"the answer is lost", keyportertest.CommitUnheard, false, changed, true, false},
		{"the answer never comes", keyportertest.CommitSilent, false, changed, true, false},
		{"the commit is lost", keyportertest.CommitLost, false, unchanged, false, false},
		{"the answer and the server are lost", keyportertest.CommitUnheard, true, unsure, true, false},
		{"the commit and the server are lost", keyportertest.CommitLost, true, unsure, false, false},
		{"the answer doesn't come in the caller's time", keyportertest.CommitSilent, false, changed, true, true},
		{"the answer doesn't come in the caller's time, and the server is lost", keyportertest.CommitSilent, true, unsure, true, true},
	} {
		t.Run(c.what, func(t *testing.T) {
			t.Parallel()
			d := newDistant(t, 2*time.Second)
			if err := rename(t.Context(), d.db, d.token, "Before"); err != nil {
				t.Fatal(err)
			}
			d.heard.changes.Store(0)

			d.OnCommit(c.commit, c.cut)
			ctx, end := context.WithCancel(t.Context())
			defer end()
			ended := make(chan error, 1)
			go func() { ended <- rename(ctx, d.db, d.token, "After") }()
			if c.late {
				keyportertest.Eventually(t, "the server has committed", func() bool {
					now, err := d.direct.TokenByID(t.Context(), d.token.ID)
					return err == nil && now.Name == "After"
				})
				end()
			}
			err := <-ended
			got := map[bool]string{true: changed, false: unchanged}[err == nil]
			if keyporter.IsUncertain(err) {
				got = unsure
			}
			if got != c.want {
				t.Errorf("it is %s, want %s: %v", got, c.want, err)
			}
			if err != nil && keyporter.KindOf(err) != keyporter.Unavailable || strings.Contains(keyporter.MessageOf(err), keyporter.MayHaveChanged) != (c.want == unsure) {
				t.Errorf("the error is %v", err)
			}
			if n := d.heard.changes.Load(); n != 1 {
				t.Errorf("followers heard of %d changes", n)
			}
			if now, err := d.direct.TokenByID(t.Context(), d.token.ID); err != nil || (now.Name == "After") != c.changed {
				t.Errorf("the token is now %q, %v", now.Name, err)
			}
			d.Mend()
			if err := rename(t.Context(), d.db, d.token, "Later"); err != nil {
				t.Errorf("the next change: %v", err)
			}
		})
	}
}

// TestACommitThatWaitsForAStandbyEnds has a server whose standby is gone: COMMIT waits forever.
func TestACommitThatWaitsForAStandbyEnds(t *testing.T) {
	t.Parallel()
	server := postgres.Start(t, "max_wal_senders=2", "wal_level=replica", "synchronous_commit=on")
	url := server.New(t)
	db, other := open(t, url), open(t, url)
	_, token, _ := acme(t, db)
	listening, stop := context.WithCancel(t.Context())
	defer stop()
	heard := &follower{}
	db.Follow(heard)
	go db.Listen(listening)
	keyportertest.Eventually(t, "it hears", db.Hears)

	server.Set(t, "synchronous_standby_names", "gone")
	db.SetStepTime(time.Second)
	var err error
	keyportertest.Eventually(t, "the server waits for its standby", func() bool { // it takes a moment to notice the setting
		err = rename(t.Context(), db, token, "After")
		return err != nil
	})
	if !keyporter.IsUncertain(err) || !strings.HasSuffix(keyporter.MessageOf(err), keyporter.MayHaveChanged) {
		t.Errorf("without a standby, a change says %v", err)
	}
	server.Set(t, "synchronous_standby_names", "")
	if now, err := other.TokenByID(t.Context(), token.ID); err != nil || now.Name != "After" {
		t.Errorf("the token is now %q, %v", now.Name, err)
	}
	if err := rename(t.Context(), db, token, "Later"); err != nil {
		t.Errorf("the next change: %v", err)
	}
}

// TestAChangeThatCommitsLaterIsHeard has the node's memory read the old state after a change whose
// outcome wasn't known, and before it was committed.
func TestAChangeThatCommitsLaterIsHeard(t *testing.T) {
	t.Parallel()
	d := newDistant(t, 500*time.Millisecond)
	listening, stop := context.WithCancel(t.Context())
	defer stop()
	go d.db.Listen(listening)
	keyportertest.Eventually(t, "it hears", d.db.Hears)

	d.OnCommit(keyportertest.CommitLate, true)
	if err := rename(t.Context(), d.db, d.token, "After"); !keyporter.IsUncertain(err) {
		t.Errorf("the change says %v", err)
	}
	if now, err := d.direct.TokenByID(t.Context(), d.token.ID); err != nil || now.Name == "After" {
		t.Errorf("the token is already %q, %v", now.Name, err)
	}
	before := d.heard.changes.Load()
	d.Mend() // lets the commit through
	keyportertest.Eventually(t, "it is heard when it is committed", func() bool { return d.heard.changes.Load() > before || d.heard.resets.Load() > 1 })
}

// TestEveryStepOfAChangeHasADeadline has another transaction hold the row.
func TestEveryStepOfAChangeHasADeadline(t *testing.T) {
	t.Parallel()
	keyportertest.EachOfBoth(t, func(t *testing.T, url string) {
		db, other := open(t, url), open(t, url)
		_, token, _ := acme(t, db)
		db.SetStepTime(300 * time.Millisecond)
		err := other.Do(t.Context(), func(tx *store.Tx) error {
			if err := tx.RenameToken(t.Context(), token.ID, "Held"); err != nil {
				return err
			}
			short, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			for who, ctx := range map[string]context.Context{"the step": t.Context(), "the caller": short} {
				err := rename(ctx, db, token, "After")
				if keyporter.KindOf(err) != keyporter.Unavailable || keyporter.IsUncertain(err) || keyporter.MessageOf(err) != "The database takes too long to answer." {
					t.Errorf("when %s has no more time, the change says %v", who, err)
				}
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		// Steps may be many, and together take longer than one may.
		db.SetStepTime(2 * time.Second)
		start := time.Now()
		if err := db.Do(t.Context(), func(tx *store.Tx) error {
			for ; time.Since(start) < 2500*time.Millisecond; time.Sleep(50 * time.Millisecond) {
				if _, err := tx.TokenByID(t.Context(), token.ID); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			t.Errorf("a long change of short steps: %v", err)
		}
		if err := rename(t.Context(), db, token, "Later"); err != nil {
			t.Errorf("the next change: %v", err)
		}
	})
}
