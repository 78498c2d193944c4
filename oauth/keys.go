package oauth

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/luikyv/go-oidc/pkg/goidc"

	"github.com/keyporter/keyporter/control/grants"
)

// A key signs for 90 days. Its successor is published a day before it signs, so that who
// keeps our keys has it by then; and a key goes when all that it signed has expired.
const (
	keyRotation = 90 * 24 * time.Hour
	keyAhead    = 24 * time.Hour
	keyKept     = 24 * time.Hour // beyond the life of the longest token
	keysReread  = time.Minute
	rsaBits     = 2048
)

// keyring has the keys that sign ID tokens and JWTs. All nodes share them.
type keyring struct {
	grants *grants.Grants

	mu     sync.Mutex
	readAt time.Time
	cached goidc.JSONWebKeySet
}

func newKeyring(g *grants.Grants) *keyring { return &keyring{grants: g} }

func algorithms() []goidc.SignatureAlgorithm {
	return []goidc.SignatureAlgorithm{goidc.RS256, goidc.ES256}
}

// set returns all keys; of each algorithm the one that signs comes first.
func (k *keyring) set(ctx context.Context) (goidc.JSONWebKeySet, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.grants.Now()
	if age := now.Sub(k.readAt); age >= 0 && age < keysReread && len(k.cached.Keys) > 0 {
		return k.cached, nil
	}
	rows, err := k.grants.SigningKeys(ctx)
	if err == nil {
		rows, err = k.rotate(ctx, rows, now)
	}
	if err != nil {
		return goidc.JSONWebKeySet{}, flowOf(ctx).failed(err)
	}
	var set goidc.JSONWebKeySet
	for _, alg := range algorithms() {
		keys, err := readKeys(of(rows, alg))
		if err != nil {
			return set, err
		}
		i := signing(of(rows, alg), now)
		set.Keys = append(append(append(set.Keys, keys[i]), keys[:i]...), keys[i+1:]...)
	}
	k.readAt, k.cached = now, set
	return set, nil
}

// rotate makes the keys that are due, and deletes those by which nothing counts any more.
func (k *keyring) rotate(ctx context.Context, rows []grants.SigningKey, now time.Time) ([]grants.SigningKey, error) {
	changed := false
	for _, alg := range algorithms() {
		keys := of(rows, alg)
		if len(keys) == 0 || now.Sub(keys[len(keys)-1].CreatedAt) >= keyRotation {
			key, err := newKey(alg, now)
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

func of(rows []grants.SigningKey, alg goidc.SignatureAlgorithm) []grants.SigningKey {
	return slices.DeleteFunc(slices.Clone(rows), func(r grants.SigningKey) bool { return r.Algorithm != string(alg) })
}

// signsFrom is when a key begins to sign: the first of all at once.
func signsFrom(keys []grants.SigningKey, i int) time.Time {
	if i == 0 {
		return keys[i].CreatedAt
	}
	return keys[i].CreatedAt.Add(keyAhead)
}

// signing returns which of the keys signs at now: the latest that has begun.
func signing(keys []grants.SigningKey, now time.Time) int {
	for i := len(keys) - 1; i > 0; i-- {
		if !now.Before(signsFrom(keys, i)) {
			return i
		}
	}
	return 0
}

// newKey makes a key. Its ID has the day in it: of nodes that make one at once, one wins.
func newKey(alg goidc.SignatureAlgorithm, now time.Time) (grants.SigningKey, error) {
	var private any
	var err error
	if alg == goidc.RS256 {
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

func readKeys(rows []grants.SigningKey) ([]goidc.JSONWebKey, error) {
	keys := make([]goidc.JSONWebKey, len(rows))
	for i, r := range rows {
		private, err := x509.ParsePKCS8PrivateKey(r.Key)
		if err != nil {
			return nil, fmt.Errorf("read signing key %s: %w", r.ID, err)
		}
		keys[i] = goidc.JSONWebKey{Key: private, KeyID: r.ID, Algorithm: r.Algorithm, Use: string(goidc.KeyUsageSignature)}
	}
	return keys, nil
}

// jwks publishes the public keys.
func (s *server) jwks(w http.ResponseWriter, r *http.Request) {
	set, err := s.keys.set(r.Context())
	if err != nil {
		s.fail(w, r, s.unforeseen(flowOf(r.Context()), err))
		return
	}
	h := w.Header()
	h.Del("Pragma")
	h.Set("Cache-Control", "public, max-age=3600") // less than keyAhead
	h.Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(set.Public())
}
