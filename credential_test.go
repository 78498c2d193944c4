package keyporter_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/keyporter/keyporter"
)

func TestCredentialHeadersNeverReachAnAPI(t *testing.T) {
	names := keyporter.CredentialHeaderNames()
	var identity []string
	for _, h := range new(keyporter.Principal).Identity() {
		identity = append(identity, h.Name)
	}
	for _, name := range slices.Concat(names, identity, []string{keyporter.HeaderRequestID}) {
		if name != http.CanonicalHeaderKey(name) {
			t.Errorf("%q isn't in canonical form", name)
		}
		for _, spelling := range []string{name, strings.ToUpper(name), strings.ReplaceAll(name, "-", "_"), "_" + name} {
			if !keyporter.IsOwnHeader(spelling) {
				t.Errorf("%q may reach an API", spelling)
			}
		}
	}
	for _, name := range []string{"Accept", "X-Api-Token-Id", "Authorization-Info", "Xkeyporte", ""} {
		if keyporter.IsOwnHeader(name) {
			t.Errorf("%q is removed", name)
		}
	}
	h := http.Header{}
	for _, name := range names {
		h.Set(name, "value of "+name)
	}
	for i, values := range keyporter.CredentialHeadersOf(h) {
		if len(values) != 1 || values[0] != "value of "+names[i] {
			t.Errorf("%s is read as %q", names[i], values)
		}
	}
}

func TestCredentialsAreReadWithoutAllocating(t *testing.T) {
	secret := keyporter.NewSecret(keyporter.SecretUserToken).Reveal()
	h := http.Header{"Apitoken": {secret}, "Authorization": {"Bearer " + secret}, "Userloginname": {" ada@acme.example "}}
	allocations := testing.AllocsPerRun(100, func() {
		c := keyporter.CredentialHeadersOf(h)
		if p := c.Read(); p.Secret != secret || p.TwoSecrets || p.Login != "ada@acme.example" || keyporter.IsOwnHeader("Accept-Language") {
			t.Errorf("%+v", p)
		}
	})
	if allocations != 0 {
		t.Errorf("%v allocations", allocations)
	}
}
