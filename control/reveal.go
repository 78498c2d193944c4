package control

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"time"

	"github.com/keyporter/keyporter"
)

// revealWithin is how long the page that a form leads to can show a new secret.
const revealWithin = 2 * time.Minute

const revealPurpose = "a new secret, for the next page"

// concealed is a new secret on its way to the page that shows it.
type concealed struct {
	UserID keyporter.ID
	Of     string
	Plain  string
	At     time.Time
}

// Conceal seals a new secret for the browser that asked for it, so that it isn't in the response to a form, which
// reloading would send again. of names what the secret is of.
func (c *Control) Conceal(ctx context.Context, actor keyporter.Actor, of, secret string) (sealed string, err error) {
	user, err := signedIn(ctx, c.db, actor)
	if err != nil {
		return "", err
	}
	plain, err := json.Marshal(concealed{UserID: user.ID, Of: of, Plain: secret, At: c.now()})
	return base64.RawURLEncoding.EncodeToString(c.sealer.Seal(revealPurpose, plain)), err
}

// Reveal returns the secret that Conceal sealed for the same user, within the last two minutes, and of the same thing.
// Otherwise, it returns "".
func (c *Control) Reveal(ctx context.Context, actor keyporter.Actor, of, sealed string) (secret string, err error) {
	user, err := signedIn(ctx, c.db, actor)
	if err != nil {
		return "", err
	}
	if s, ok := c.concealed(sealed); ok && s.UserID == user.ID && s.Of == of && c.now().Sub(s.At) < revealWithin {
		return s.Plain, nil
	}
	return "", nil
}

// concealed opens what Conceal sealed. ok is false if anyone else made it, or nobody.
func (c *Control) concealed(sealed string) (s concealed, ok bool) {
	raw, err := base64.RawURLEncoding.DecodeString(sealed)
	if err == nil {
		raw, err = c.sealer.Open(revealPurpose, raw)
	}
	if err == nil {
		err = json.Unmarshal(raw, &s)
	}
	return s, err == nil
}
