package store_test

import (
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/keyporter/keyporter/keyportertest"
)

// upgrade is a database that two releases use.
type upgrade struct {
	t        *testing.T
	database string
}

func (u upgrade) command(program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(u.t.Context(), program, args...)
	cmd.Dir = u.t.TempDir()
	cmd.Env = append(os.Environ(), "KEYPORTER_DATABASE="+u.database, "KEYPORTER_LISTEN=127.0.0.1:0")
	return cmd
}

// run runs a command. If it is refused, its output must contain a text.
func (u upgrade) run(program, refused string, args ...string) string {
	u.t.Helper()
	out, err := u.command(program, args...).CombinedOutput()
	if (err != nil) != (refused != "") || !strings.Contains(string(out), refused) {
		u.t.Errorf("%s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

func (u upgrade) healthy(address string) {
	u.t.Helper()
	res, err := http.Get(address + "/healthz")
	if err != nil {
		u.t.Error(err)
		return
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusOK {
		u.t.Errorf("it isn't healthy: %d", res.StatusCode)
	}
}

// TestThePreviousReleaseRunsOnThisSchema upgrades while the previous release runs, and goes back.
func TestThePreviousReleaseRunsOnThisSchema(t *testing.T) {
	t.Parallel()
	older, newer := keyportertest.OlderBinary(t), keyportertest.Binary(t)
	keyportertest.EachEmptyDatabase(t, func(t *testing.T, url string) {
		u := upgrade{t, url}
		serve := func(program string) *keyportertest.Process {
			return keyportertest.Run(t, u.command(program, "serve"))
		}
		before := serve(older)
		u.run(older, "", "user", "add", "ada@acme.example", "--organization", "Acme", "--operator")

		// A command of the new release leaves the database to the old one.
		u.run(newer, "keyporter migrate", "user", "list")
		u.run(older, "", "user", "list")

		// The new one brings it up to date while the old one runs, which then starts again.
		u.run(newer, "", "migrate")
		u.healthy(before.URL)
		u.run(older, "", "user", "add", "grace@acme.example", "--organization", "Acme")
		after := serve(newer)
		before.Stop(t)
		u.healthy(serve(older).URL)
		u.healthy(after.URL)
		after.Stop(t)
		u.run(older, "", "token", "add", "ada@acme.example", "Old")
		if list := u.run(newer, "", "token", "list", "ada@acme.example") + u.run(newer, "", "user", "list"); !strings.Contains(list, "Old") || !strings.Contains(list, "grace@acme.example") {
			t.Errorf("the new release sees\n%s", list)
		}
	})
}
