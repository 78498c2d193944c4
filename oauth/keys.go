package oauth

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/keyporter/keyporter/control/grants"
	"github.com/keyporter/keyporter/web"
)

// A key signs for 90 days. Its successor is published a day before it signs, so that clients
// that cache our keys have it by then. A key is deleted when everything it signed has expired.
const (
	keyRotation = 90 * 24 * time.Hour
	keyAhead    = 24 * time.Hour
	keyKept     = 24 * time.Hour // longer than its last token lives
	keysReread  = time.Minute
)

// keyring holds the keys that sign ID tokens and JWTs. All nodes share them.
type keyring struct {
	grants  *grants.Grants
	rsaBits int

	mu     sync.Mutex
	readAt time.Time
	cached jose.JSONWebKeySet
}

// signingAlgorithms returns the algorithms we sign with: ID tokens with either, access tokens with
// the second.
func signingAlgorithms() []jose.SignatureAlgorithm {
	return []jose.SignatureAlgorithm{jose.RS256, jose.ES256}
}

// sign returns a JWT of this type with these claims.
func (k *keyring) sign(ctx context.Context, alg jose.SignatureAlgorithm, typ jose.ContentType, claims any) (string, error) {
	set, err := k.set(ctx)
	if err != nil {
		return "", err
	}
	i := slices.IndexFunc(set.Keys, func(key jose.JSONWebKey) bool { return key.Algorithm == string(alg) })
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: set.Keys[i]}, (&jose.SignerOptions{}).WithType(typ))
	if err != nil {
		return "", fmt.Errorf("sign by %s: %w", set.Keys[i].KeyID, err)
	}
	return jwt.Signed(signer).Claims(claims).Serialize()
}

// public returns the public key with this ID, or nil if it isn't one of ours, or not anymore.
func (k *keyring) public(ctx context.Context, id string) (*jose.JSONWebKey, error) {
	set, err := k.set(ctx)
	if err != nil {
		return nil, err
	}
	for _, key := range set.Keys {
		if key.KeyID == id {
			public := key.Public()
			return &public, nil
		}
	}
	return nil, nil //nolint:nilnil // there is none
}

// set returns all keys. For each algorithm, the one that signs comes first.
func (k *keyring) set(ctx context.Context) (jose.JSONWebKeySet, error) {
	now := k.grants.Now()
	k.mu.Lock()
	cached, age := k.cached, now.Sub(k.readAt)
	k.mu.Unlock()
	if age >= 0 && age < keysReread && len(cached.Keys) > 0 {
		return cached, nil
	}
	// Without the lock: a request must not wait for the database longer than it may. Requests
	// that read the keys at the same time read the same ones.
	rows, err := k.grants.SigningKeys(ctx)
	if err == nil {
		rows, err = k.rotate(ctx, rows, now)
	}
	if err != nil {
		return jose.JSONWebKeySet{}, err
	}
	var set jose.JSONWebKeySet
	for _, alg := range signingAlgorithms() {
		keys, err := readKeys(of(rows, alg))
		if err != nil {
			return set, err
		}
		i := signing(of(rows, alg), now)
		set.Keys = append(append(append(set.Keys, keys[i]), keys[:i]...), keys[i+1:]...)
	}
	k.mu.Lock()
	k.readAt, k.cached = now, set
	k.mu.Unlock()
	return set, nil
}

// rotate creates the keys that are due, and deletes those whose signatures have all expired.
func (k *keyring) rotate(ctx context.Context, rows []grants.SigningKey, now time.Time) ([]grants.SigningKey, error) {
	changed := false
	for _, alg := range signingAlgorithms() {
		keys := of(rows, alg)
		if len(keys) == 0 || now.Sub(keys[len(keys)-1].CreatedAt) >= keyRotation {
			key, err := newKey(alg, k.rsaBits, now)
			if err == nil {
				err = k.grants.AddSigningKey(ctx, key)
			}
			if err != nil {
				return nil, err
			}
			changed = true
		}
		for i := range max(0, len(keys)-1) {
			if now.After(signsFrom(keys, i+1).Add(k.grants.AccessTokenLifetime() + keyKept)) {
				if err := k.grants.DeleteSigningKey(ctx, keys[i].ID); err != nil {
					return nil, err
				}
				changed = true
			}
		}
	}
	if changed {
		return k.grants.SigningKeys(ctx)
	}
	return rows, nil
}

func of(rows []grants.SigningKey, alg jose.SignatureAlgorithm) []grants.SigningKey {
	return slices.DeleteFunc(slices.Clone(rows), func(r grants.SigningKey) bool { return r.Algorithm != string(alg) })
}

// signsFrom returns when a key begins to sign. The very first one begins at once.
func signsFrom(keys []grants.SigningKey, i int) time.Time {
	if i == 0 {
		return keys[i].CreatedAt
	}
	return keys[i].CreatedAt.Add(keyAhead)
}

// signing returns the index of the key that signs now: the latest that has begun.
func signing(keys []grants.SigningKey, now time.Time) int {
	for i := len(keys) - 1; i > 0; i-- {
		if !now.Before(signsFrom(keys, i)) {
			return i
		}
	}
	return 0
}

// newKey creates a key. Its ID contains the day: if several nodes create one at once, one wins.
func newKey(alg jose.SignatureAlgorithm, rsaBits int, now time.Time) (grants.SigningKey, error) {
	var private any
	var err error
	if alg == jose.RS256 {
		private, err = rsa.GenerateKey(rand.Reader, rsaBits)
	} else {
		private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	if err != nil {
		return grants.SigningKey{}, fmt.Errorf("make a signing key: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	id := strings.ToLower(string(alg)) + "-" + now.UTC().Format("20060102")
	return grants.SigningKey{ID: id, Algorithm: string(alg), Key: der, CreatedAt: now}, err
}

func readKeys(rows []grants.SigningKey) ([]jose.JSONWebKey, error) {
	keys := make([]jose.JSONWebKey, len(rows))
	for i, r := range rows {
		private, err := x509.ParsePKCS8PrivateKey(r.Key)
		if err != nil {
			return nil, fmt.Errorf("read signing key %s: %w", r.ID, err)
		}
		keys[i] = jose.JSONWebKey{Key: private, KeyID: r.ID, Algorithm: r.Algorithm, Use: "sig"}
	}
	return keys, nil
}

// jwks publishes the public keys (RFC 7517 §5).
func (s *server) jwks(w http.ResponseWriter, r *http.Request, _ grants.Caller) error {
	set, err := s.keys.set(r.Context())
	if err != nil {
		return err
	}
	var public jose.JSONWebKeySet
	for _, key := range set.Keys {
		public.Keys = append(public.Keys, key.Public())
	}
	w.Header().Del("Pragma")
	w.Header().Set("Cache-Control", "public, max-age=3600") // less than keyAhead
	web.WriteJSON(w, http.StatusOK, public)
	return nil
}
