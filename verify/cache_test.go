package verify

import (
	"testing"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/store"
)

// TestDroppingATokenDropsBothSecrets has a full cache evict one of a token's two secrets.
// Switching the token off must then still drop the other one.
func TestDroppingATokenDropsBothSecrets(t *testing.T) {
	t.Parallel()
	c := newCache(2)
	put := func(secret string, token keyporter.ID) keyporter.SecretHash {
		hash := keyporter.HashSecret(secret)
		c.put(c.generation(), newEntry(hash, store.Credential{TokenID: token}))
		return hash
	}
	before, after := put("before", "rotated"), put("after", "rotated")
	c.get(before) // so that the hand takes the other one
	third := put("third", "another")
	if c.get(after) != nil || c.get(before) == nil || c.get(third) == nil {
		t.Fatal("the hand took a different entry than this test is about")
	}
	c.dropToken("rotated")
	if c.get(before) != nil {
		t.Error("a secret of the dropped token is still cached")
	}
	if c.dropToken("another"); c.get(third) != nil || len(c.byToken) != 0 {
		t.Errorf("dropped tokens are still in byToken: %v", c.byToken)
	}
}
