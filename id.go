package keyporter

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/binary"
	"time"
)

// ID names one organization, user, role, token or event: 26 lower-case letters and
// digits, of which the first ten are the time of creation, so that ordering by ID
// is ordering by age. The empty ID means none.
//
// An ID is a name, not a secret: knowing one opens nothing.
type ID string

// idEncoding is Crockford's alphabet in lower case: it sorts as its bytes do.
var idEncoding = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// NewID returns an ID for something created at now: 48 bits of Unix milliseconds, 12 bits
// of their fraction, so that what one process does in a row stays in order, and 68 random bits.
func NewID(now time.Time) ID {
	var b [16]byte
	_, _ = rand.Read(b[6:]) // never fails, see crypto/rand
	fraction := now.Nanosecond() % 1e6 << 12 / 1e6
	binary.BigEndian.PutUint64(b[:8], uint64(now.UnixMilli())<<16|uint64(fraction)<<4|uint64(b[7]&0xf))
	return ID(idEncoding.EncodeToString(b[:]))
}
