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
	"github.com/keyporter/keyporter/keyportertest"
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
