package keyporter

import (
	"crypto/rand"
	"crypto/sha256"
	"hash/crc32"
	"log/slog"
	"strconv"
)

// SecretKind tells what a secret opens. Its value is the prefix that the secret begins with.
type SecretKind string

// The kinds of secrets.
const (
	SecretUserToken         SecretKind = "kpu_"
	SecretOrganizationToken SecretKind = "kpo_"
	SecretAccessToken       SecretKind = "kpa_"
	SecretRefreshToken      SecretKind = "kpr_"
	SecretApp               SecretKind = "kpc_"
	SecretGateway           SecretKind = "kpg_"
)

// A secret is a prefix of 4 characters, 43 random base62 characters (256 bits), and 6
// base62 characters of CRC-32 (IEEE) over all before them. 53 bytes fit into one block
// of SHA-256.
const (
	secretPrefixLen   = 4
	secretRandomLen   = 43
	secretChecksumLen = 6

	// SecretLen is the length of every secret in bytes.
	SecretLen = secretPrefixLen + secretRandomLen + secretChecksumLen
)

const base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// isBase62 costs a check less than comparisons do.
var isBase62 = func() (is [256]bool) {
	for _, c := range []byte(base62) {
		is[c] = true
	}
	return is
}()

// Secret is the clear text of a credential, on its way to the person who asked for it.
// It prints as its first and last characters only, so that it can't slip into a log;
// Reveal is the one way to the rest.
type Secret struct{ text string }

// NewSecret makes a secret of the given kind from 256 random bits.
func NewSecret(kind SecretKind) Secret {
	return makeSecret(kind, func(pool []byte) { _, _ = rand.Read(pool) }) // never fails, see crypto/rand
}

// DeriveSecret makes the secret of the given kind that follows from text, the same one each
// time. Nobody can predict it unless they can call derive, see package seal.
func DeriveSecret(kind SecretKind, derive func(purpose, text string) [sha256.Size]byte, text string) Secret {
	round := 0
	return makeSecret(kind, func(pool []byte) {
		for i := 0; i < len(pool); i += 32 {
			bits := derive("secret "+string(kind)+" "+strconv.Itoa(round), text)
			copy(pool[i:], bits[:])
			round++
		}
	})
}

// makeSecret makes a secret out of the random bytes that read fills its argument with.
func makeSecret(kind SecretKind, read func([]byte)) Secret {
	b := make([]byte, 0, SecretLen)
	b = append(b, kind...)
	var pool [64]byte
	for len(b) < secretPrefixLen+secretRandomLen {
		read(pool[:])
		for _, r := range pool {
			// 6 bits, the two values past the alphabet thrown away: every character is equally likely.
			if r &= 63; r < 62 && len(b) < secretPrefixLen+secretRandomLen {
				b = append(b, base62[r])
			}
		}
	}
	sum := secretChecksum(string(b))
	return Secret{text: string(append(b, sum[:]...))}
}

// Reveal returns the clear text.
func (s Secret) Reveal() string { return s.text }

// Hash returns what is kept of the secret.
func (s Secret) Hash() SecretHash { return HashSecret(s.text) }

// First returns the characters that the secret begins with, to tell it from others: the prefix and four more.
func (s Secret) First() string { return s.text[:secretPrefixLen+4] }

// Last returns the four characters that the secret ends with.
func (s Secret) Last() string { return s.text[len(s.text)-4:] }

// String hides all but the first and last characters.
func (s Secret) String() string {
	if s.text == "" {
		return ""
	}
	return s.First() + "…" + s.Last()
}

// GoString hides what String hides, also from %#v.
func (s Secret) GoString() string { return s.String() }

// LogValue hides what String hides, also from structured logs.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// SecretHash is the SHA-256 of a secret. A secret has 256 random bits, so that neither
// salt nor a slow hash would add anything: those are for passwords. How hard it is to
// guess one that was imported, the system knows that made it.
type SecretHash [sha256.Size]byte

// HashSecret hashes the clear text of a secret of up to 512 bytes without allocating.
func HashSecret(text string) SecretHash {
	var buf [64]byte
	if len(text) > len(buf) {
		return hashLong(text)
	}
	return sha256.Sum256(buf[:copy(buf[:], text)])
}

// hashLong is HashSecret for secrets that other systems made, which may be longer than ours.
func hashLong(text string) SecretHash {
	var buf [MaxImportedLen]byte
	if len(text) > len(buf) {
		return sha256.Sum256([]byte(text))
	}
	return sha256.Sum256(buf[:copy(buf[:], text)])
}

// ParseSecret tells the kind of a secret, and whether it is one: known prefix, length,
// alphabet and checksum. A typing error, a cut or a made-up string is told without
// looking anything up. That it was ever issued is a different question.
func ParseSecret(text string) (SecretKind, bool) {
	if len(text) != SecretLen {
		return "", false
	}
	if !hasOwnPrefix(text) {
		return "", false
	}
	for i := secretPrefixLen; i < SecretLen; i++ {
		if !isBase62[text[i]] {
			return "", false
		}
	}
	sum := secretChecksum(text[:SecretLen-secretChecksumLen])
	return SecretKind(text[:secretPrefixLen]), string(sum[:]) == text[SecretLen-secretChecksumLen:]
}

// secretChecksum is the CRC-32 of text as six base62 digits, most significant first.
func secretChecksum(text string) (sum [secretChecksumLen]byte) {
	// As crc32.ChecksumIEEE does, which would need a copy of text on the heap.
	c, table := ^uint32(0), crc32.IEEETable
	for i := range len(text) {
		c = table[byte(c)^text[i]] ^ c>>8
	}
	c = ^c
	for i := len(sum) - 1; i >= 0; i-- {
		sum[i] = base62[c%62]
		c /= 62
	}
	return sum
}
