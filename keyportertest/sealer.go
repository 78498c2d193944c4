package keyportertest

import (
	"crypto/sha256"
	"testing"

	"github.com/keyporter/keyporter"
)

// Sealer is that of every node in tests.
func Sealer(t testing.TB) *keyporter.Sealer {
	t.Helper()
	s, err := keyporter.NewSealer(sha256.Sum256([]byte("keyportertest")))
	if err != nil {
		t.Fatal(err)
	}
	return s
}
