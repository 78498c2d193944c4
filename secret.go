package keyporter

import (
	"crypto/rand"
	"crypto/sha256"
	"hash/crc32"
	"log/slog"
	"strconv"
)

// SecretKind is what a secret gives access to. Its value is the secret's prefix.
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

// A secret is a prefix of 4 characters, 43 random base62 characters (256 bits), and the CRC-32
// (IEEE) of all these in 6 base62 characters. Its 53 bytes fit into one block of SHA-256.
const (
	secretPrefixLen   = 4
	secretRandomLen   = 43
	secretChecksumLen = 6

	// SecretLen is the length of every secret in bytes.
	SecretLen = secretPrefixLen + secretRandomLen + secretChecksumLen
)

const base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// isBase62 is a table because every check reads it, and comparisons are slower.
var isBase62 = func() (is [256]bool) {
	for _, c := range []byte(base62) {
		is[c] = true
	}
	return is
}()

// Secret is the clear text of a credential, on its way to the person who asked for it. It
// prints only its first and last characters, so that it can't end up in a log. Only Reveal
// returns the rest.
type Secret struct{ text string }

// NewSecret makes a secret of the given kind from 256 random bits.
func NewSecret(kind SecretKind) Secret {
	return makeSecret(kind, func(pool []byte) { _, _ = rand.Read(pool) }) // rand.Read never fails
}

// DeriveSecret derives a secret of the given kind from text, always the same one. Only someone
// who can call derive can predict it; see seal.Sealer.Derive.
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

// makeSecret makes a secret from random bytes. It calls read to fill a pool with them until it
// has enough.
func makeSecret(kind SecretKind, read func([]byte)) Secret {
	b := make([]byte, 0, SecretLen)
	b = append(b, kind...)
	var pool [64]byte
	for len(b) < secretPrefixLen+secretRandomLen {
		read(pool[:])
		for _, r := range pool {
			// Of the 64 values of 6 bits, skip the two past the alphabet, so that every character is equally likely.
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

// Hash returns what Keyporter stores instead of the secret.
func (s Secret) Hash() SecretHash { return HashSecret(s.text) }

// First returns the prefix and the next four characters, by which people recognize the secret.
func (s Secret) First() string { return s.text[:secretPrefixLen+4] }

// Last returns the last four characters.
func (s Secret) Last() string { return s.text[len(s.text)-4:] }

// String hides all but the first and last characters.
func (s Secret) String() string {
	if s.text == "" {
		return ""
	}
	return s.First() + "…" + s.Last()
}

// GoString hides what String hides when the verb is %#v.
func (s Secret) GoString() string { return s.String() }

// LogValue hides what String hides in structured logs.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// SecretHash is the SHA-256 of a secret. A secret has 256 random bits, so neither salt nor a
// slow hash would add anything: those are for passwords. How hard an imported secret is to
// guess depends on the system that made it.
type SecretHash [sha256.Size]byte

// HashSecret hashes the clear text of a secret of up to 512 bytes without allocating.
func HashSecret(text string) SecretHash {
	var buf [64]byte
	if len(text) > len(buf) {
		return hashLong(text)
	}
	return sha256.Sum256(buf[:copy(buf[:], text)])
}

// hashLong is HashSecret for imported secrets, which may be longer than Keyporter's own.
func hashLong(text string) SecretHash {
	var buf [MaxImportedLen]byte
	if len(text) > len(buf) {
		return sha256.Sum256([]byte(text))
	}
	return sha256.Sum256(buf[:copy(buf[:], text)])
}

// ParseSecret returns the kind of a secret, and whether the text is one at all: prefix, length,
// alphabet and checksum. It needs no lookup to reject a typo, a truncated secret or a made-up
// one. It doesn't say whether the secret was ever issued.
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

// LooksLikeSecret reports whether text begins like a secret and is too long for an ID or a word: a whole secret, or one
// that was mistyped or cut off. Whoever wrote it meant a secret, so don't repeat it.
func LooksLikeSecret(text string) bool {
	return len(text) > secretPrefixLen+8 && hasOwnPrefix(text)
}

// secretChecksum is the CRC-32 of text as six base62 digits, most significant first.
func secretChecksum(text string) (sum [secretChecksumLen]byte) {
	// crc32.ChecksumIEEE does the same, but would copy text to the heap.
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
