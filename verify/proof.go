package verify

import (
	"cmp"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/keyporter/keyporter"
)

const (
	// proofAge is how old a proof may be, and proofAhead is how far the client's clock may
	// be ahead. A proof that is stolen along with its token is worthless once it has been used.
	proofAge   = 60 * time.Second
	proofAhead = 30 * time.Second
	// maxProof is the longest proof in bytes. One with a large RSA key has some 1,200.
	maxProof = 8 << 10
)

func proofAlgorithms() []jose.SignatureAlgorithm {
	return []jose.SignatureAlgorithm{jose.ES256, jose.EdDSA, jose.PS256, jose.RS256}
}

// Proof is a DPoP proof (RFC 9449 §4.2) that is valid for a request. The caller has yet to
// check that it hasn't been used before (store.Tx.UseProof) and, if the request carries an
// access token, that it belongs to that token (IsFor).
type Proof struct {
	KeyHash   string               // thumbprint of the key that signed it (RFC 7638), as in cnf.jkt
	Hash      keyporter.SecretHash // of the key and jti; recognizes a proof that is used again
	ExpiresAt time.Time            // from then on, ReadProof refuses it

	accessToken string // ath
}

// Proven is the request that a proof must be for.
type Proven struct {
	Method  string
	Origins []string // where it may have been sent, by the configuration: scheme, host, and port
	Path    string   // as the client sent it, percent-encoded
	Now     time.Time
	MaxAge  time.Duration // how old the proof may be; zero: a minute
}

// proofClaims are the claims of a proof. iat may have a fraction (RFC 7519 §2).
type proofClaims struct {
	ID          string   `json:"jti"`
	Method      string   `json:"htm"`
	URL         string   `json:"htu"`
	IssuedAt    *float64 `json:"iat"`
	NotBefore   *float64 `json:"nbf"`
	Expires     *float64 `json:"exp"`
	AccessToken string   `json:"ath"`
}

// ReadProof checks the values of the DPoP header as RFC 9449 §4.3 requires, except for what
// Proof leaves to the caller. The numbers in its code are those of that list. Its errors are
// keyporter.Unauthorized, with a sentence for people that quotes nothing from the proof.
func ReadProof(headers []string, of Proven) (Proof, error) {
	switch { // 1
	case len(headers) == 0 || headers[0] == "":
		return Proof{}, noProof("The call has no DPoP header with a proof.")
	case len(headers) > 1:
		return Proof{}, noProof("The call has more than one DPoP header.")
	case len(headers[0]) > maxProof:
		return Proof{}, noProof("The proof is too long.")
	}
	signed, err := jose.ParseSignedCompact(headers[0], proofAlgorithms()) // 2, 5
	if err != nil {
		return Proof{}, noProof("The proof isn't a JWT signed with " + strings.Join(keyporter.ProofAlgorithms(), ", ") + ".")
	}
	header := signed.Signatures[0].Protected
	if typ, _ := header.ExtraHeaders[jose.HeaderType].(string); !strings.EqualFold(typ, "dpop+jwt") { // 4
		return Proof{}, noProof("The proof's typ isn't dpop+jwt.")
	}
	key := header.JSONWebKey
	if key == nil || !key.Valid() || !key.IsPublic() || !goodKey(header.Algorithm, key.Key) { // 3, 7
		return Proof{}, noProof("The proof's jwk header has no public key that fits its algorithm.")
	}
	payload, err := signed.Verify(key) // 6
	if err != nil {
		return Proof{}, noProof("The proof's signature is wrong.")
	}
	thumbprint, err := key.Thumbprint(crypto.SHA256)
	if err != nil {
		return Proof{}, noProof("The proof's key has no thumbprint.")
	}
	p := Proof{KeyHash: base64.RawURLEncoding.EncodeToString(thumbprint)}
	var claims proofClaims
	if json.Unmarshal(payload, &claims) != nil {
		return Proof{}, noProof("The proof's claims can't be read.")
	}
	of.MaxAge = cmp.Or(of.MaxAge, proofAge)
	if err := claims.check(of); err != nil { // 3, 8, 9, 11; 10 is about nonces, which we don't ask for
		return Proof{}, err
	}
	p.Hash = sha256.Sum256([]byte(p.KeyHash + " " + claims.ID))
	p.ExpiresAt, p.accessToken = seconds(*claims.IssuedAt).Add(of.MaxAge+proofAhead), claims.AccessToken
	return p, nil
}

