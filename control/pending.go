package control

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"time"

	"github.com/keyporter/keyporter"
)

// PendingSignIn is a sign-in on its way to a provider and back. The browser carries it,
// sealed, so that any node can resume it, but only in this browser.
type PendingSignIn struct {
	Provider   ProviderClient `json:"-"` // as it is now
	ProviderID keyporter.ID
	State      string // the provider sends it back (RFC 6749 §10.12)
	Nonce      string // must be in the ID token
	Verifier   string // PKCE code verifier
	Next       string // page to go to afterward
	Again      bool   // a signed-in user proves again who they are
	At         time.Time
}

// pendingFor is how long a sign-in at a provider may take.
const pendingFor = 10 * time.Minute

// ProviderSignIn is the input of BeginProviderSignIn.
type ProviderSignIn struct {
	Login string // email address, whose domain determines the provider
	Next  string // page to go to afterward
	Again bool   // a signed-in user proves again who they are
}

// BeginProviderSignIn begins a sign-in at the provider of an email domain, for anyone: it
// reveals only which domains have one. It counts for the address alone, so that strangers can't
// keep anyone from their provider. It returns the sign-in, and its sealed form for the
// browser to carry.
func (c *Control) BeginProviderSignIn(ctx context.Context, actor keyporter.Actor, in ProviderSignIn) (p PendingSignIn, sealed string, err error) {
	if err := c.db.Attempt(ctx, c.now(), fromAddress(actor)); err != nil {
		return p, "", err
	}
	random := func() string { return rand.Text() + rand.Text() }
	p = PendingSignIn{State: random(), Nonce: random(), Verifier: random(), Next: in.Next, Again: in.Again, At: c.now()}
	if p.Provider, err = c.providerFor(ctx, in.Login); err != nil {
		return p, "", err
	}
	p.ProviderID = p.Provider.ID
	plain, err := json.Marshal(p)
	return p, base64.RawURLEncoding.EncodeToString(c.sealer.Seal("pending sign-in", plain)), err
}

// ResumeProviderSignIn opens what the browser carried. After ten minutes, and for anything
// else a browser sends, it returns Invalid.
func (c *Control) ResumeProviderSignIn(ctx context.Context, _ keyporter.Actor, sealed string) (PendingSignIn, error) {
	ended := keyporter.Refuse(keyporter.Invalid, "This sign-in took too long, or started in another browser. Start over.")
	raw, err := base64.RawURLEncoding.DecodeString(sealed)
	if err != nil {
		return PendingSignIn{}, ended
	}
	plain, err := c.sealer.Open("pending sign-in", raw)
	if err != nil {
		return PendingSignIn{}, ended
	}
	var p PendingSignIn
	if err := json.Unmarshal(plain, &p); err != nil || c.now().Sub(p.At) >= pendingFor {
		return PendingSignIn{}, ended
	}
	provider, err := c.db.IdentityProviderByID(ctx, p.ProviderID)
	if err != nil {
		return PendingSignIn{}, missing(err, "identity provider")
	}
	p.Provider, err = c.providerClient(ctx, provider)
	return p, err
}
