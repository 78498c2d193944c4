package keyporter

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
)

// SealingKeyLen is the length of a SealingKey in bytes.
const SealingKeyLen = 32

// Sealer seals what the database keeps but must not be able to read, and derives secrets
// that nobody else can. Its keys are never in the database. The first of them seals and
// derives; all of them open, so that a key can be replaced.
type Sealer struct{ keys [][SealingKeyLen]byte }

// NewSealer returns a Sealer with these keys, one at least.
func NewSealer(keys ...[SealingKeyLen]byte) (*Sealer, error) {
	if len(keys) == 0 {
		return nil, errors.New("there is no key to seal with")
	}
	return &Sealer{keys: keys}, nil
}

// Seal encrypts plain (AES-256-GCM, a random nonce before it) for one purpose: what was
// sealed for another one, or for another row, doesn't open.
func (s *Sealer) Seal(purpose string, plain []byte) []byte {
	return s.aead(0, purpose).Seal(nil, nil, plain, []byte(purpose)) //nolint:gosec // the nonce is random, see NewGCMWithRandomNonce
}

// Open returns what was sealed for the purpose.
func (s *Sealer) Open(purpose string, sealed []byte) ([]byte, error) {
	for i := range s.keys {
		if plain, err := s.aead(i, purpose).Open(nil, nil, sealed, []byte(purpose)); err == nil {
			return plain, nil
		}
	}
	return nil, errors.New("what the database has sealed for " + purpose + " doesn't open: it was sealed with another key, or changed")
}

// Derive returns 256 bits that only who has the first key can compute from text.
func (s *Sealer) Derive(purpose, text string) [sha256.Size]byte {
	mac := hmac.New(sha256.New, s.key(0, "derive "+purpose))
	mac.Write([]byte(text))
	return [sha256.Size]byte(mac.Sum(nil))
}

func (s *Sealer) key(i int, purpose string) []byte {
	key, err := hkdf.Key(sha256.New, s.keys[i][:], nil, purpose, SealingKeyLen)
	if err != nil {
		panic(err) // a length that can't be derived
	}
	return key
}

func (s *Sealer) aead(i int, purpose string) cipher.AEAD {
	block, err := aes.NewCipher(s.key(i, "seal "+purpose))
	if err != nil {
		panic(err) // a key of a wrong length
	}
	gcm, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err)
	}
	return gcm
}

// NewSealingKey makes a key from 256 random bits.
func NewSealingKey() (key [SealingKeyLen]byte) {
	_, _ = rand.Read(key[:]) // never fails, see crypto/rand
	return key
}
