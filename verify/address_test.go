package verify_test

import (
	"strings"
	"testing"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/keyportertest"
	"github.com/keyporter/keyporter/verify"
)

// TestWhereNothingSaysAnAPIsAddressProofsAreRefused leaves out what says it, one by one.
func TestWhereNothingSaysAnAPIsAddressProofsAreRefused(t *testing.T) {
	t.Parallel()
	w := newAccessWorld(t, keyportertest.Database(t))
	_, secret := w.AccessToken(t, w.connection, keyporter.AccessToken{Scopes: []string{"file.read"}, KeyHash: w.key.Hash()})
	for what, c := range map[string]struct {
		resource string
		hosts    []string
		address  string
		htu      string // "" : none is right
	}{
		"nothing":             {"", nil, "", ""},
		"hosts alone":         {"", []string{"api.example"}, "", ""}, // neither the scheme nor the port
		"the address":         {"", nil, "https://keys.example:8443", "https://keys.example:8443"},
		"hosts":               {"", []string{"other.example", "api.example"}, "https://keys.example:8443", "https://api.example:8443"},
		"the resource":        {"http://api.example:81/v1", nil, "", "http://api.example:81"},
		"resource and hosts":  {"http://api.example:81/v1", []string{"api.example"}, "https://keys.example", "https://api.example"},
		"resource and a host": {"http://api.example:81/v1", []string{"api.example"}, "https://keys.example", "http://api.example:81"},
	} {
		api := verify.API{Name: "drive", Upstream: "http://127.0.0.1:1", Resource: c.resource, Hosts: c.hosts, Routes: []verify.Route{{Path: "/drive/{rest...}"}}}
		checker, err := verify.New(w.DB, verify.Options{APIs: []verify.API{api}, Address: c.address, Now: w.Clock.Now})
		if err != nil {
			t.Fatal(err)
		}
		for _, htu := range []string{"http://api.example", "https://api.example", "https://api.example:8443", "http://api.example:81", "https://keys.example:8443", "https://evil.example"} {
			req := w.proved(secret)
			req.Host, req.DPoP = "api.example", []string{w.key.Proof("GET", htu+"/drive/1", secret, w.Clock.Now())}
			right := htu == c.htu || what == "resource and hosts" && htu == "http://api.example:81" || what == "resource and a host" && htu == "https://api.example"
			d := checker.Check(t.Context(), req)
			if d.Allowed != right {
				t.Errorf("%s, proved for %s: %v %s", what, htu, d.Allowed, d.Reason)
			}
		}
	}
}

func TestARefusedProofNamesTheRightAddress(t *testing.T) {
	t.Parallel()
	key := keyportertest.NewProofKey(t)
	for want, origins := range map[string][]string{
		"has to set the API's resource":                            nil,
		"begins with https://api.example or https://keys.example.": {"https://api.example", "https://keys.example"},
	} {
		proof := key.Proof("GET", "https://evil.example/x", keyporter.NewSecret(keyporter.SecretAccessToken), time.Now())
		_, err := verify.ReadProof([]string{proof}, verify.Proven{Method: "GET", Origins: origins, Path: "/x", Now: time.Now()})
		if text := keyporter.MessageOf(err); !strings.Contains(text, want) || strings.Contains(text, "evil") {
			t.Errorf("%v: %s", origins, text)
		}
	}
}
