// Package seal keeps what the database stores but must not be able to read: the keys that
// sign, the secrets of webhooks and identity providers, and the requests of apps.
//
// It owns the cryptography, and nothing else. The caller names the purpose of what it seals,
// and package server reads the keys.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
)

// KeyLen is the length of a key in bytes.
const KeyLen = 32

// Key seals and opens. It is never stored in the database.
type Key [KeyLen]byte

// NewKey makes a key from 256 random bits.
func NewKey() (key Key) {
	_, _ = rand.Read(key[:]) // never fails, see crypto/rand
	return key
}

// Sealer seals and opens, and derives bits that nobody without its keys can compute. The
// first key seals and derives; any of them opens, so that keys can be replaced.
type Sealer struct{ keys []Key }

// New returns a Sealer with at least one key.
func New(keys ...Key) (*Sealer, error) {
	if len(keys) == 0 {
		return nil, errors.New("there is no key to seal with")
	}
	return &Sealer{keys: keys}, nil
}

// Seal encrypts plain for one purpose (AES-256-GCM, with a random nonce in front). The result
// doesn't open for any other purpose, which is why a purpose names the row.
func (s *Sealer) Seal(purpose string, plain []byte) []byte {
	return s.aead(0, purpose).Seal(nil, nil, plain, []byte(purpose)) //nolint:gosec // the nonce is random, see NewGCMWithRandomNonce
}

// Open returns what was sealed for the purpose. It fails if the key is another one or the
// sealed bytes were changed.
func (s *Sealer) Open(purpose string, sealed []byte) ([]byte, error) {
	for i := range s.keys {
		if plain, err := s.aead(i, purpose).Open(nil, nil, sealed, []byte(purpose)); err == nil {
			return plain, nil
		}
	}
	return nil, errors.New("what the database has sealed for " + purpose + " doesn't open: it was sealed with another key, or changed")
}

// Derive returns 256 bits that only someone with the first key can compute from text.
func (s *Sealer) Derive(purpose, text string) [sha256.Size]byte {
	mac := hmac.New(sha256.New, s.key(0, "derive "+purpose))
	mac.Write([]byte(text))
	return [sha256.Size]byte(mac.Sum(nil))
}

func (s *Sealer) key(i int, purpose string) []byte {
	key, err := hkdf.Key(sha256.New, s.keys[i][:], nil, purpose, KeyLen)
	if err != nil {
		panic(err) // only for a length that HKDF can't derive
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