func noProof(why string) error { return keyporter.Refuse(keyporter.Unauthorized, why) }

// goodKey reports whether the key fits the algorithm and has a sensible size: a small key
// can be broken, and checking with a huge one is expensive.
func goodKey(algorithm string, key any) bool {
	switch k := key.(type) {
	case *ecdsa.PublicKey:
		return algorithm == string(jose.ES256) && k.Curve == elliptic.P256()
	case ed25519.PublicKey:
		return algorithm == string(jose.EdDSA)
	case *rsa.PublicKey:
		return (algorithm == string(jose.PS256) || algorithm == string(jose.RS256)) && k.N.BitLen() >= 2048 && k.N.BitLen() <= 4096
	}
	return false
}

// check returns an error that says what is wrong with the claims.
func (c *proofClaims) check(of Proven) error {
	late := func(at *float64) bool { return at != nil && !of.Now.Before(seconds(*at)) }
	early := func(at *float64) bool { return at != nil && of.Now.Add(proofAhead).Before(seconds(*at)) }
	switch {
	case c.ID == "" || c.IssuedAt == nil:
		return noProof("The proof lacks jti or iat.")
	case c.Method != of.Method:
		return noProof("The proof is for another method.")
	case len(of.Origins) == 0:
		return noProof("No proof can be checked, because Keyporter doesn't know the address of this API. Its operator has to set the API's resource.")
	case !of.isAt(c.URL):
		return noProof("The proof is for another address. This API's begins with " + strings.Join(of.Origins, " or ") + ".")
	case of.Now.Sub(seconds(*c.IssuedAt)) > of.MaxAge:
		return noProof("The proof is too old. Create one for each call.")
	case early(c.IssuedAt) || early(c.NotBefore) || late(c.Expires):
		return noProof("The proof is from the future. Is the client's clock right?")
	}
	return nil
}

// seconds reads a NumericDate (RFC 7519 §2). One that is out of bounds becomes 1970.
func seconds(at float64) time.Time {
	const farAway = 1 << 40
	if at < 0 || at > farAway {
		return time.Unix(0, 0)
	}
	return time.UnixMilli(int64(at * 1000))
}

// isAt reports whether a proof's htu is the address of the request. Query and fragment don't
// count (RFC 9449 §4.3).
func (of *Proven) isAt(htu string) bool {
	if i := strings.IndexAny(htu, "?#"); i >= 0 {
		htu = htu[:i]
	}
	if scheme, rest, ok := strings.Cut(htu, "://"); ok {
		htu = scheme + "://" + FoldSlashes(rest) // of.Path may be folded, and every other path has nothing to fold
	}
	named := keyporter.NormalAddress(htu)
	return named != "" && slices.ContainsFunc(of.Origins, func(origin string) bool { return keyporter.NormalAddress(origin+of.Path) == named })
}

// IsFor reports whether the proof belongs to the access token with this secret, and is signed
// with the key the token is bound to (12).
func (p *Proof) IsFor(secret, keyHash string) bool {
	hash := sha256.Sum256([]byte(secret))
	ath := base64.RawURLEncoding.EncodeToString(hash[:])
	return subtle.ConstantTimeCompare([]byte(p.accessToken), []byte(ath)) == 1 && subtle.ConstantTimeCompare([]byte(p.KeyHash), []byte(keyHash)) == 1
}
