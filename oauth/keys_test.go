package oauth_test

import (
	"crypto/rsa"
	"encoding/json"
	"net/http"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/keyporter/keyporter/keyportertest"
)

// TestRSAKeysHave3072Bits: tests make smaller ones, and the product must not.
func TestRSAKeysHave3072Bits(t *testing.T) {
	t.Parallel()
	s := keyportertest.NewNode(t, keyportertest.Database(t)).AuthServer(t, func(d *keyportertest.DoorsForApps) { d.RSABits = 0 })
	res, err := http.Get(s.URL + "/oauth2/jwks")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var set jose.JSONWebKeySet
	if err := json.NewDecoder(res.Body).Decode(&set); err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, k := range set.Keys {
		if public, ok := k.Key.(*rsa.PublicKey); ok {
			if found++; public.N.BitLen() != 3072 {
				t.Errorf("%s has %d bits", k.KeyID, public.N.BitLen())
			}
		}
	}
	if found == 0 {
		t.Error("there is no RSA key")
	}
}
