package grants

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/keyporter/keyporter"
)

const (
	jwtBearer = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

	// assertionLifetime is how long a client assertion may live: as long as Authlib makes its own.
	assertionLifetime = time.Hour
	// leeway is how far an app's clock may be off.
	leeway = 30 * time.Second
)

// AssertionAlgorithms returns the algorithms that apps may sign proofs and assertions with.
func AssertionAlgorithms() []jose.SignatureAlgorithm {
	return []jose.SignatureAlgorithm{jose.ES256, jose.EdDSA, jose.PS256, jose.RS256}
}

// AuthenticateApp returns the app once it has proved its identity. If it hasn't, or if the app
// is suspended or not approved, the error is Unauthorized. An assertion must be for one of the
// audiences, and is used up.
func (g *Grants) AuthenticateApp(ctx context.Context, c keyporter.ClientAuthentication, audiences ...string) (keyporter.App, error) {
	if c.ClientID == "" {
		return keyporter.App{}, unauthorized("client_id is missing.")
	}
	app, itsOwn, err := g.AppWithSecret(ctx, keyporter.ID(c.ClientID), c.Secret)
	switch {
	case keyporter.KindOf(err) == keyporter.NotFound || err == nil && app.State != keyporter.AppActive:
		return keyporter.App{}, unauthorized("No active app has this client_id.")
	case err != nil:
		return keyporter.App{}, err
	case app.Authentication == keyporter.AppKey:
		err = g.checkAssertion(ctx, app, c, audiences)
	case app.Authentication == keyporter.AppSecret && c.Secret == "":
		err = unauthorized("client_secret is missing.")
	case app.Authentication == keyporter.AppSecret && !itsOwn:
		err = unauthorized("The client_secret is wrong.")
	case app.Authentication == keyporter.AppPublic && (c.Secret != "" || c.Assertion != ""):
		err = unauthorized("This app is registered as a public client.")
	}
	if err != nil {
		return keyporter.App{}, err
	}
	return app, nil
}

func unauthorized(text string) error { return keyporter.Refuse(keyporter.Unauthorized, text) }

// checkAssertion checks the JWT that an app proves its identity with (RFC 7523 §3), and uses it up.
func (g *Grants) checkAssertion(ctx context.Context, app keyporter.App, c keyporter.ClientAuthentication, audiences []string) error {
	if c.AssertionType != jwtBearer || c.Assertion == "" {
		return unauthorized("The app must send a client_assertion of the type " + jwtBearer + ".")
	}
	claims, err := signedByApp(c.Assertion, app.Keys)
	if err != nil {
		return unauthorized("The client_assertion isn't a JWT signed with one of the app's keys.")
	}
	now := g.now()
	switch {
	case claims.Issuer != string(app.ID) || claims.Subject != string(app.ID):
		return unauthorized("iss and sub of the client_assertion must be the client_id.")
	case !slices.ContainsFunc(claims.Audience, func(aud string) bool { return slices.Contains(audiences, aud) }):
		return unauthorized("The client_assertion is for another audience.")
	case claims.ID == "" || claims.Expiry == nil:
		return unauthorized("The client_assertion lacks jti or exp.")
	case claims.Expiry.Time().Sub(now) > assertionLifetime:
		return unauthorized("The client_assertion is valid for more than an hour.")
	case claims.ValidateWithLeeway(jwt.Expected{Time: now}, leeway) != nil:
		return unauthorized("The client_assertion has expired or isn't valid yet. Check the app's clock.")
	}
	used := keyporter.HashSecret("app " + string(app.ID) + "\x00" + claims.ID)
	err = g.UseProof(ctx, used, claims.Expiry.Time().Add(2*leeway))
	if keyporter.KindOf(err) == keyporter.Conflict {
		return unauthorized("This client_assertion was already used. Send a new one with each request.")
	}
	return err
}

// signedByApp returns the claims of a JWT that one of the keys signed.
func signedByApp(text, keys string) (claims jwt.Claims, err error) {
	token, err := jwt.ParseSigned(text, AssertionAlgorithms())
	if err != nil || len(token.Headers) != 1 {
		return claims, jose.ErrUnsupportedAlgorithm
	}
	var set jose.JSONWebKeySet
	if err := json.Unmarshal([]byte(keys), &set); err != nil {
		return claims, err
	}
	for _, key := range set.Keys {
		if !signs(key, token.Headers[0]) {
			continue
		}
		claims = jwt.Claims{}
		if err := token.Claims(key.Key, &claims); err == nil {
			return claims, nil
		}
	}
	return claims, jose.ErrCryptoFailure
}

// signs reports whether a key may have made a signature. A key that says what it is for is good
// for nothing else (RFC 7517 §4.2, §4.4).
func signs(key jose.JSONWebKey, header jose.Header) bool {
	return (header.KeyID == "" || key.KeyID == header.KeyID) && (key.Use == "" || key.Use == "sig") &&
		(key.Algorithm == "" || key.Algorithm == header.Algorithm) && key.IsPublic() && key.Valid() && !isSmall(key)
}
