package keyporter

import (
	"encoding/hex"
	"strings"
)

// The length of secrets that another system made, in bytes.
const (
	MinImportedLen = 16
	MaxImportedLen = 512

	// shownFrom is how long a secret must be for eight of its characters to be shown: of a
	// shorter one too much would be given away.
	shownFrom = 32

	// minRuns is how many characters a secret must have when each that is repeated counts
	// once. Many systems export stars or so in the place of all but both ends of a secret.
	minRuns = 10
)

// ImportedSecret is what is kept of a secret that another system made.
type ImportedSecret struct {
	Hash        SecretHash
	First, Last string // characters of it; empty when there is only a hash, or it is too short to show any
}

// ReadImportedSecret checks a secret that another system, or another Keyporter, made for a
// token of a kind: 16 to 512 visible ASCII characters without blanks, and not the same one
// over and over. One that begins as ours do has to be one, since its checksum is asked
// before anything else is.
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
	case len(text) >= shownFrom:
		s.First, s.Last = strings.Clone(text[:4]), strings.Clone(text[len(text)-4:])
	}
	return s, nil
}

// ReadSecretHash reads the SHA-256 of a secret, as 64 hexadecimal digits.
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

// IsSecret tells whether a text can be the secret of anything here: one that we made, or
// one that was imported. A typing error in one of ours, and what is too short or too long
// for any, is told without looking anything up.
func IsSecret(text string) bool {
	if hasOwnPrefix(text) {
		_, ok := ParseSecret(text)
		return ok
	}
	return len(text) >= MinImportedLen && len(text) <= MaxImportedLen && isVisible(text)
}

func secretOf(kind TokenKind) SecretKind {
	if kind == OrganizationToken {
		return SecretOrganizationToken
	}
	return SecretUserToken
}

// hasOwnPrefix tells whether a text begins as our secrets do.
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

// runs counts characters that differ from the one before.
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
