package server

import (
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control"
	"github.com/keyporter/keyporter/control/grants"
	"github.com/keyporter/keyporter/keyportertest"
	"github.com/keyporter/keyporter/seal"
	"github.com/keyporter/keyporter/store"
)

func TestTheKeyNextToTheDatabase(t *testing.T) {
	t.Parallel()
	c := Config{Database: keyportertest.SQLite(t)}
	db, err := store.Open(t.Context(), c.Database, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	first, err := c.Sealer(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	sealed := first.Seal("a", []byte("x"))
	info, err := os.Stat(c.Database + ".key")
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if all, err := filepath.Glob(c.Database + ".key*"); err != nil || len(all) != 1 {
		t.Errorf("%q, %v", all, err)
	}
	if err := writeKey(c.Database + ".key"); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a key in place of another: %v", err)
	}
	again, err := c.Sealer(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	if plain, err := again.Open("a", sealed); err != nil || string(plain) != "x" {
		t.Errorf("the second start uses a different key: %v", err)
	}
	if s, err := (Config{Database: "postgres://x/y"}).Sealer(t.Context(), db); s != nil || err != nil {
		t.Errorf("with PostgreSQL, a key was created: %v", err)
	}
	sealing := func(tx *store.Tx) error {
		_, err := tx.InsertSigningKey(t.Context(), store.SigningKey{ID: "k", Algorithm: "RS256", Key: sealed, CreatedAt: time.Now()})
		return err
	}
	if err := errors.Join(db.Do(t.Context(), sealing), os.Remove(c.Database+".key")); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Sealer(t.Context(), db); err == nil || !strings.Contains(err.Error(), "is missing") {
		t.Errorf("the key is lost: %v", err)
	}
	if _, err := os.Stat(c.Database + ".key"); err == nil {
		t.Error("a new key is where the lost one was")
	}
	for _, bad := range []string{"", "# nothing\n", "AAAA\n", "not base64 at all, and much too long to be a key\n"} {
		path := filepath.Join(t.TempDir(), "key")
		if err := os.WriteFile(path, []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := (Config{KeyFile: path}).Sealer(t.Context(), db); err == nil || strings.Contains(err.Error(), "much too long") {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if _, err := (Config{KeyFile: "/does/not/exist"}).Sealer(t.Context(), db); err == nil || !strings.Contains(err.Error(), "openssl rand -base64 32 >/does/not/exist") {
		t.Error("a missing file is no error")
	}
}

// TestAFullDiskLeavesNoKeyFile has a limit on the size of files stand for the disk. The limit is the
// process's, so no other test runs beside this one.
func TestAFullDiskLeavesNoKeyFile(t *testing.T) {
	folder := t.TempDir()
	var usual syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &usual); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 8, Max: usual.Max}); err != nil {
		t.Fatal(err)
	}
	full := writeKey(filepath.Join(folder, "key"))
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &usual); err != nil {
		t.Fatal(err)
	}
	if !errors.Is(full, syscall.EFBIG) {
		t.Errorf("on a full disk: %v", full)
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
		t.Errorf("it leaves %v, %v", left, err)
	}
}

func TestErrorsInSettingsForApps(t *testing.T) {
	t.Parallel()
	for want, c := range map[string]Config{
		"app_registration":     {AppRegistration: "always"},
		"access_token_minutes": {AccessTokenMinutes: -1},
		"name":                 {Scopes: []keyporter.Scope{{Name: "a b", Means: "x"}}},
		"means is missing":     {Scopes: []keyporter.Scope{{Name: "a"}}},
		"OpenID Connect":       {Scopes: []keyporter.Scope{{Name: "openid", Means: "x"}}},
		"two have the name":    {Scopes: []keyporter.Scope{{Name: "a", Means: "x"}, {Name: "a", Means: "y"}}},
	} {
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

// TestADatabaseKnowsItsKey starts Keyporter with keys that nothing was sealed with.
func TestADatabaseKnowsItsKey(t *testing.T) {
	t.Parallel()
	const a, b = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=", "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI="
	keyportertest.EachOfBoth(t, func(t *testing.T, url string) {
		c := Config{Listen: "127.0.0.1:0", Database: url, KeyFile: filepath.Join(t.TempDir(), "keys")}
		for i, try := range []struct {
			keys []string
			fits bool
		}{
			{[]string{a}, true},
			{[]string{b}, false},
			{[]string{a}, true},    // the wrong one changed nothing
			{[]string{a, b}, true}, // b is added on each node
			{[]string{b, a}, true}, // and then seals
			{[]string{a}, false},   // which doesn't open what b has sealed
			{[]string{a, b}, true}, // another node still seals with a
			{[]string{b, a}, true}, //
			{[]string{b}, true},    // a is given up
			{[]string{a}, false},   //
		} {
			if err := os.WriteFile(c.KeyFile, []byte(strings.Join(try.keys, "\n")), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := startAndStop(t, c); (err == nil) != try.fits || err != nil && !strings.Contains(err.Error(), "restore the right one") {
				t.Errorf("%d: %v", i, err)
			}
		}
		c.KeyFile = ""
		if err := startAndStop(t, c); err == nil || !strings.Contains(err.Error(), "If the key is lost") {
			t.Errorf("without a key: %v", err)
		}
	})
}

// TestALostKeyIsNotReplaced loses the key of a database that only knows which browsers it has seen, and then
// gives it up as the documentation says.
func TestALostKeyIsNotReplaced(t *testing.T) {
	t.Parallel()
	c := Config{Listen: "127.0.0.1:0", Database: keyportertest.SQLite(t)}
	key := c.Database + ".key"
	if err := errors.Join(startAndStop(t, c), os.Remove(key)); err != nil {
		t.Fatal(err)
	}
	if err := startAndStop(t, c); err == nil || !strings.Contains(err.Error(), key+" is missing") {
		t.Errorf("the key is lost: %v", err)
	}
	if _, err := os.Stat(key); err == nil {
		t.Error("a new key is where the lost one was")
	}
	keyportertest.Exec(t, c.Database, givingUpTheKey(t)...)
	if err := startAndStop(t, c); err != nil {
		t.Errorf("the key was given up: %v", err)
	}
}

// givingUpTheKey returns the statements that the documentation has for a lost key.
func givingUpTheKey(t *testing.T) []string {
	t.Helper()
	page, err := os.ReadFile("../docs/explanation/security.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "## If the key is lost")
	_, rest, _ = strings.Cut(rest, "```sql\n")
	recipe, _, _ := strings.Cut(rest, "```")
	return strings.Split(strings.TrimSpace(recipe), "\n")
}

// sealing returns what a release with this key has sealed in its database, by what it is.
func sealing(t *testing.T, db *store.DB, sealer *seal.Sealer) map[string]func() error {
	t.Helper()
	g := grants.New(db, grants.Options{Now: time.Now, Sealer: sealer})
	c := control.New(db, control.Options{Sealer: sealer, Scopes: keyportertest.Scopes(), Grants: g})
	node := &keyportertest.Node{Control: c, DB: db}
	return map[string]func() error{
		"signing key": func() error {
			return g.AddSigningKey(t.Context(), grants.SigningKey{ID: "k", Algorithm: "RS256", CreatedAt: time.Now()})
		},
		"webhook": func() error {
			app := node.App(t, keyporter.App{Webhook: "https://app.example/hook"})
			_, err := c.SetWebhookSecret(t.Context(), keyporter.Command(), app.ID)
			return err
		},
		"provider": func() error {
			org, err := c.CreateOrganization(t.Context(), keyporter.Command(), "Acme")
			if err != nil {
				return err
			}
			_, err = c.SetIdentityProvider(t.Context(), keyporter.Command(), keyporter.IdentityProvider{
				OrganizationID: org.ID, Name: "Acme login", Issuer: "https://login.acme.example", ClientID: "keyporter", Domains: []string{"acme.example"},
			}, "very secret")
			return err
		},
		"grant": func() error {
			app := node.App(t, keyporter.App{Name: "With a grant"})
			_, err := g.CreateGrant(t.Context(), keyporter.Grant{ID: keyporter.NewID(time.Now()), AppID: app.ID, Request: []byte("{}")}, grants.Code{})
			return err
		},
	}
}

// TestAWrongKeyIsNotTheFirst starts on a database of a release that didn't keep which key it has, with none and a wrong one first.
func TestAWrongKeyIsNotTheFirst(t *testing.T) {
	t.Parallel()
	for _, what := range []string{"signing key", "webhook", "provider", "grant"} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			keyportertest.EachDatabase(t, func(t *testing.T, url string) {
				dir := t.TempDir()
				right, wrong, both := filepath.Join(dir, "right"), filepath.Join(dir, "wrong"), filepath.Join(dir, "both")
				db, err := store.Open(t.Context(), url, slog.New(slog.DiscardHandler))
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = db.Close() }()
				if err := errors.Join(writeKey(right), writeKey(wrong), writeKey(both)); err != nil {
					t.Fatal(err)
				}
				c := Config{Listen: "127.0.0.1:0", Database: url, KeyFile: right}
				sealer, err := c.Sealer(t.Context(), db)
				if err != nil {
					t.Fatal(err)
				}
				if err := errors.Join(sealing(t, db, sealer)[what](), appendFile(both, right)); err != nil {
					t.Fatal(err)
				}
				for _, try := range []struct {
					file string
					fits bool
				}{{"", false}, {wrong, false}, {both, true}, {wrong, false}} { // the key was replaced before
					c.KeyFile = try.file
					if err := startAndStop(t, c); (err == nil) != try.fits || err != nil && !strings.Contains(err.Error(), "If the key is lost") {
						t.Errorf("%q: %v", try.file, err)
					}
				}
				keyportertest.Exec(t, url, givingUpTheKey(t)...)
				if err := startAndStop(t, c); err != nil {
					t.Errorf("the key was given up: %v", err)
				}
			})
		})
	}
}

// TestWhatALostKeySealedIsNoReasonToRefuseTheKey has a webhook's secret that was left over when an earlier key was lost.
func TestWhatALostKeySealedIsNoReasonToRefuseTheKey(t *testing.T) {
	t.Parallel()
	c := Config{Listen: "127.0.0.1:0", Database: keyportertest.SQLite(t)}
	db, err := store.Open(t.Context(), c.Database, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	sealer, err := c.Sealer(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(sealing(t, db, seal.Temporary())["webhook"](), sealing(t, db, sealer)["provider"](), startAndStop(t, c)); err != nil {
		t.Error(err)
	}
}

func appendFile(to, from string) error {
	before, err := os.ReadFile(to)
	more, err2 := os.ReadFile(from)
	return errors.Join(err, err2, os.WriteFile(to, append(before, more...), 0o600))
}

// TestTheKeyOfADatabaseBehindALink is beside the file, unless there is one beside the link.
func TestTheKeyOfADatabaseBehindALink(t *testing.T) {
	t.Parallel()
	file, link := keyportertest.SQLite(t), filepath.Join(t.TempDir(), "link.db")
	if err := os.Symlink(file, link); err != nil {
		t.Fatal(err)
	}
	c := Config{Listen: "127.0.0.1:0", Database: link}
	for _, err := range []error{startAndStop(t, c), os.Rename(file+".key", link+".key"), startAndStop(t, c)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(file + ".key"); err == nil {
		t.Error("there are two keys")
	}
}

func startAndStop(t *testing.T, c Config) error {
	t.Helper()
	s, err := Start(t.Context(), c, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		return err
	}
	return s.Stop(t.Context())
}
