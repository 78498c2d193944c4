package oauth

import "strings"

const maxBody = 64 << 10 // bytes of client metadata

// isThumbprint reports whether a text can be a SHA-256 in base64url.
func isThumbprint(text string) bool {
	return len(text) == 43 && !strings.ContainsFunc(text, func(r rune) bool { return !unreserved(r) || r == '.' || r == '~' })
}

// isVerifier reports whether a text can be a code verifier (RFC 7636 §4.1).
func isVerifier(text string) bool {
	return len(text) >= 43 && len(text) <= 128 && !strings.ContainsFunc(text, func(r rune) bool { return !unreserved(r) })
}

// unreserved reports whether a character is unreserved (RFC 3986 §2.3).
func unreserved(r rune) bool {
	return r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || strings.ContainsRune("-._~", r)
}
