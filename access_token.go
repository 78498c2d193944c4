package keyporter

import (
	"encoding/base64"
	"encoding/json"
	"strings"
)

// AccessTokenJWT is the type in the header of a JWT access token (RFC 9068 §2.1).
const AccessTokenJWT = "at+jwt"

// maxJWTLen is how long a JWT access token can be, in bytes: as long as a parameter of a form, so that
// it can be introspected and revoked.
const maxJWTLen = 8 << 10

// IsAccessToken reports whether a text has the form of an access token: a secret that Keyporter
// made, or a JWT (RFC 9068). It doesn't say whether it was ever issued.
func IsAccessToken(text string) bool {
	kind, ok := ParseSecret(text)
	return ok && kind == SecretAccessToken || isAccessJWT(text)
}

// isAccessJWT reports whether a text is a JWT whose header says that it is an access token. It
// checks neither its claims nor its signature.
func isAccessJWT(text string) bool {
	if !strings.HasPrefix(text, "eyJ") || len(text) > maxJWTLen { // {" in base64
		return false
	}
	parts := strings.Split(text, ".")
	if len(parts) != 3 || !isVisible(text) {
		return false
	}
	var header struct {
		Type string `json:"typ"`
	}
	plain, err := base64.RawURLEncoding.DecodeString(parts[0])
	return err == nil && json.Unmarshal(plain, &header) == nil && header.Type == AccessTokenJWT
}
