package keyportertest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/store"
	"github.com/keyporter/keyporter/verify"
)

// change writes something together with its event, as package control does.
func (n *Node) change(t testing.TB, e keyporter.Event, f func(*store.Tx) error) {
	t.Helper()
	e.ID, e.At = keyporter.NewID(n.Clock.Now()), n.Clock.Now()
	err := n.DB.Do(t.Context(), func(tx *store.Tx) error {
		if err := f(tx); err != nil {
			return err
		}
		return tx.InsertEvent(t.Context(), e)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// SetAppPolicy sets which apps the users of an organization may connect.
func (n *Node) SetAppPolicy(t testing.TB, organization keyporter.ID, p keyporter.AppPolicy, listed ...keyporter.ID) {
	t.Helper()
	n.change(t, keyporter.Event{Name: keyporter.EventOrganizationApps, OrganizationID: organization}, func(tx *store.Tx) error {
		return tx.SetAppPolicy(t.Context(), organization, p, listed)
	})
}

// Connect has a user connect an app with these scopes; none: all that it can ask for.
func (n *Node) Connect(t testing.TB, user keyporter.User, app keyporter.App, scopes ...string) (c keyporter.Connection) {
	t.Helper()
	if len(scopes) == 0 {
		for _, s := range app.Scopes {
			scopes = append(scopes, s.Name)
		}
	}
	c = keyporter.Connection{
		ID: keyporter.NewID(n.Clock.Now()), UserID: user.ID, OrganizationID: user.OrganizationID, AppID: app.ID, Scopes: scopes, CreatedAt: n.Clock.Now(),
		Address: "192.0.2.44", Agent: "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36",
	}
	n.change(t, n.about(keyporter.EventConnectionCreate, c), func(tx *store.Tx) (err error) {
		c, err = tx.PutConnection(t.Context(), c)
		return err
	})
	return c
}

func (n *Node) about(name keyporter.EventName, c keyporter.Connection) keyporter.Event {
	return keyporter.Event{Name: name, OrganizationID: c.OrganizationID, UserID: c.UserID, AppID: c.AppID, ConnectionID: c.ID}
}

// SetScopes sets what a connection permits.
func (n *Node) SetScopes(t testing.TB, c keyporter.Connection, scopes ...string) {
	t.Helper()
	n.change(t, n.about(keyporter.EventConnectionScopes, c), func(tx *store.Tx) error { return tx.SetConnectionScopes(t.Context(), c.ID, scopes) })
}

// RevokeGrant revokes the grant that an access token was issued under.
func (n *Node) RevokeGrant(t testing.TB, c keyporter.Connection, grant keyporter.ID) {
	t.Helper()
	n.change(t, n.about(keyporter.EventGrantRevoke, c), func(tx *store.Tx) error {
		_, err := tx.RevokeGrant(t.Context(), grant, false, n.Clock.Now())
		return err
	})
}

// AccessToken issues an access token that lasts an hour, under a new grant of a connection or, if
// the connection has no ID, of the app for itself. From in, it uses the scopes, resources, and key.
func (n *Node) AccessToken(t testing.TB, c keyporter.Connection, in keyporter.AccessToken) (keyporter.AccessToken, keyporter.Secret) {
	t.Helper()
	now := n.Clock.Now()
	grant := keyporter.Grant{ID: keyporter.NewID(now), AppID: c.AppID, ConnectionID: c.ID, Scopes: in.Scopes, Request: []byte{}, CreatedAt: now, EndsAt: now.Add(24 * time.Hour)}
	in.ID, in.GrantID, in.CreatedAt, in.ExpiresAt = keyporter.NewID(now), grant.ID, now, now.Add(time.Hour)
	secret := keyporter.NewSecret(keyporter.SecretAccessToken)
	e := n.about(keyporter.EventAccessTokenCreate, c)
	e.TokenID = in.ID
	n.change(t, e, func(tx *store.Tx) error {
		if err := tx.InsertGrant(t.Context(), grant, nil, nil); err != nil {
			return err
		}
		return tx.InsertAccessToken(t.Context(), in, secret.Hash())
	})
	return in, secret
}

// Accepts reports whether the node accepts a credential.
func (n *Node) Accepts(t testing.TB, secret keyporter.Secret) bool {
	t.Helper()
	i, err := n.Checker.Inspect(t.Context(), verify.Question{Secret: secret.Reveal()})
	if err != nil {
		t.Fatal(err)
	}
	return i.Allowed
}

// ProofKey is an app's key that access tokens can be bound to (RFC 9449).
type ProofKey struct {
	t   testing.TB
	key jose.JSONWebKey
}

// NewProofKey returns a new key for ES256.
func NewProofKey(t testing.TB) ProofKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return ProofKey{t, jose.JSONWebKey{Key: key, Algorithm: string(jose.ES256)}}
}

// Hash returns the thumbprint that tokens are bound to.
func (k ProofKey) Hash() string {
	k.t.Helper()
	public := k.key.Public()
	sum, err := public.Thumbprint(crypto.SHA256)
	if err != nil {
		k.t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(sum)
}

// Proof returns a proof for a call with an access token.
func (k ProofKey) Proof(method, url string, token keyporter.Secret, at time.Time) string {
	k.t.Helper()
	hash := sha256.Sum256([]byte(token.Reveal()))
	return k.Sign(map[string]any{
		"jti": rand.Text(), "htm": method, "htu": url, "iat": at.Unix(), "ath": base64.RawURLEncoding.EncodeToString(hash[:]),
	})
}

// Sign returns a proof with any claims.
func (k ProofKey) Sign(claims map[string]any) string {
	k.t.Helper()
	return SignProof(k.t, jose.SigningKey{Algorithm: jose.ES256, Key: k.key}, (&jose.SignerOptions{EmbedJWK: true}).WithType("dpop+jwt"), claims)
}

// Set returns a JWK Set with the public key, as apps register it.
func (k ProofKey) Set() string {
	k.t.Helper()
	text, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{k.key.Public()}})
	if err != nil {
		k.t.Fatal(err)
	}
	return string(text)
}

// Assertion returns a JWT with which an app that has the key authenticates (RFC 7523 §3).
func (k ProofKey) Assertion(app keyporter.ID, audience string) string {
	k.t.Helper()
	now := time.Now()
	return SignProof(k.t, jose.SigningKey{Algorithm: jose.ES256, Key: k.key.Key}, (&jose.SignerOptions{}).WithType("JWT"), map[string]any{
		"iss": app, "sub": app, "aud": audience, "jti": rand.Text(), "iat": now.Unix(), "exp": now.Add(59 * time.Minute).Unix(),
	})
}

// Private returns the private key.
func (k ProofKey) Private() any { return k.key.Key }

// SignProof returns a JWT signed with any key and options.
func SignProof(t testing.TB, key jose.SigningKey, options *jose.SignerOptions, claims map[string]any) string {
	t.Helper()
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := jose.NewSigner(key, options)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	compact, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return compact
}
