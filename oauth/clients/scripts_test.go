// Package clients has no code but tests: OAuth clients that nobody here wrote sign in at
// the program as it runs. It is a module of its own, so that what they need isn't the
// product's.
package clients

import (
	"testing"

	"github.com/keyporter/keyporter/keyportertest"
)

func TestMain(m *testing.M) { keyportertest.Main(m) }

func TestScripts(t *testing.T) {
	for _, script := range scripts(t) {
		t.Run(script, func(t *testing.T) {
			t.Run("keyporter", func(t *testing.T) { runScript(t, script, newKeyporter(t)) })
			t.Run("oracle", func(t *testing.T) { runScript(t, script, newOracle(t)) })
		})
	}
}
