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

// argon2id with the settings of OWASP's Password Storage Cheat Sheet: 19 MiB, two passes,
// one lane.
const (
	argonMemory = 19 * 1024 // KiB
	argonTime   = 2
	argonLanes  = 1
	argonSalt   = 16
	argonKey    = 32
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
	key, err := c.argon(ctx, password, salt)
	b64 := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, argonMemory, argonTime, argonLanes, b64(salt), b64(key)), err
}

// passwordMatches compares a password with a hash. Without a hash it does the same work
// anyway, so that the time doesn't reveal whether a login exists.
func (c *Control) passwordMatches(ctx context.Context, password, hash string) (bool, error) {
	var version, memory, passes, lanes int
	var saltText, keyText string
	var salt, key []byte
	if len(password) > maxPasswordLen {
		password = ""
	}
	if n, _ := fmt.Sscanf(strings.ReplaceAll(hash, "$", " "), " argon2id v=%d m=%d,t=%d,p=%d %s %s", &version, &memory, &passes, &lanes, &saltText, &keyText); n == 6 {
		salt, _ = base64.RawStdEncoding.DecodeString(saltText)
		key, _ = base64.RawStdEncoding.DecodeString(keyText)
	}
	known := version == argon2.Version && memory == argonMemory && passes == argonTime && lanes == argonLanes && len(salt) == argonSalt && len(key) == argonKey
	if !known {
		salt = make([]byte, argonSalt)
	}
	got, err := c.argon(ctx, password, salt)
	return known && subtle.ConstantTimeCompare(got, key) == 1, err
}

// argon computes one hash as soon as a processor is free for it: each takes 19 MiB and about
// 20 ms, and a rush of sign-ins must not use up the memory or slow down the gateway.
func (c *Control) argon(ctx context.Context, password string, salt []byte) ([]byte, error) {
	select {
	case c.hashes <- struct{}{}:
		defer func() { <-c.hashes }()
		return argon2.IDKey([]byte(password), salt, argonTime, argonMemory, argonLanes, argonKey), nil
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for a password hash: %w", ctx.Err())
	}
}
