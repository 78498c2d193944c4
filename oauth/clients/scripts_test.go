// Package clients has only tests: third-party OAuth clients sign in at the running program. It is
// a module of its own, so that the product doesn't depend on them.
package clients

import (
	"testing"

	"github.com/keyporter/keyporter/keyportertest"
)

func TestMain(m *testing.M) { keyportertest.Main(m) }

func TestScripts(t *testing.T) {
	t.Parallel()
	for _, script := range scripts(t) {
		t.Run(script, func(t *testing.T) {
			t.Parallel()
			each(t, func(t *testing.T, p *provider) { runScript(t, script, p) })
		})
	}
}
