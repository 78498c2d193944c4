package web

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"github.com/keyporter/keyporter"
)

// ReadClientAuthentication reads how an app authenticates: in the Authorization header or in the
// parameters, and in only one way (RFC 6749 §2.3).
func ReadClientAuthentication(r *http.Request, in url.Values) (keyporter.ClientAuthentication, error) {
	c := keyporter.ClientAuthentication{
		ClientID: in.Get("client_id"), Secret: in.Get("client_secret"), Assertion: in.Get("client_assertion"), AssertionType: in.Get("client_assertion_type"),
	}
	id, secret, basic, err := basicAuth(r)
	switch {
	case err != nil:
		return c, err
	case len(r.Header["Authorization"]) > 1:
		return c, Invalid("There is more than one Authorization header.")
	case basic && c.ClientID != "" && c.ClientID != id:
		return c, Invalid("client_id doesn't match the Authorization header.")
	case secret != "" && (c.Secret != "" || c.Assertion != ""), c.Secret != "" && c.Assertion != "":
		return c, Invalid("The app authenticates in more than one way.")
	case basic:
		c.ClientID = id
		if secret != "" { // an app without a secret may name itself in the header, but nothing more
			c.Secret = secret
		}
	case c.ClientID == "":
		c.ClientID = issuerOf(c.Assertion)
	}
	return c, nil
}

// AsClientError turns what is Unauthorized into the error of an app that didn't prove its
// identity. Only client authentication can say that: an app that sees it asks for a new
// secret, or gives up.
func AsClientError(err error) error {
	if keyporter.KindOf(err) == keyporter.Unauthorized {
		return OAuthError{Code: InvalidClient, Description: keyporter.MessageOf(err)}
	}
	return err
}

// basicAuth reads the Authorization header, whose parts are form-encoded (RFC 6749 §2.3.1).
func basicAuth(r *http.Request) (id, secret string, ok bool, err error) {
	scheme, text, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Basic") {
		if scheme != "" {
			return "", "", false, OAuthError{Code: InvalidClient, Description: "The Authorization header doesn't use the Basic scheme."}
		}
		return "", "", false, nil
	}
	bad := OAuthError{Code: InvalidClient, Description: "The Authorization header can't be read."}
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

// issuerOf returns who an assertion claims to be from. Nothing has verified it yet.
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
