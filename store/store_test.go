package store_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/keyportertest"
	"github.com/keyporter/keyporter/store"
)

func TestMain(m *testing.M) { keyportertest.Main(m) }

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func open(t *testing.T, url string) *store.DB {
	t.Helper()
	db, err := store.Open(t.Context(), url, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func do(t *testing.T, db *store.DB, f func(tx *store.Tx) error) {
	t.Helper()
	if err := db.Do(t.Context(), f); err != nil {
		t.Fatal(err)
	}
}

// acme writes an organization with one user and one token, and returns them.
func acme(t *testing.T, db *store.DB) (keyporter.User, keyporter.Token, keyporter.Secret) {
	t.Helper()
	org := keyporter.Organization{ID: "org", Name: "Acme", Active: true, Flags: []keyporter.Flag{keyporter.FlagAPI}, CreatedAt: noon}
	ada := keyporter.User{ID: "ada", OrganizationID: org.ID, Login: "Ada@acme.example", Active: true, RoleIDs: []keyporter.ID{keyporter.RoleAPIUser}, CreatedAt: noon}
	secret := keyporter.NewSecret(keyporter.SecretUserToken)
	token := keyporter.Token{ID: "token", OrganizationID: org.ID, OwnerID: ada.ID, Kind: keyporter.UserToken, Name: "Export", CreatedAt: noon, First: secret.First(), Last: secret.Last()}
	do(t, db, func(tx *store.Tx) error {
		return errors.Join(tx.InsertOrganization(t.Context(), org), tx.InsertUser(t.Context(), ada, "hash"), tx.InsertToken(t.Context(), token, secret.Hash()))
	})
	return ada, token, secret
}

func TestWritesAreReadBack(t *testing.T) {
	t.Parallel()
	keyportertest.EachOfBoth(t, func(t *testing.T, url string) {
		db := open(t, url)
		ada, token, secret := acme(t, db)

		user, err := db.UserByLogin(t.Context(), "ADA@ACME.example")
		if err != nil || user.ID != ada.ID || user.Login != "Ada@acme.example" || len(user.RoleIDs) != 1 {
			t.Errorf("UserByLogin = %+v, %v", user, err)
		}
		org, err := db.OrganizationByName(t.Context(), "aCME")
		if err != nil || !org.Has(keyporter.FlagAPI) || org.Has(keyporter.FlagOrganizationAPIToken) {
			t.Errorf("OrganizationByName = %+v, %v", org, err)
		}
		got, err := db.TokenByID(t.Context(), token.ID)
		if err != nil || got != token {
			t.Errorf("TokenByID = %+v, %v; want %+v", got, err, token)
		}
		found, err := db.CredentialsByHash(t.Context(), []keyporter.SecretHash{{1}, secret.Hash(), {2}})
		want := store.Credential{TokenID: "token", Kind: keyporter.CredentialUserToken, CreatedAt: noon, Standing: store.Standing{UserID: "ada", Login: "Ada@acme.example", UserActive: true, Granted: true}, OrganizationID: "org", OrganizationActive: true, FlagAPI: true}
		if err != nil || len(found) != 1 || !reflect.DeepEqual(found[secret.Hash()], want) {
			t.Errorf("CredentialsByHash = %+v, %v; want %+v", found, err, want)
		}
		if _, err := db.TokenByID(t.Context(), "tok\x00\xff"); err == nil {
			t.Error("an ID that isn't text is found")
		}
	})
}

func TestACustomRoleGrantsAndBlocks(t *testing.T) {
	t.Parallel()
	keyportertest.EachOfBoth(t, func(t *testing.T, url string) {
		db := open(t, url)
		ada, _, secret := acme(t, db)
		role := func(id keyporter.ID, e keyporter.Effect) keyporter.Role {
			return keyporter.Role{ID: id, OrganizationID: ada.OrganizationID, Name: string(id), Effects: map[keyporter.Permission]keyporter.Effect{keyporter.PermissionUseAPI: e}}
		}
		do(t, db, func(tx *store.Tx) error {
			return errors.Join(tx.InsertRole(t.Context(), role("granting", keyporter.EffectGrant), noon), tx.InsertRole(t.Context(), role("blocking", keyporter.EffectBlock), noon))
		})
		for _, c := range []struct {
			roles            []keyporter.ID
			granted, blocked bool
		}{
			{nil, false, false},
			{[]keyporter.ID{keyporter.RoleMember}, false, false},
			{[]keyporter.ID{"granting"}, true, false},
			{[]keyporter.ID{"blocking"}, false, true},
			{[]keyporter.ID{"granting", "blocking"}, true, true},
			{[]keyporter.ID{keyporter.RoleAPIUser, "blocking"}, true, true},
		} {
			do(t, db, func(tx *store.Tx) error { return tx.SetUserRoles(t.Context(), ada.ID, c.roles) })
			found, err := db.CredentialsByHash(t.Context(), []keyporter.SecretHash{secret.Hash()})
			cred := found[secret.Hash()]
			if err != nil || cred.Granted != c.granted || cred.Blocked != c.blocked {
				t.Errorf("%v: granted %v, blocked %v, %v", c.roles, cred.Granted, cred.Blocked, err)
			}
			roles, err := db.RolesOf(t.Context(), ada.ID)
			use := keyporter.Resolve(roles, keyporter.PermissionUseAPI)
			if err != nil || use.Held() != (c.granted && !c.blocked) || (len(use.Blocking) > 0) != c.blocked {
				t.Errorf("%v: RolesOf resolves to %+v, %v", c.roles, use, err)
			}
			before := db.Statements()
			many, err := db.CredentialsByHash(t.Context(), []keyporter.SecretHash{secret.Hash(), {1}})
			if _, found := many[secret.Hash()]; err != nil || found == c.blocked || db.Statements() != before+1 {
				t.Errorf("%v: among many, found %v, %v, in %d statements", c.roles, found, err, db.Statements()-before)
			}
		}
	})
}

func TestTakenNamesAreConflicts(t *testing.T) {
	t.Parallel()
	keyportertest.EachOfBoth(t, func(t *testing.T, url string) {
		db := open(t, url)
		ada, token, _ := acme(t, db)
		token.ID, token.Name = "other", "EXPORT"
		for what, insert := range map[string]func(tx *store.Tx) error{
			"token": func(tx *store.Tx) error { return tx.InsertToken(t.Context(), token, keyporter.SecretHash{2}) },
			"login": func(tx *store.Tx) error {
				return tx.InsertUser(t.Context(), keyporter.User{ID: "new", OrganizationID: ada.OrganizationID, Login: "ada@ACME.example"}, "")
			},
			"organization": func(tx *store.Tx) error {
				return tx.InsertOrganization(t.Context(), keyporter.Organization{ID: "new", Name: "ACME"})
			},
		} {
			if err := db.Do(t.Context(), insert); keyporter.KindOf(err) != keyporter.Conflict {
				t.Errorf("%s: %v", what, err)
			}
		}
	})
}

// TestNamesGetTodaysKeys opens a database to which a release wrote whose keys only ignored letter
// case.
func TestNamesGetTodaysKeys(t *testing.T) {
	t.Parallel()
	keyportertest.EachOfBoth(t, func(t *testing.T, url string) {
		db := open(t, url)
		_, token, _ := acme(t, db)
		do(t, db, func(tx *store.Tx) (err error) {
			for i, u := range []struct{ id, login, key string }{
				{"rene", "rene\u0301@acme.example", "rene\u0301@acme.example"},
				{"zoe", "ﬁle@acme.example", "ﬁle@acme.example"}, // older than the next, but without the key
				{"able", "file@acme.example", "file@acme.example"},
				{"zack", "ﬂy@acme.example", "ﬂy@acme.example"}, // neither has the key, and this one is older
				{"bert", "ｆly@acme.example", "ｆly@acme.example"},
				{"one", "straße@acme.example", "somebody’s"}, // each has the other's key, which no release would have written
				{"two", "größe@acme.example", "strasse@acme.example"},
			} {
				user := keyporter.User{ID: keyporter.ID(u.id), OrganizationID: "org", Login: u.id + "@acme.example", Active: true, CreatedAt: noon.Add(time.Duration(i) * time.Second)}
				err = errors.Join(err, tx.InsertUser(t.Context(), user, ""), tx.SetName(t.Context(), user.ID, u.login, u.key))
			}
			// Two users may have tokens of the same name.
			for i, owner := range []keyporter.ID{"rene", "zoe"} {
				token.ID, token.OwnerID, token.Name = "token-of-"+owner, owner, "Old"
				err = errors.Join(err, tx.InsertToken(t.Context(), token, keyporter.SecretHash{byte(i)}), tx.SetName(t.Context(), token.ID, "Straße", "straße"))
			}
			token.ID, token.Name = "ci", "CI"
			err = errors.Join(err, tx.InsertToken(t.Context(), token, keyporter.SecretHash{7}), tx.SetName(t.Context(), token.ID, "CI  bot", "ci  bot"))
			return err
		})
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}

		for range 2 { // the second start changes nothing
			var log bytes.Buffer
			db, err := store.Open(t.Context(), url, slog.New(slog.NewTextHandler(&log, nil)))
			if err != nil {
				t.Fatal(err)
			}
			for login, want := range map[string]keyporter.ID{
				"ren\u00e9@acme.example": "rene", "RENE\u0301@acme.example": "rene", "ada@acme.example": "ada", "file@acme.example": "able", "ﬁle@acme.example": "able",
				"fly@acme.example": "zack", "strasse@acme.example": "one", "grösse@acme.example": "two", "\x01zoe": "", "\x01bert": "",
			} {
				if got, err := db.UserByLogin(t.Context(), login); got.ID != want || (err == nil) != (want != "") {
					t.Errorf("%q is %q, %v; want %q", login, got.ID, err, want)
				}
			}
			for _, want := range []string{"first=able second=zoe", "first=zack second=bert"} {
				if strings.Count(log.String(), "level=WARN") != 2 || !strings.Contains(log.String(), want) {
					t.Errorf("logged %s, want %s", log.String(), want)
				}
			}
			if logins, _, err := db.OutsidersIn(t.Context(), "acme.example", "elsewhere", 100); err != nil || !slices.Contains(logins, "ﬁle@acme.example") {
				t.Errorf("in the domain are %q, %v, without a user who isn't found by name", logins, err)
			}
			for _, name := range []string{"STRASSE", "ci bot"} {
				token.ID, token.Name = "new", name
				if err := db.Do(t.Context(), func(tx *store.Tx) error { return tx.InsertToken(t.Context(), token, keyporter.SecretHash{8}) }); keyporter.KindOf(err) != keyporter.Conflict {
					t.Errorf("a second token %q: %v", name, err)
				}
			}
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestAFailedTransactionLeavesNothing(t *testing.T) {
	t.Parallel()
	keyportertest.EachOfBoth(t, func(t *testing.T, url string) {
		db := open(t, url)
		ada, token, _ := acme(t, db)
		heard := &follower{}
		db.Follow(heard)
		stop := errors.New("stop")
		err := db.Do(t.Context(), func(tx *store.Tx) error {
			if err := tx.DeleteToken(t.Context(), token.ID, time.Now()); err != nil {
				return err
			}
			if err := tx.InsertEvent(t.Context(), keyporter.Event{ID: "e", At: noon, Name: keyporter.EventTokenDelete, OrganizationID: ada.OrganizationID, TokenID: token.ID}); err != nil {
				return err
			}
			return stop
		})
		if !errors.Is(err, stop) {
			t.Fatal(err)
		}
		if _, err := db.TokenByID(t.Context(), token.ID); err != nil {
			t.Errorf("the token is gone: %v", err)
		}
		if events, err := db.Events(t.Context(), ada.OrganizationID, "", 10); err != nil || len(events) != 0 {
			t.Errorf("the events are %v, %v", events, err)
		}
		if heard.changes.Load() != 0 {
			t.Error("followers heard of what didn't happen")
		}
	})
}

func TestEventsAreReadAsWritten(t *testing.T) {
	t.Parallel()
	keyportertest.EachOfBoth(t, func(t *testing.T, url string) {
		db := open(t, url)
		ada, token, _ := acme(t, db)
		for _, id := range []keyporter.ID{"1", "2", "3"} {
			e := keyporter.Event{
				ID: id, At: noon, Name: keyporter.EventTokenRename, OrganizationID: ada.OrganizationID, UserID: ada.ID, TokenID: token.ID,
				Actor:  keyporter.Actor{Kind: keyporter.ActorSession, User: keyporter.User{ID: ada.ID, Login: ada.Login}, Address: "192.0.2.1", RequestID: "r"},
				Detail: map[string]string{"name": `"<b>`},
			}
			do(t, db, func(tx *store.Tx) error { return tx.InsertEvent(t.Context(), e) })
		}
		events, err := db.Events(t.Context(), ada.OrganizationID, "3", 1)
		if err != nil || len(events) != 1 || events[0].ID != "2" || events[0].Detail["name"] != `"<b>` || events[0].Actor.User.Login != ada.Login || !events[0].At.Equal(noon) {
			t.Errorf("Events = %+v, %v", events, err)
		}
	})
}

func TestUsesAddUp(t *testing.T) {
	t.Parallel()
	keyportertest.EachOfBoth(t, func(t *testing.T, url string) {
		db := open(t, url)
		_, token, _ := acme(t, db)
		add := func(agent string, at time.Time, allowed, refused int) {
			u := store.Use{CredentialID: token.ID, ClientUse: keyporter.ClientUse{Agent: agent, Address: "192.0.2.1", Version: "esign 6", LastAt: at, Allowed: allowed, Refused: refused}}
			gone := u
			gone.CredentialID = "deleted meanwhile"
			do(t, db, func(tx *store.Tx) error { return tx.AddUses(t.Context(), store.Batch{Uses: []store.Use{gone, u}}) })
		}
		add("curl/8", noon, 3, 1)
		add("curl/8", noon.Add(-time.Hour), 2, 0) // another node's older batch, written later
		add("curl/8", noon.Add(-8*24*time.Hour), 5, 0)
		add("", noon.Add(-2*time.Hour), 1, 0)
		use, err := db.UseOf(t.Context(), token.ID, noon.Add(10*time.Minute))
		if err != nil {
			t.Fatal(err)
		}
		n := len(use.Hours)
		if use.Allowed != 6 || use.Refused != 1 || use.Hours[n-1] != 3 || use.Hours[n-2] != 2 || use.Hours[n-3] != 1 {
			t.Errorf("hours %v, allowed %d, refused %d", use.Hours[n-3:], use.Allowed, use.Refused)
		}
		if last, _ := use.Last(); len(use.Clients) != 2 || last.Agent != "curl/8" || !last.LastAt.Equal(noon) || last.Allowed != 10 {
			t.Errorf("clients %+v", use.Clients)
		}
		for range 2 * store.MaxClients {
			add("agent/"+string(keyporter.NewID(noon)), noon, 1, 0)
		}
		use, err = db.UseOf(t.Context(), token.ID, noon)
		if err != nil || len(use.Clients) != store.MaxClients+1 {
			t.Errorf("%d clients are kept, %v", len(use.Clients), err)
		}
		prune(t, db, noon.Add(40*24*time.Hour))
		if use, err := db.UseOf(t.Context(), token.ID, noon); err != nil || use.Allowed != 0 {
			t.Errorf("after pruning %d calls, %v", use.Allowed, err)
		}
		do(t, db, func(tx *store.Tx) error { return tx.DeleteToken(t.Context(), token.ID, time.Now()) })
	})
}

func TestAttemptsAreLimited(t *testing.T) {
	t.Parallel()
	keyportertest.EachOfBoth(t, func(t *testing.T, url string) {
		db := open(t, url)
		limit := store.Limit{Burst: 3, Every: time.Minute}
		attempt := func(at time.Time) error {
			return db.Attempt(t.Context(), at, store.Attempt{What: "login ada", Limit: limit})
		}
		var allowed atomic.Int32
		var all sync.WaitGroup
		for range 16 {
			all.Go(func() {
				if attempt(noon) == nil {
					allowed.Add(1)
				}
			})
		}
		all.Wait()
		if allowed.Load() != 3 {
			t.Errorf("%d of 16 attempts at once were allowed", allowed.Load())
		}
		err := attempt(noon.Add(15 * time.Second))
		e, _ := errors.AsType[*keyporter.Error](err)
		if e == nil || e.Kind != keyporter.TooMany || e.RetryAfter != 45*time.Second {
			t.Errorf("the next attempt: %+v", e)
		}
		if err := attempt(noon.Add(time.Minute)); err != nil {
			t.Errorf("after the wait: %v", err)
		}
		do(t, db, func(tx *store.Tx) error { return tx.ForgetAttempts(t.Context(), "login ada") })
		if err := attempt(noon); err != nil {
			t.Errorf("after a success: %v", err)
		}
	})
}

func TestASetupLinkWorksOnce(t *testing.T) {
	t.Parallel()
	keyportertest.EachOfBoth(t, func(t *testing.T, url string) {
		db := open(t, url)
		do(t, db, func(tx *store.Tx) error {
			return tx.ReplaceSetupLink(t.Context(), keyporter.SecretHash{1}, noon.Add(time.Hour))
		})
		var used atomic.Int32
		var all sync.WaitGroup
		for range 16 {
			all.Go(func() {
				if db.Do(t.Context(), func(tx *store.Tx) error { return tx.UseSetupLink(t.Context(), keyporter.SecretHash{1}, noon) }) == nil {
					used.Add(1)
				}
			})
		}
		all.Wait()
		if used.Load() != 1 {
			t.Errorf("used %d times", used.Load())
		}
	})
}

// TestAnotherProgramsDatabaseIsLeftAlone opens another program's database by mistake.
func TestAnotherProgramsDatabaseIsLeftAlone(t *testing.T) {
	t.Parallel()
	keyportertest.EachEmptyDatabase(t, func(t *testing.T, url string) {
		driver := "sqlite"
		if store.IsPostgres(url) {
			driver = "pgx"
		}
		foreign, err := sql.Open(driver, url)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = foreign.Close() }()
		if _, err := foreign.ExecContext(t.Context(), `CREATE TABLE users (name TEXT)`); err != nil {
			t.Fatal(err)
		}
		before, _ := os.ReadFile(url)
		_, err = store.Open(t.Context(), url, slog.New(slog.DiscardHandler))
		if keyporter.KindOf(err) != keyporter.Unavailable || !strings.Contains(keyporter.MessageOf(err), "has another program's tables") {
			t.Errorf("Open = %v", err)
		}
		if after, _ := os.ReadFile(url); !bytes.Equal(after, before) {
			t.Error("the file was changed")
		}
		if _, err := foreign.ExecContext(t.Context(), `INSERT INTO users (name) VALUES ('ada')`); err != nil {
			t.Error(err)
		}
	})
}

func TestDatabasesThatCantBeOpened(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for url, want := range map[string]string{
		write("text.db", strings.Repeat("isn't a Keyporter database ", 1000)): "damaged",
		dir: "The database file can't be opened. Does its folder exist, and is it writable? (open " + dir + ": is a directory)",
		filepath.Join(write("file", ""), "keyporter.db"):                                      "not a directory",
		"postgres://nobody:secretword@127.0.0.1:1/none":                                       "can't be reached",
		"postgres://%zz:secretword@":                                                          "can't be read",
		"postgres:///nowhere?host=" + filepath.Join(dir, "nosocket") + "&password=secretword": "can't be reached",
	} {
		_, err := store.Open(t.Context(), url, slog.New(slog.DiscardHandler))
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secretword") {
			t.Errorf("%s: %v", url, err)
		}
	}
}

func TestALockedSQLiteFileIsUnavailable(t *testing.T) {
	t.Parallel()
	url := keyportertest.SQLite(t)
	mine, other := open(t, url), open(t, url)
	_, token, _ := acme(t, mine)
	err := other.Do(t.Context(), func(*store.Tx) error {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		err := mine.Do(ctx, func(tx *store.Tx) error { return tx.DeleteToken(ctx, token.ID, time.Now()) })
		if keyporter.KindOf(err) != keyporter.Unavailable || !strings.Contains(keyporter.MessageOf(err), "locked") {
			t.Errorf("a write while another process writes: %v", err)
		}
		if _, err := mine.TokenByID(ctx, token.ID); err != nil {
			t.Errorf("a read while another process writes: %v", err)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestAFullDiskIsUnavailable(t *testing.T) {
	t.Parallel()
	db := open(t, keyportertest.SQLite(t))
	ada, token, _ := acme(t, db)
	do(t, db, func(tx *store.Tx) error { return tx.LimitPages(t.Context()) })
	var err error
	for i := range 10_000 {
		token.ID, token.Name = keyporter.NewID(noon), strings.Repeat("x", 90)+string(keyporter.NewID(noon))
		if err = db.Do(t.Context(), func(tx *store.Tx) error {
			return tx.InsertToken(t.Context(), token, keyporter.SecretHash{1, byte(i), byte(i >> 8)})
		}); err != nil {
			break
		}
	}
	if keyporter.KindOf(err) != keyporter.Unavailable || !strings.Contains(keyporter.MessageOf(err), "full") {
		t.Errorf("writing to a full disk: %v", err)
	}
	if _, err := db.UserByID(t.Context(), ada.ID); err != nil {
		t.Errorf("reading from a full disk: %v", err)
	}
}

// follower counts the calls it gets.
type follower struct{ changes, resets atomic.Int32 }

func (f *follower) Changed(all ...store.Change) {
	f.changes.Add(int32(len(all)))
}
func (f *follower) Reset() { f.resets.Add(1) }
