package keyportertest

import (
	"fmt"
	"testing"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control"
)

// ImportTokens imports secrets of another system as tokens of a user, and switches them on.
func ImportTokens(t testing.TB, c *control.Control, owner keyporter.User, kind keyporter.TokenKind, secrets ...string) {
	t.Helper()
	var tokens []control.ImportedToken
	for i, text := range secrets {
		s, err := keyporter.ReadImportedSecret(kind, text)
		if err != nil {
			t.Fatal(err)
		}
		name := fmt.Sprintf("Imported %x", s.Hash[:8])
		tokens = append(tokens, control.ImportedToken{Line: i + 1, Kind: kind, Login: owner.Login, Name: name, Secret: s, Enabled: true})
	}
	done, err := c.ImportTokens(t.Context(), keyporter.Command(), tokens, control.ImportOptions{})
	if err != nil || done.New != len(secrets) || len(done.Faults) > 0 {
		t.Fatalf("%+v, %v", done, err)
	}
}
