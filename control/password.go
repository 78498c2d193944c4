package control

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"

	"github.com/keyporter/keyporter"
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

// hashPassword returns the argon2id hash of a password in PHC string form.
func (c *Control) hashPassword(ctx context.Context, password string) (string, error) {
	salt := make([]byte, argonSalt)
	_, _ = rand.Read(salt) // never fails, see crypto/rand
	key, err := c.argon(ctx, password, salt, c.passwordCost)
	b64 := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, c.passwordCost.Memory, c.passwordCost.Passes, argonLanes, b64(salt), b64(key)), err
}

// passwordMatches compares a password with a hash. Without a hash it does the same work
// anyway, so that the time doesn't reveal whether a login exists.
func (c *Control) passwordMatches(ctx context.Context, password, hash string) (bool, error) {
	if len(password) > maxPasswordLen {
		password = ""
	}
	salt, key, cost, known := parseHash(hash)
	if !known {
		salt, cost = make([]byte, argonSalt), c.passwordCost
	}
	got, err := c.argon(ctx, password, salt, cost)
	return known && subtle.ConstantTimeCompare(got, key) == 1, err
}

// parseHash reads what hashPassword wrote, and reports whether it could have written it.
func parseHash(hash string) (salt, key []byte, cost PasswordCost, ok bool) {
	var version, lanes int
	var saltText, keyText string
	n, _ := fmt.Sscanf(strings.ReplaceAll(hash, "$", " "), " argon2id v=%d m=%d,t=%d,p=%d %s %s", &version, &cost.Memory, &cost.Passes, &lanes, &saltText, &keyText)
	salt, _ = base64.RawStdEncoding.DecodeString(saltText)
	key, _ = base64.RawStdEncoding.DecodeString(keyText)
	ok = n == 6 && version == argon2.Version && lanes == argonLanes && len(salt) == argonSalt && len(key) == argonKey &&
		cost.Passes >= 1 && cost.Memory <= maxArgonMemory && cost.Passes <= maxArgonPasses
	return salt, key, cost, ok
}

// A hash in the database that takes more work than this isn't ours.
const (
	maxArgonMemory = 256 * 1024 // KiB
	maxArgonPasses = 16
)

// argon computes one hash as soon as a processor is free for it: each takes 19 MiB and about
// 20 ms, and a rush of sign-ins must not use up the memory or slow down the gateway.
func (c *Control) argon(ctx context.Context, password string, salt []byte, cost PasswordCost) ([]byte, error) {
	select {
	case c.hashes <- struct{}{}:
		defer func() { <-c.hashes }()
		return argon2.IDKey([]byte(password), salt, cost.Passes, cost.Memory, argonLanes, argonKey), nil
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for a password hash: %w", ctx.Err())
	}
}
