package control

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"time"

	"github.com/keyporter/keyporter"
)

// PendingSignIn is a sign-in on its way to a provider and back. The browser carries it,
// sealed, so that it comes back to whichever node, and from this browser only.
type PendingSignIn struct {
	ProviderID keyporter.ID
	State      string // that the provider sends back (RFC 6749 §10.12)
	Nonce      string // that has to stand in the ID token
	Verifier   string // of PKCE
	Next       string // page to go to then
	Again      bool   // who is signed in proves it once more
	At         time.Time
}

// pendingFor is how long a sign-in at a provider may take.
const pendingFor = 10 * time.Minute

// NewPendingSignIn begins a sign-in at a provider.
func (c *Control) NewPendingSignIn(provider keyporter.ID, next string, again bool) PendingSignIn {
	random := func() string { return rand.Text() + rand.Text() }
	return PendingSignIn{ProviderID: provider, State: random(), Nonce: random(), Verifier: random(), Next: next, Again: again, At: c.now()}
}

// Seal returns the sign-in as the browser carries it.
func (c *Control) Seal(p PendingSignIn) (string, error) {
	plain, err := json.Marshal(p)
	return base64.RawURLEncoding.EncodeToString(c.sealer.Seal("pending sign-in", plain)), err
}

// Unseal returns what Seal sealed. After ten minutes, and for anything else, it is Invalid.
func (c *Control) Unseal(sealed string) (p PendingSignIn, err error) {
	ended := keyporter.Refuse(keyporter.Invalid, "This sign-in took too long, or started in another browser. Start over.")
	raw, err := base64.RawURLEncoding.DecodeString(sealed)
	if err != nil {
		return p, ended
	}
	plain, err := c.sealer.Open("pending sign-in", raw)
	if err != nil {
		return p, ended
	}
	if err := json.Unmarshal(plain, &p); err != nil || c.now().Sub(p.At) >= pendingFor {
		return PendingSignIn{}, ended
	}
	return p, nil
}
