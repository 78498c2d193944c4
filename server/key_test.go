package server

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/keyporter/keyporter"
)

func TestTheKeyNextToTheDatabase(t *testing.T) {
	t.Parallel()
	c := Config{Database: filepath.Join(t.TempDir(), "keyporter.db")}
	first, err := c.Sealer()
	if err != nil {
		t.Fatal(err)
	}
	sealed := first.Seal("a", []byte("x"))
	info, err := os.Stat(c.Database + ".key")
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	again, err := c.Sealer()
	if err != nil {
		t.Fatal(err)
	}
	if plain, err := again.Open("a", sealed); err != nil || string(plain) != "x" {
		t.Errorf("the second start uses a different key: %v", err)
	}
	if s, err := (Config{Database: "postgres://x/y"}).Sealer(); s != nil || err != nil {
		t.Errorf("with PostgreSQL, a key was created: %v", err)
	}
	for _, bad := range []string{"", "# nothing\n", "AAAA\n", "not base64 at all, and much too long to be a key\n"} {
		path := filepath.Join(t.TempDir(), "key")
		if err := os.WriteFile(path, []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := (Config{KeyFile: path}).Sealer(); err == nil || strings.Contains(err.Error(), "much too long") {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if _, err := (Config{KeyFile: "/does/not/exist"}).Sealer(); err == nil {
		t.Error("a missing file is no error")
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
