package keyporter_test

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/keyporter/keyporter"
)

func TestImportedSecrets(t *testing.T) {
	own, organization := keyporter.NewSecret(keyporter.SecretUserToken).Reveal(), keyporter.NewSecret(keyporter.SecretOrganizationToken).Reveal()
	const old = "asdfngtmvv8pfmsuaxpzz85zux3e63dd9zttrwitx9mln6qka6tds83du3p3lroe"
	for _, c := range []struct {
		text  string
		kind  keyporter.TokenKind
		shown string // empty if it can't be imported
	}{
		{old, keyporter.UserToken, "asdf…lroe"},
		{"4647688a-1b2c-4d5e-8f90-a1b2c3d4e5f6", keyporter.OrganizationToken, "4647…e5f6"},
		{strings.Repeat("!~", 256), keyporter.UserToken, "!~!~…!~!~"},
		{strings.Repeat("x", 22) + "123456789", keyporter.UserToken, "imported"}, // too short to show any characters
		{"1234567890123456", keyporter.UserToken, "imported"},
		{"AAAAAAAAAAAAAAAAAAAAAMLheAAAAAAA0BuSeid4ULvsea4JtiGRiSDSJSI", keyporter.UserToken, "AAAA…SJSI"},
		{own, keyporter.UserToken, own[:8] + "…" + own[49:]}, // from another Keyporter
		{organization, keyporter.OrganizationToken, organization[:8] + "…" + organization[49:]},
		{"KPU_" + own[4:], keyporter.UserToken, "KPU_…" + own[49:]},

		{"", keyporter.UserToken, ""},
		{strings.Repeat("x", 15), keyporter.UserToken, ""},
		{strings.Repeat("*", 64), keyporter.UserToken, ""}, // an export that hides the secrets
		{strings.Repeat("x", 28) + "lroe", keyporter.UserToken, ""},
		{"asd" + strings.Repeat(".", 57) + "lroe", keyporter.UserToken, ""},
		{strings.Repeat("x", 513), keyporter.UserToken, ""},
		{old + " " + old, keyporter.UserToken, ""},
		{old + "\t", keyporter.UserToken, ""},
		{old + "\x00", keyporter.UserToken, ""},
		{old + "\x7f", keyporter.UserToken, ""},
		{old + "é", keyporter.UserToken, ""},
		{own, keyporter.OrganizationToken, ""},
		{organization, keyporter.UserToken, ""},
		{keyporter.NewSecret(keyporter.SecretAccessToken).Reveal(), keyporter.UserToken, ""},
		{own[:52], keyporter.UserToken, ""},
		{own + "x", keyporter.UserToken, ""},
		{"kpc_" + strings.Repeat("x", 60), keyporter.UserToken, ""},
	} {
		s, err := keyporter.ReadImportedSecret(c.kind, c.text)
		if (err == nil) != (c.shown != "") {
			t.Errorf("%.70q as %s: %v", c.text, c.kind, err)
		}
		if err != nil {
			if len(c.text) > 0 && strings.Contains(err.Error(), c.text) {
				t.Errorf("the secret is in %v", err)
			}
			continue
		}
		token := keyporter.Token{First: s.First, Last: s.Last}
		if token.Shown() != c.shown || s.Hash != keyporter.HashSecret(c.text) || !keyporter.IsSecret(c.text) {
			t.Errorf("%.70q is shown as %q, accepted: %v", c.text, token.Shown(), keyporter.IsSecret(c.text))
		}
		if _, ours := keyporter.ParseSecret(c.text); token.Imported() == ours {
			t.Errorf("%.70q: imported %v", c.text, token.Imported())
		}
	}
}

func TestImportedSecretHashes(t *testing.T) {
	hash := keyporter.HashSecret("a secret of another system")
	for _, digits := range []string{fmt.Sprintf("%x", hash), fmt.Sprintf("%X", hash)} {
		if s, err := keyporter.ReadSecretHash(digits); err != nil || s.Hash != hash || s.First+s.Last != "" {
			t.Errorf("%s is read as %x, %v", digits, s.Hash, err)
		}
	}
	good := fmt.Sprintf("%x", hash)
	for _, digits := range []string{"", good[:62], good[:63], good + "0", good + "00", good[:63] + "g", " " + good[:63], fmt.Sprintf("%x", keyporter.HashSecret(""))} {
		if _, err := keyporter.ReadSecretHash(digits); err == nil {
			t.Errorf("%q is read", digits)
		}
	}
}

// The checksum must still catch typos now that secrets can be imported. Only a typo in the
// prefix turns a Keyporter secret into a text that could be an imported one.
func TestATypoInAKeyporterSecretIsNoImportedSecret(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := []byte(keyporter.NewSecret(rapid.SampledFrom(kinds).Draw(t, "kind")).Reveal())
		before := string(s)
		s[rapid.IntRange(4, len(s)-1).Draw(t, "where")] = rapid.Byte().Draw(t, "what")
		if string(s) != before && keyporter.IsSecret(string(s)) {
			t.Fatalf("%q passes for %q", s, before)
		}
		if cut := before[:rapid.IntRange(0, len(before)-1).Draw(t, "cut")]; keyporter.IsSecret(cut) {
			t.Fatalf("%q passes for %q", cut, before)
		}
	})
}

func TestHashingAnImportedSecretAllocatesNothing(t *testing.T) {
	for _, length := range []int{16, 64, 65, 66, 512} {
		text := strings.Repeat("x", length)
		if n := testing.AllocsPerRun(100, func() { _ = keyporter.HashSecret(text) }); n > 0 {
			t.Errorf("%v allocations for %d bytes", n, length)
		}
	}
}
