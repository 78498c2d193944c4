package control

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"slices"
	"time"

	"github.com/keyporter/keyporter"
)

// A browser remembers who has signed in with it (OWASP calls this a device cookie). It only means that
// the limits on wrong passwords are the browser's own; it replaces no password.
const (
	// BrowserLifetime is how long a browser is known after a sign-in.
	BrowserLifetime = 365 * 24 * time.Hour

	browserPurpose = "known browser"
	maxRemembered  = 4 // users of one browser
)

// remembered is one user whom a browser remembers.
type remembered struct {
	ID     string // of this user in this browser
	UserID keyporter.ID
	Mark   []byte // of the password: a new one makes all browsers unknown
	At     time.Time
}

// passwordMark stands for a password: it is made of the salt of its hash, which is kept when the hash is
// renewed. The browser carries it sealed.
func passwordMark(hash string) []byte {
	h, _ := parseHash(hash)
	sum := sha256.Sum256(h.salt)
	return sum[:8]
}

// remember returns what the user's browser keeps, in place of what it kept.
func (c *Control) remember(user knownUser) (string, error) {
	all := slices.DeleteFunc(c.openBrowser(user.browser), func(r remembered) bool { return r.UserID == user.ID })
	all = slices.Insert(all, 0, remembered{ID: rand.Text(), UserID: user.ID, Mark: passwordMark(user.hash), At: c.now()})
	plain, err := json.Marshal(all[:min(len(all), maxRemembered)])
	return base64.RawURLEncoding.EncodeToString(c.sealer.Seal(browserPurpose, plain)), err
}

// openBrowser opens what a browser kept. Anything else that a browser sends is nothing.
func (c *Control) openBrowser(known string) (all []remembered) {
	raw, err := base64.RawURLEncoding.DecodeString(known)
	if err == nil {
		raw, err = c.sealer.Open(browserPurpose, raw)
	}
	if err != nil || json.Unmarshal(raw, &all) != nil {
		return nil
	}
	return slices.DeleteFunc(all, func(r remembered) bool { return c.now().Sub(r.At) >= BrowserLifetime })
}

// knownBrowser returns what the browser remembers of the user with the login, if they have signed in with
// it before and not set a password since. It asks the database only for a browser that remembers someone.
func (c *Control) knownBrowser(ctx context.Context, in SignIn) (remembered, error) {
	all := c.openBrowser(in.Browser)
	if len(all) == 0 {
		return remembered{}, nil
	}
	user, hash, err := c.userWithPassword(ctx, in.Login)
	for _, r := range all {
		if r.UserID == user.ID && string(r.Mark) == string(passwordMark(hash)) {
			return r, err
		}
	}
	return remembered{}, err
}
