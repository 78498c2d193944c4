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
// sealed, so that it comes back to whichever node, and from this browser only.
type PendingSignIn struct {
	Provider   ProviderClient `json:"-"` // as it is now
	ProviderID keyporter.ID
	State      string // that the provider sends back (RFC 6749 §10.12)
	Nonce      string // that has to be in the ID token
	Verifier   string // of PKCE
	Next       string // page to go to then
	Again      bool   // whoever is signed in proves it once more
	At         time.Time
}

// pendingFor is how long a sign-in at a provider may take.
const pendingFor = 10 * time.Minute

// ProviderSignIn is the input of BeginProviderSignIn.
type ProviderSignIn struct {
	Login string // e-mail address, whose domain tells the provider
	Next  string // page to go to then
	Again bool   // whoever is signed in proves it once more
}

// BeginProviderSignIn begins a sign-in at the provider of an e-mail domain, for anybody: it
// tells no more than which domains have one. It returns the sign-in, also as the browser carries it.
func (c *Control) BeginProviderSignIn(ctx context.Context, actor keyporter.Actor, in ProviderSignIn) (p PendingSignIn, sealed string, err error) {
	if err := c.countAttempt(ctx, actor, in.Login); err != nil {
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

// ResumeProviderSignIn returns a sign-in that comes back, in the browser that carries it. After
// ten minutes, and for anything else that a browser brings, it is Invalid.
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
