package oauth

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/keyporter/keyporter"
)

const (
	jwtBearer = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

	// assertionLifetime is how long a client assertion may live: as long as Authlib makes its own.
	assertionLifetime = time.Hour
	// leeway is by how much an app's clock may be wrong.
	leeway = 30 * time.Second
)

// credentials are how an app says who it is (RFC 6749 §2.3).
type credentials struct {
	id            string
	secret        string
	assertion     string // a JWT (RFC 7523 §2.2)
	assertionType string
}

// readCredentials reads them. An app says who it is in one way only.
func readCredentials(r *http.Request, in url.Values) (credentials, error) {
	c := credentials{id: in.Get("client_id"), secret: in.Get("client_secret"), assertion: in.Get("client_assertion"), assertionType: in.Get("client_assertion_type")}
	id, secret, basic, err := basicAuth(r)
	switch {
	case err != nil:
		return c, err
	case len(r.Header["Authorization"]) > 1:
		return c, invalid("There is more than one Authorization header.")
	case basic && c.id != "" && c.id != id:
		return c, invalid("client_id doesn't match the Authorization header.")
	case secret != "" && (c.secret != "" || c.assertion != ""), c.secret != "" && c.assertion != "":
		return c, invalid("The app authenticates in more than one way.")
	case basic:
		c.id = id
		if secret != "" { // an app without one may say by the header who it is, and nothing more
			c.secret = secret
		}
	case c.id == "":
		c.id = issuerOf(c.assertion)
	}
	return c, nil
}

// basicAuth reads the Authorization header, whose parts are encoded as in forms (RFC 6749 §2.3.1).
func basicAuth(r *http.Request) (id, secret string, ok bool, err error) {
	scheme, text, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Basic") {
		if scheme != "" {
			return "", "", false, fault{code: invalidClient, description: "The Authorization header doesn't use the Basic scheme."}
		}
		return "", "", false, nil
	}
	bad := fault{code: invalidClient, description: "The Authorization header can't be read."}
	plain, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return "", "", false, bad
	}
	id, secret, ok = strings.Cut(string(plain), ":")
	if !ok {
		return "", "", false, bad
	}
	if id, err = url.QueryUnescape(id); err != nil {
		return "", "", false, bad
	}
	if secret, err = url.QueryUnescape(secret); err != nil || id == "" || malformed(id) || malformed(secret) {
		return "", "", false, bad
	}
	return id, secret, true, nil
}

// issuerOf returns who an assertion says it is from. Nobody believes it yet.
func issuerOf(assertion string) string {
	var claims struct {
		Issuer string `json:"iss"`
	}
	parts := strings.Split(assertion, ".")
	if len(parts) != 3 {
		return ""
	}
	if plain, err := base64.RawURLEncoding.DecodeString(parts[1]); err != nil || json.Unmarshal(plain, &claims) != nil {
		return ""
	}
	return claims.Issuer
}

// authenticate returns the app that sent a request to the path, once it has proved who it
// is. An app that doesn't work, or isn't approved, is none.
func (s *server) authenticate(ctx context.Context, c credentials, path string) (keyporter.App, error) {
	bad := func(text string) (keyporter.App, error) {
		return keyporter.App{}, fault{code: invalidClient, description: text}
	}
	if c.id == "" {
		return bad("client_id is missing.")
	}
	app, itsOwn, err := s.Grants.AppWithSecret(ctx, keyporter.ID(c.id), c.secret)
	switch {
	case keyporter.KindOf(err) == keyporter.NotFound || err == nil && app.State != keyporter.AppActive:
		return bad("There is no app with this client_id that works.")
	case err != nil:
		return app, err
	case app.Authentication == keyporter.AppKey:
		return app, s.checkAssertion(ctx, app, c, path)
	case app.Authentication == keyporter.AppSecret && c.secret == "":
		return bad("The app has to show its client_secret.")
	case app.Authentication == keyporter.AppSecret && !itsOwn:
		return bad("The client_secret isn't one of the app's.")
	case app.Authentication == keyporter.AppPublic && (c.secret != "" || c.assertion != ""):
		return bad("This app is registered as one that keeps no secret.")
	}
	return app, nil
}

// checkAssertion checks the JWT by which an app proves who it is (RFC 7523 §3), and uses it up.
func (s *server) checkAssertion(ctx context.Context, app keyporter.App, c credentials, path string) error {
	bad := func(text string) error { return fault{code: invalidClient, description: text} }
	if c.assertionType != jwtBearer || c.assertion == "" {
		return bad("The app has to show a client_assertion of the type " + jwtBearer + ".")
	}
	claims, err := signedByApp(c.assertion, app.Keys)
	if err != nil {
		return bad("The client_assertion isn't a JWT that one of the app's keys signed.")
	}
	now := s.Grants.Now()
	switch {
	case claims.Issuer != string(app.ID) || claims.Subject != string(app.ID):
		return bad("iss and sub of the client_assertion have to be the client_id.")
	case !slices.ContainsFunc(claims.Audience, func(aud string) bool { return aud == s.Issuer || aud == s.Issuer+pathToken || aud == s.Issuer+path }):
		return bad("The client_assertion is for another audience.")
	case claims.ID == "" || claims.Expiry == nil:
		return bad("The client_assertion lacks jti or exp.")
	case claims.Expiry.Time().Sub(now) > assertionLifetime:
		return bad("The client_assertion lives for longer than an hour.")
	case claims.ValidateWithLeeway(jwt.Expected{Time: now}, leeway) != nil:
		return bad("The client_assertion isn't for this time. Is the app's clock right?")
	}
	used := keyporter.HashSecret("app " + string(app.ID) + "\x00" + claims.ID)
	err = s.Grants.UseProof(ctx, used, claims.Expiry.Time().Add(2*leeway))
	if keyporter.KindOf(err) == keyporter.Conflict {
		return bad("The client_assertion was used before; each request needs a new one.")
	}
	return err
}

// signedByApp returns the claims of a JWT that one of the keys signed.
func signedByApp(text, keys string) (claims jwt.Claims, err error) {
	token, err := jwt.ParseSigned(text, proofAlgorithms())
	if err != nil || len(token.Headers) != 1 {
		return claims, jose.ErrUnsupportedAlgorithm
	}
	var set jose.JSONWebKeySet
	if err := json.Unmarshal([]byte(keys), &set); err != nil {
		return claims, err
	}
	header := token.Headers[0]
	for _, key := range set.Keys {
		// A key that says for which algorithm it is counts for no other (RFC 7517 §4.4).
		if header.KeyID != "" && key.KeyID != header.KeyID || key.Algorithm != "" && key.Algorithm != header.Algorithm || !key.IsPublic() || !key.Valid() {
			continue
		}
		claims = jwt.Claims{}
		if err := token.Claims(key.Key, &claims); err == nil {
			return claims, nil
		}
	}
	return claims, jose.ErrCryptoFailure
}
