package grants_test

import (
	"crypto/rsa"
	"encoding/json"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/keyporter/keyporter/control/grants"
	"github.com/keyporter/keyporter/keyportertest"
)

// FuzzKeys requires whatever is accepted to be a set of public keys that are hard to break.
func FuzzKeys(f *testing.F) {
	f.Add(keyportertest.NewProofKey(f).Set())
	f.Add(`{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}`)
	f.Add(`{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"}]}`)
	f.Add(`null`)
	f.Fuzz(func(t *testing.T, text string) {
		if grants.CheckKeys("keys", text) != nil {
			return
		}
		var set jose.JSONWebKeySet
		if err := json.Unmarshal([]byte(text), &set); err != nil || len(set.Keys) == 0 || len(set.Keys) > 10 {
			t.Fatalf("%q: %d keys, %v", text, len(set.Keys), err)
		}
		for _, k := range set.Keys {
			if r, ok := k.Key.(*rsa.PublicKey); !k.IsPublic() || !k.Valid() || ok && r.N.BitLen() < 2048 {
				t.Errorf("%q has the key %v", text, k)
			}
		}
	})
}
