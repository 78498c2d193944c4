package control

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/store"
)

// PasswordCost is how much work one password hash takes: argon2id with one lane. The zero
// value takes what OWASP's Password Storage Cheat Sheet asks for: 19 MiB and two passes.
type PasswordCost struct {
	Memory uint32 // KiB
	Passes uint32
}

func (p PasswordCost) orDefault() PasswordCost {
	if p == (PasswordCost{}) {
		return PasswordCost{Memory: 19 * 1024, Passes: 2}
	}
	return p
}

const (
	argonLanes = 1
	argonSalt  = 16
	argonKey   = 32
)

// A password is as long as NIST SP 800-63B-4 §3.1.1.2 wants at least where there is no
// second factor, less a little for people's patience; the upper end bounds the work.
const (
	MinPasswordLen = 12   // characters
	maxPasswordLen = 1024 // bytes
)

func checkPassword(password string) error {
	switch {
	case utf8.RuneCountInString(password) < MinPasswordLen:
		return keyporter.InvalidField("password", fmt.Sprintf("The password needs at least %d characters.", MinPasswordLen))
	case len(password) > maxPasswordLen || !utf8.ValidString(password):
		return keyporter.InvalidField("password", "The password is too long.")
	}
	return nil
}

// argonHash is an argon2id hash with its parameters.
type argonHash struct {
	PasswordCost

	lanes     uint8
	salt, key []byte
}

// hashPassword returns the argon2id hash of a new password in PHC string form.
func (c *Control) hashPassword(ctx context.Context, who waiter, password string) (string, error) {
	return c.hashWithSalt(ctx, who, password, newSalt())
}

func newSalt() []byte {
	salt := make([]byte, argonSalt)
	_, _ = rand.Read(salt) // never fails, see crypto/rand
	return salt
}

func (c *Control) hashWithSalt(ctx context.Context, who waiter, password string, salt []byte) (string, error) {
	h := argonHash{PasswordCost: c.passwordCost, lanes: argonLanes, salt: salt, key: make([]byte, argonKey)}
	key, err := c.argon(ctx, who, password, h)
	b64 := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, h.Memory, h.Passes, h.lanes, b64(h.salt), b64(key)), err
}

// passwordMatches compares a password with a hash. Without a hash it does the same work
// anyway, so that the time doesn't reveal whether a login exists.
func (c *Control) passwordMatches(ctx context.Context, who waiter, password, hash string) (bool, error) {
	if len(password) > maxPasswordLen {
		password = ""
	}
	h, known := parseHash(hash)
	if !known {
		h = argonHash{PasswordCost: c.passwordCost, lanes: argonLanes, salt: make([]byte, argonSalt), key: make([]byte, argonKey)}
	}
	got, err := c.argon(ctx, who, password, h)
	return known && subtle.ConstantTimeCompare(got, h.key) == 1, err
}

// renewPassword stores a hash with today's parameters in place of one with others, for someone who
// has just entered the password, and returns the hash that is stored then. It keeps the salt, which
// stands for the password in browsers that the user has signed in with.
func (c *Control) renewPassword(ctx context.Context, who waiter, user knownUser, password string) (string, error) {
	hash := user.hash
	h, _ := parseHash(hash)
	if h.PasswordCost == c.passwordCost && h.lanes == argonLanes && len(h.salt) == argonSalt && len(h.key) == argonKey {
		return hash, nil
	}
	if len(h.salt) != argonSalt {
		h.salt = newSalt()
	}
	renewed, err := c.hashWithSalt(ctx, who, password, h.salt)
	if keyporter.KindOf(err) == keyporter.Unavailable { // too many are waiting; the next sign-in will do
		return hash, nil
	}
	if err != nil {
		return "", err
	}
	err = c.db.Do(ctx, func(tx *store.Tx) error { return tx.RenewPassword(ctx, user.ID, hash, renewed) })
	if keyporter.KindOf(err) != keyporter.NotFound {
		return renewed, err
	}
	// Another sign-in was first, or the password was changed.
	if hash, err = c.db.PasswordHash(ctx, user.ID); err != nil {
		return "", err
	}
	match, err := c.passwordMatches(ctx, who, password, hash)
	if err == nil && !match {
		err = wrongPassword()
	}
	return hash, err
}

// Other releases may choose other parameters. A hash that takes more work or memory than this is
// refused: reading it must not bring the process down.
const (
	maxArgonMemory = 256 * 1024 // KiB
	maxArgonPasses = 16
	maxArgonLanes  = 16
	minArgonSalt   = 8 // RFC 9106 §3.1
	minArgonKey    = 16
	maxArgonBytes  = 64 // of salt and key
)

// parseHash reads an argon2id hash in PHC string form, and reports whether its parameters are within
// the limits.
func parseHash(hash string) (h argonHash, ok bool) {
	parts := strings.Split(hash, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return h, false
	}
	n, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &h.Memory, &h.Passes, &h.lanes)
	if err != nil || n != 3 || parts[3] != fmt.Sprintf("m=%d,t=%d,p=%d", h.Memory, h.Passes, h.lanes) {
		return h, false
	}
	var wrong [2]error
	h.salt, wrong[0] = base64.RawStdEncoding.DecodeString(parts[4])
	h.key, wrong[1] = base64.RawStdEncoding.DecodeString(parts[5])
	return h, errors.Join(wrong[:]...) == nil &&
		h.lanes >= 1 && h.lanes <= maxArgonLanes && h.Memory >= 8*uint32(h.lanes) && h.Memory <= maxArgonMemory && h.Passes >= 1 && h.Passes <= maxArgonPasses &&
		len(h.salt) >= minArgonSalt && len(h.salt) <= maxArgonBytes && len(h.key) >= minArgonKey && len(h.key) <= maxArgonBytes
}

// argon computes one hash as long as the key of h, once it is the turn of who. Each takes 19 MiB and
// about 20 ms.
func (c *Control) argon(ctx context.Context, who waiter, password string, h argonHash) ([]byte, error) {
	done, err := c.hashes.wait(ctx, who)
	if err != nil {
		return nil, err
	}
	defer done()
	return argon2.IDKey([]byte(password), h.salt, h.Passes, h.Memory, h.lanes, uint32(len(h.key))), nil
}
