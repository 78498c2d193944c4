package main

import (
	"encoding/hex"
	"log/slog"
	"regexp"
	"strings"
	"testing"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/keyportertest"
	"github.com/keyporter/keyporter/server"
	"github.com/keyporter/keyporter/verify"
)

// normalized returns an answer without the parts that differ each time.
func normalized(s string) string {
	s = regexp.MustCompile(`,"ago_ms":\d+`).ReplaceAllString(s, "") // omitted when it is 0
	return regexp.MustCompile(`"\w{26}"|"iat":\d+|http://127\.0\.0\.1:\d+`).ReplaceAllString(strings.TrimSpace(s), "…")
}

// TestTheIntrospectionGuide runs each command in docs/how-to/introspection.md as the gateway
// configured there, and expects the answers given there.
func TestTheIntrospectionGuide(t *testing.T) {
	gateway := keyporter.NewSecret(keyporter.SecretGateway)
	hash := gateway.Hash()
	s, err := server.Start(t.Context(), server.Config{
		Listen: "127.0.0.1:0", Database: keyportertest.Database(t), APIs: []verify.API{{Name: "shop"}},
		Gateways: []server.Gateway{{Name: "shop-api", APIs: []string{"shop"}, SecretSHA256: hex.EncodeToString(hash[:])}},
	}, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Stop(t.Context()) })
	token, secret := keyportertest.Token(t, s.Control, keyportertest.User(t, s.Control, "Acme", "ada@acme.example", keyporter.RoleAPIUser), "Export")

	sh, printed, compared := newShell(t), "", 0
	for _, b := range blocks(t, "../../docs/how-to/introspection.md") {
		switch b.language {
		case "sh":
			commands := strings.ReplaceAll(b.text, "http://127.0.0.1:8080", s.URL())
			if first, rest, found := strings.Cut(commands, "read -rs TOKEN\n"); found {
				sh.run(first, gateway.Reveal())
				commands = "read -rs TOKEN\n" + rest
			}
			printed = sh.run(commands, secret.Reveal())
		case "note":
			if _, err := s.Control.DisableToken(t.Context(), keyporter.Command(), token.ID); err != nil {
				t.Fatal(err)
			}
		case "json", "text":
			compared++
			if normalized(printed) != normalized(b.text) {
				t.Errorf("the answer is\n%s\nand in the document\n%s", printed, b.text)
			}
		}
	}
	if compared != 5 {
		t.Errorf("%d answers were compared", compared)
	}
}
