package grants

import (
	"crypto/rsa"
	"encoding/json"
	"fmt"

	"github.com/go-jose/go-jose/v4"

	"github.com/keyporter/keyporter"
)

// The limits of an app's keys.
const (
	maxKeys    = 10 // enough to replace them one by one
	maxKeysLen = 16 << 10
	minRSABits = 2048
)

// CheckKeys requires the keys that an app authenticates with to be a JWK Set (RFC 7517) of public
// keys only: a private key that someone enters here is no longer private. Its errors are Invalid,
// about the field.
func CheckKeys(field, text string) error {
	bad := func(format string, args ...any) error {
		return keyporter.InvalidField(field, fmt.Sprintf(format, args...))
	}
	if text == "" {
		return bad("Enter the app’s public keys as a JWK Set (RFC 7517).")
	}
	if len(text) > maxKeysLen {
		return bad("The keys are too long. The limit is %d KiB.", maxKeysLen>>10)
	}
	var raw struct {
		Keys []map[string]any `json:"keys"`
	}
	if err := json.Unmarshal([]byte(text), &raw); err != nil || len(raw.Keys) == 0 {
		return bad("This isn’t a JWK Set (RFC 7517): a JSON object whose member keys is a list with at least one key.")
	}
	for i, k := range raw.Keys {
		for _, private := range []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k"} {
			if _, has := k[private]; has {
				return bad("Key %d has a secret part, %s. Enter public keys only, and create a new key: this one has been exposed.", i+1, private)
			}
		}
	}
	var set jose.JSONWebKeySet
	if err := json.Unmarshal([]byte(text), &set); err != nil {
		return bad("One of the keys can’t be read.")
	}
	if len(set.Keys) > maxKeys || len(set.Keys) != len(raw.Keys) {
		return bad("The set can have at most %d keys, all of a known kind.", maxKeys)
	}
	for i, k := range set.Keys {
		if !k.Valid() || !k.IsPublic() {
			return bad("Key %d isn’t an RSA, EC, or OKP public key.", i+1)
		}
		if isSmall(k) {
			return bad("Key %d is too small. An RSA key needs at least %d bits.", i+1, minRSABits)
		}
	}
	return nil
}

// isSmall reports whether a key could be broken.
func isSmall(key jose.JSONWebKey) bool {
	r, ok := key.Key.(*rsa.PublicKey)
	return ok && r.N.BitLen() < minRSABits
}
