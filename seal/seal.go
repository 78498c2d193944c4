// Package seal encrypts what the database stores but must not be readable from it: signing
// keys, the secrets of webhooks and identity providers, and the requests of apps.
//
// It owns the cryptography and nothing else. Callers name the purpose of what they seal, and
// package server reads the keys.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
)

// KeyLen is the length of a key in bytes.
const KeyLen = 32

// Key is the key of a Sealer. It is never stored in the database.
type Key [KeyLen]byte

// NewKey makes a key from 256 random bits.
func NewKey() (key Key) {
	_, _ = rand.Read(key[:]) // rand.Read never fails
	return key
}

// Sealer seals and opens, and derives bits that nobody can compute without its keys. The first
// key seals and derives. All of them open, so that keys can be replaced. It is safe for
// concurrent use.
type Sealer struct{ keys []Key }

// New returns a Sealer. It fails if there is no key.
func New(keys ...Key) (*Sealer, error) {
	if len(keys) == 0 {
		return nil, errors.New("there is no key to seal with")
	}
	return &Sealer{keys: keys}, nil
}

// Temporary returns a Sealer with a key of its own. When the process ends, what it sealed can't be
// opened anymore.
func Temporary() *Sealer { return &Sealer{keys: []Key{NewKey()}} }

// Seal encrypts plain for one purpose (AES-256-GCM, prefixed with a random nonce). The result
// doesn't open for any other purpose. A purpose therefore names the row, so that nobody can
// swap the sealed bytes of two rows.
func (s *Sealer) Seal(purpose string, plain []byte) []byte {
	return s.aead(0, purpose).Seal(nil, nil, plain, []byte(purpose)) //nolint:gosec // the nonce is random, see NewGCMWithRandomNonce
}

// Open decrypts what was sealed for the purpose. It fails if none of the keys sealed it, or if
// the sealed bytes were changed.
func (s *Sealer) Open(purpose string, sealed []byte) ([]byte, error) {
	for i := range s.keys {
		if plain, err := s.aead(i, purpose).Open(nil, nil, sealed, []byte(purpose)); err == nil {
			return plain, nil
		}
	}
	return nil, errors.New("what the database has sealed for " + purpose + " doesn't open: it was sealed with another key, or changed")
}

// Derive returns 256 bits that nobody can compute from purpose and text without the first key.
func (s *Sealer) Derive(purpose, text string) [sha256.Size]byte {
	mac := hmac.New(sha256.New, s.key(0, "derive "+purpose))
	mac.Write([]byte(text))
	return [sha256.Size]byte(mac.Sum(nil))
}

// Fingerprints returns what tells the keys apart, and reveals nothing of them, in the order of the keys.
func (s *Sealer) Fingerprints() []string {
	all := make([]string, len(s.keys))
	for i := range s.keys {
		all[i] = hex.EncodeToString(s.key(i, "fingerprint"))
	}
	return all
}

func (s *Sealer) key(i int, purpose string) []byte {
	key, err := hkdf.Key(sha256.New, s.keys[i][:], nil, purpose, KeyLen)
	if err != nil {
		panic(err) // only for a length HKDF can't derive
	}
	return key
}

func (s *Sealer) aead(i int, purpose string) cipher.AEAD {
	block, err := aes.NewCipher(s.key(i, "seal "+purpose))
	if err != nil {
		panic(err) // only for a key of the wrong length
	}
	gcm, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err)
	}
	return gcm
}
