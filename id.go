package keyporter

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/binary"
	"time"
)

// ID identifies an organization, user, role, token, event or the like: 26 lower-case letters
// and digits. The first ten are the time of creation, so sorting by ID sorts by age. The
// empty ID means none.
//
// An ID is not a secret: knowing one gives access to nothing.
type ID string

// idEncoding uses Crockford's alphabet in lower case: encoded IDs sort like their bytes.
var idEncoding = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// NewID returns an ID for something created at now: 48 bits of Unix milliseconds, 12 bits of
// the fraction (so that IDs one process makes in a row stay in order), and 68 random bits.
func NewID(now time.Time) ID {
	var b [16]byte
	_, _ = rand.Read(b[6:]) // rand.Read never fails
	fraction := now.Nanosecond() % 1e6 << 12 / 1e6
	binary.BigEndian.PutUint64(b[:8], uint64(now.UnixMilli())<<16|uint64(fraction)<<4|uint64(b[7]&0xf))
	return ID(idEncoding.EncodeToString(b[:]))
}
