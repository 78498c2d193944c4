package keyporter_test

import (
	"encoding/base64"
	"fmt"
	"hash/crc32"
	"log/slog"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/keyporter/keyporter"
)

const base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

var kinds = []keyporter.SecretKind{
	keyporter.SecretUserToken, keyporter.SecretOrganizationToken, keyporter.SecretAccessToken, keyporter.SecretRefreshToken, keyporter.SecretApp, keyporter.SecretGateway,
}

func TestASecretParses(t *testing.T) {
	for _, kind := range kinds {
		s := keyporter.NewSecret(kind)
		got, ok := keyporter.ParseSecret(s.Reveal())
		if !ok || got != kind || len(s.Reveal()) != keyporter.SecretLen {
			t.Errorf("%s: %q is read as %q, %v", kind, s.Reveal(), got, ok)
		}
	}
}

// TestTheChecksumIsCRC32 computes the checksum the way a secret scanner in another language would.
func TestTheChecksumIsCRC32(t *testing.T) {
	s := keyporter.NewSecret(keyporter.SecretUserToken).Reveal()
	sum, digits := crc32.ChecksumIEEE([]byte(s[:47])), ""
	for range 6 {
		digits = string(base62[sum%62]) + digits
		sum /= 62
	}
	if s[47:] != digits {
		t.Errorf("checksum %q, want %q", s[47:], digits)
	}
}

// TestATypoIsDetected changes one character or swaps two neighboring ones.
func TestATypoIsDetected(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := []byte(keyporter.NewSecret(rapid.SampledFrom(kinds).Draw(t, "kind")).Reveal())
		before := string(s)
		i := rapid.IntRange(0, len(s)-2).Draw(t, "where")
		if rapid.Bool().Draw(t, "swap") {
			s[i], s[i+1] = s[i+1], s[i]
		} else {
			s[i] = rapid.Byte().Draw(t, "what")
		}
		if _, ok := keyporter.ParseSecret(string(s)); ok && string(s) != before {
			t.Fatalf("%q passes for %q", s, before)
		}
	})
}

func TestMalformedSecrets(t *testing.T) {
	good := keyporter.NewSecret(keyporter.SecretUserToken).Reveal()
	for _, s := range []string{
		"", "kpu_", good[:52], good + "0", " " + good, good + " ", good + good, "kpx_" + good[4:], "KPU_" + good[4:],
		good[:20] + "-" + good[21:], good[:20] + "\x00" + good[21:], strings.ToUpper(good), strings.Repeat("k", 1<<20),
	} {
		if _, ok := keyporter.ParseSecret(s); ok {
			t.Errorf("%.60q is accepted as a secret", s)
		}
	}
}

func TestSecretsDiffer(t *testing.T) {
	seen, used := map[string]bool{}, map[rune]int{}
	for range 1000 {
		s := keyporter.NewSecret(keyporter.SecretUserToken).Reveal()
		if seen[s] {
			t.Fatal("the same secret twice")
		}
		seen[s] = true
		for _, c := range s[4:47] {
			used[c]++
		}
	}
	// 43,000 characters over 62 letters: 694 each on average, with a standard deviation of 26.
	for _, c := range base62 {
		if n := used[c]; n < 520 || n > 870 {
			t.Errorf("%q comes %d times", c, n)
		}
	}
}

func TestASecretDoesNotPrint(t *testing.T) {
	s := keyporter.NewSecret(keyporter.SecretUserToken)
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("added", "secret", s, "in", struct{ S keyporter.Secret }{s})
	for _, out := range []string{fmt.Sprint(s), fmt.Sprintf("%v %+v %#v %s %q", s, s, s, s, s), fmt.Sprintf("%+v", struct{ S keyporter.Secret }{s}), log.String()} {
		if strings.Contains(out, s.Reveal()[8:40]) {
			t.Errorf("the secret is in %s", out)
		}
	}
}

func TestWhatCanBeAnAccessToken(t *testing.T) {
	b64 := base64.RawURLEncoding.EncodeToString
	header := b64([]byte(`{"alg":"ES256","kid":"es256-20261129","typ":"at+jwt"}`))
	for text, want := range map[string]bool{
		keyporter.NewSecret(keyporter.SecretAccessToken).Reveal(): true,
		keyporter.NewSecret(keyporter.SecretUserToken).Reveal():   false,
		header + ".eyJ9.c2ln": true,
		header + ".eyJ9":      false,
		header + ".eyJ9.c.c":  false,
		header + ".eyJ9.c c":  false,
		header + "." + strings.Repeat("a", 8<<10-len(header)-3) + ".c": true,
		header + "." + strings.Repeat("a", 8<<10-len(header)-2) + ".c": false, // longer than a parameter of a form
		b64([]byte(`{"alg":"RS256","typ":"JWT"}`)) + ".eyJ9.c2ln":      false, // an ID token
		b64([]byte(`["at+jwt"]`)) + ".eyJ9.c2ln":                       false,
	} {
		if keyporter.IsAccessToken(text) != want || want && !keyporter.IsSecret(text) {
			t.Errorf("%.80s (%d bytes): %v", text, len(text), !want)
		}
	}
}

func FuzzParseSecret(f *testing.F) {
	f.Add(keyporter.NewSecret(keyporter.SecretUserToken).Reveal())
	f.Add("kpu_" + strings.Repeat("0", 49))
	f.Add("eyJ0eXAiOiJhdCtqd3QifQ.eyJ9.x") // {"typ":"at+jwt"}
	f.Fuzz(func(t *testing.T, s string) {
		kind, ok := keyporter.ParseSecret(s)
		if ok && (!strings.HasPrefix(s, string(kind)) || len(s) != keyporter.SecretLen || strings.Trim(s[4:], base62) != "") {
			t.Errorf("%q is a secret of kind %q", s, kind)
		}
		if keyporter.IsAccessToken(s) && (!keyporter.IsSecret(s) || !ok && strings.Count(s, ".") != 2 || len(s) > 8<<10 || strings.ContainsAny(s, " \r\n\x00")) {
			t.Errorf("%q is an access token", s)
		}
		if _, err := keyporter.ReadImportedSecret(keyporter.UserToken, s); err == nil && !keyporter.IsSecret(s) {
			t.Errorf("%q is imported, but never found", s)
		}
	})
}
