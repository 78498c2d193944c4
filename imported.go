package keyporter

import (
	"encoding/hex"
	"strings"
)

// Limits for secrets that another system made, in bytes.
const (
	MinImportedLen = 16
	MaxImportedLen = 512

	// minShownLen is how long a secret must be before eight of its characters are shown.
	// Eight characters of a shorter one would give away too much.
	minShownLen = 32

	// minRuns is how many characters a secret must have if a run of the same character counts
	// once. Many systems export asterisks in place of a secret's middle.
	minRuns = 10
)

// ImportedSecret is what Keyporter keeps of a secret that another system made.
type ImportedSecret struct {
	Hash        SecretHash
	First, Last string // its first and last characters; empty if there is only a hash, or it is too short to show any
}

// ReadImportedSecret checks a secret that another system, or another Keyporter, made for a
// token of the given kind: 16 to 512 visible ASCII characters without spaces, and not the same
// one over and over. One with a Keyporter prefix must be a valid Keyporter secret, because
// every check starts with the checksum. Its errors are Invalid, about the input token.
func ReadImportedSecret(kind TokenKind, text string) (ImportedSecret, error) {
	s := ImportedSecret{Hash: HashSecret(text)}
	switch own, ok := ParseSecret(text); {
	case ok && own != secretOf(kind):
		return ImportedSecret{}, InvalidField("token", "Its prefix belongs to another kind of secret.")
	case ok:
		own := Secret{text: text}
		s.First, s.Last = strings.Clone(own.First()), strings.Clone(own.Last())
	case hasOwnPrefix(text):
		return ImportedSecret{}, InvalidField("token", "It starts like a Keyporter secret, but its length or checksum is wrong.")
	case len(text) < MinImportedLen:
		return ImportedSecret{}, InvalidField("token", "The token is too short and could be guessed. It needs at least 16 characters.")
	case len(text) > MaxImportedLen:
		return ImportedSecret{}, InvalidField("token", "The token is too long. The limit is 512 characters.")
	case !isVisible(text):
		return ImportedSecret{}, InvalidField("token", "The token contains spaces, or characters other than visible ASCII.")
	case runs(text) < minRuns:
		return ImportedSecret{}, InvalidField("token", "The token is almost entirely one character. If the other system hides its tokens, export their SHA-256 instead.")
	case len(text) >= minShownLen:
		s.First, s.Last = strings.Clone(text[:4]), strings.Clone(text[len(text)-4:])
	}
	return s, nil
}

// ReadSecretHash reads the SHA-256 of a secret, 64 hexadecimal digits. Its errors are Invalid,
// about the input sha256.
func ReadSecretHash(digits string) (ImportedSecret, error) {
	var s ImportedSecret
	if n, err := hex.Decode(s.Hash[:], []byte(digits[:min(len(digits), hex.EncodedLen(len(s.Hash)))])); err != nil || n != len(s.Hash) || len(digits) != hex.EncodedLen(n) {
		return ImportedSecret{}, InvalidField("sha256", "A SHA-256 has 64 hexadecimal digits.")
	}
	if s.Hash == HashSecret("") {
		return ImportedSecret{}, InvalidField("sha256", "This is the SHA-256 of an empty string.")
	}
	return s, nil
}

// IsSecret reports whether a text could be a secret: one that Keyporter made, a JWT access token, or
// an imported one. It needs no lookup to reject a Keyporter secret with a typo, or a text that is too
// short or too long.
func IsSecret(text string) bool {
	if hasOwnPrefix(text) {
		_, ok := ParseSecret(text)
		return ok
	}
	return len(text) >= MinImportedLen && len(text) <= MaxImportedLen && isVisible(text) || isAccessJWT(text)
}

func secretOf(kind TokenKind) SecretKind {
	if kind == OrganizationToken {
		return SecretOrganizationToken
	}
	return SecretUserToken
}

// hasOwnPrefix reports whether a text has the prefix of a Keyporter secret.
func hasOwnPrefix(text string) bool {
	if len(text) < secretPrefixLen {
		return false
	}
	switch SecretKind(text[:secretPrefixLen]) {
	case SecretUserToken, SecretOrganizationToken, SecretAccessToken, SecretRefreshToken, SecretApp, SecretGateway:
		return true
	}
	return false
}

// runs counts the characters that differ from the one before them.
func runs(text string) (n int) {
	for i := range len(text) {
		if i == 0 || text[i] != text[i-1] {
			n++
		}
	}
	return n
}

func isVisible(text string) bool {
	for i := range len(text) {
		if text[i] <= ' ' || text[i] > '~' {
			return false
		}
	}
	return true
}
