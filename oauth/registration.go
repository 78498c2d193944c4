package oauth

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control/grants"
	"github.com/keyporter/keyporter/web"
)

// registration is what an app says about itself, and what it gets back (RFC 7591 §2). Addresses
// of images and policies aren't kept: a page that shows them would tell their owner who looks.
type registration struct {
	RedirectURIs  []string        `json:"redirect_uris,omitempty"`
	AuthMethod    string          `json:"token_endpoint_auth_method,omitempty"`
	GrantTypes    []string        `json:"grant_types,omitempty"`
	ResponseTypes []string        `json:"response_types,omitempty"`
	Name          string          `json:"client_name,omitempty"`
	HomePage      string          `json:"client_uri,omitempty"`
	Scope         string          `json:"scope,omitempty"`
	Keys          json.RawMessage `json:"jwks,omitempty"`
	KeysURI       string          `json:"jwks_uri,omitempty"`
	SubjectType   string          `json:"subject_type,omitempty"` // OpenID Connect Registration §2, like the following
	IDTokenAlg    string          `json:"id_token_signed_response_alg,omitempty"`
	AssertionAlg  string          `json:"token_endpoint_auth_signing_alg,omitempty"`

	unsupported []string // of relied

	ID              keyporter.ID `json:"client_id,omitempty"`
	IssuedAt        int64        `json:"client_id_issued_at,omitempty"`
	Secret          string       `json:"client_secret,omitempty"`
	SecretExpiresAt *int64       `json:"client_secret_expires_at,omitempty"` // 0: never
	Token           string       `json:"registration_access_token,omitempty"`
	At              string       `json:"registration_client_uri,omitempty"`
}

// register lets an app register itself (RFC 7591).
func (s *server) register(w http.ResponseWriter, r *http.Request, from grants.Caller) error {
	in, err := readRegistration(w, r)
	if err != nil {
		return err
	}
	app, err := s.registered(in)
	if err != nil {
		return s.registrationFault(err)
	}
	made, err := s.Grants.RegisterApp(r.Context(), from, app)
	if err != nil {
		return s.registrationFault(err)
	}
	out := s.metadataOf(made.App)
	out.Token = made.Token
	if made.App.Authentication == keyporter.AppSecret {
		out.Secret, out.SecretExpiresAt = made.Secret.Reveal(), new(int64)
	}
	web.WriteJSON(w, http.StatusCreated, out)
	return nil
}

// manage lets an app that registered itself read, change, and delete its registration (RFC 7592).
func (s *server) manage(w http.ResponseWriter, r *http.Request, from grants.Caller) error {
	var in registration
	var err error
	if r.Method == http.MethodPut {
		if in, err = readRegistration(w, r); err != nil {
			return err
		}
	}
	id := keyporter.ID(strings.TrimPrefix(r.URL.Path, pathRegister+"/"))
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	app, err := s.Grants.RegisteredApp(r.Context(), id, token)
	if keyporter.KindOf(err) == keyporter.NotFound || err == nil && !strings.EqualFold(scheme, "Bearer") {
		e := web.OAuthError{Code: web.InvalidToken, Description: "The registration access token doesn't belong to the app."}
		w.Header().Set("WWW-Authenticate", web.Challenge("Bearer", r, e))
		return e
	}
	if err != nil {
		return err
	}
	switch r.Method {
	case http.MethodDelete:
		if err := s.Grants.DeleteRegisteredApp(r.Context(), from, app); err != nil {
			return s.registrationFault(err)
		}
		w.WriteHeader(http.StatusNoContent)
		return nil
	case http.MethodPut:
		changed, err := s.registered(in)
		if in.Secret != "" { // RFC 7592 §2.2
			if _, itsOwn, other := s.Grants.AppWithSecret(r.Context(), app.ID, in.Secret); other != nil || !itsOwn {
				err = keyporter.JoinFields(err, other, keyporter.InvalidField("client_secret", "It must match the app's secret."))
			}
		}
		if err == nil && in.ID == app.ID && s.sameMetadata(app, changed) {
			break // the operator approved it
		}
		if in.ID != app.ID {
			err = keyporter.JoinFields(err, keyporter.InvalidField("client_id", "It must match the app's client_id."))
		}
		if err == nil {
			app, err = s.Grants.UpdateRegisteredApp(r.Context(), from, app, changed)
		}
		if err != nil {
			return s.registrationFault(err)
		}
	}
	web.WriteJSON(w, http.StatusOK, s.metadataOf(app))
	return nil
}

func readRegistration(w http.ResponseWriter, r *http.Request) (in registration, err error) {
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 64<<10))
	var members map[string]json.RawMessage
	if err != nil || json.Unmarshal(text, &in) != nil || json.Unmarshal(text, &members) != nil {
		return in, web.Invalid("The body must be a JSON object with client metadata, of at most 64 KiB.")
	}
	for _, name := range relied() {
		if value := string(members[name]); !slices.Contains([]string{"", "null", "false", `""`}, value) {
			in.unsupported = append(in.unsupported, name)
		}
	}
	return in, nil
}

// The ways to send a secret.
const (
	clientSecretBasic = "client_secret_basic"
	clientSecretPost  = "client_secret_post"
)

// relied are members of metadata that an app would rely on and we don't have, so they aren't silently
// ignored as others are (RFC 7591 §2).
func relied() []string {
	return []string{
		"id_token_encrypted_response_alg", "userinfo_signed_response_alg", "userinfo_encrypted_response_alg", "request_object_signing_alg",
		"require_signed_request_object", "authorization_signed_response_alg", "authorization_encrypted_response_alg", "introspection_signed_response_alg",
		"introspection_encrypted_response_alg", "default_max_age", "require_auth_time", "dpop_bound_access_tokens", "require_pushed_authorization_requests", "tls_client_certificate_bound_access_tokens",
	}
}

// compact returns JSON without spaces; null is as good as nothing.
func compact(text json.RawMessage) string {
	var out bytes.Buffer
	if json.Compact(&out, text) != nil || out.String() == "null" {
		return ""
	}
	return out.String()
}

// registered returns the app that metadata describes, or all that is wrong with it. What has
// a default can be left out.
func (s *server) registered(in registration) (keyporter.App, error) {
	if len(in.GrantTypes) == 0 {
		in.GrantTypes = []string{grantCode}
	}
	a := keyporter.App{
		Name: cmp.Or(in.Name, "Unnamed app"), HomePage: in.HomePage, RedirectURIs: in.RedirectURIs, Keys: compact(in.Keys),
		SecretInForm: in.AuthMethod == clientSecretPost, ES256: in.IDTokenAlg == string(jose.ES256),
		Device: slices.Contains(in.GrantTypes, grantDevice), OwnTokens: slices.Contains(in.GrantTypes, grantClientCredentials),
	}
	var faults []error
	bad := func(wrong bool, field, text string) {
		if wrong {
			faults = append(faults, keyporter.InvalidField(field, text))
		}
	}
	switch in.AuthMethod {
	case "none":
		a.Authentication = keyporter.AppPublic
	case "", clientSecretBasic, clientSecretPost:
		a.Authentication = keyporter.AppSecret
	case "private_key_jwt":
		a.Authentication = keyporter.AppKey
	default:
		bad(true, "token_endpoint_auth_method", "Unsupported method.")
	}
	known := grantTypeNames(nil)
	bad(slices.ContainsFunc(in.GrantTypes, func(g string) bool { return !slices.Contains(known, g) }),
		"grant_types", "They can be "+strings.Join(known, ", ")+".")
	bad(slices.ContainsFunc(in.ResponseTypes, func(t string) bool { return t != "code" }), "response_types", "Only code is supported.")
	bad(a.OwnTokens && a.Authentication == keyporter.AppPublic, "grant_types", "client_credentials is for apps that can prove their identity.")
	bad(slices.Contains(in.GrantTypes, grantCode) && len(a.RedirectURIs) == 0, "redirect_uris", "There must be one.")
	bad(in.KeysURI != "", "jwks_uri", "Send keys in jwks. Keyporter doesn't fetch URLs.")
	bad(in.SubjectType != "" && in.SubjectType != "public", "subject_type", "Only public is supported.")
	bad(in.IDTokenAlg != "" && !slices.Contains(signingAlgorithms(), jose.SignatureAlgorithm(in.IDTokenAlg)), "id_token_signed_response_alg", "It can be RS256 or ES256.")
	bad(in.AssertionAlg != "" && !slices.Contains(grants.AssertionAlgorithms(), jose.SignatureAlgorithm(in.AssertionAlg)), "token_endpoint_auth_signing_alg", "Unsupported algorithm.")
	for _, name := range in.unsupported {
		bad(true, name, "It isn't supported.")
	}
	if a.Authentication == keyporter.AppKey && grants.CheckKeys("jwks", a.Keys) == nil {
		a.Keys = signingWith(a.Keys, in.AssertionAlg)
	}
	var noScopes error
	a.Scopes, noScopes = s.registeredScopes(in.Scope)
	return a, keyporter.JoinFields(append(faults, noScopes, grants.CheckRegistration(&a))...)
}

// signingWith returns keys that sign with the algorithm that the app has registered for its assertions,
// if any, and with no other (OpenID Connect Registration §2, RFC 7517 §4.4). A key that names another
// algorithm stays as it is.
func signingWith(keys, alg string) string {
	var set jose.JSONWebKeySet
	if alg == "" || json.Unmarshal([]byte(keys), &set) != nil {
		return keys
	}
	for i := range set.Keys {
		set.Keys[i].Algorithm = cmp.Or(set.Keys[i].Algorithm, alg)
	}
	text, err := json.Marshal(set)
	if err != nil {
		return keys
	}
	return string(text)
}

// maxUnknown is how many unknown scopes an app learns about at once.
const maxUnknown = 10

// registeredScopes returns the scopes that the app may ask for: those that it names and that
// exist, or all of the operator's if it names none.
func (s *server) registeredScopes(names string) (scopes []keyporter.AppScope, err error) {
	if names == "" {
		for _, scope := range s.Scopes {
			scopes = append(scopes, keyporter.AppScope{Name: scope.Name})
		}
		return scopes, nil
	}
	var unknown []string
	for name := range strings.FieldsSeq(names) {
		switch scope := (keyporter.AppScope{Name: name}); {
		case s.exists(name) && !slices.Contains(scopes, scope):
			scopes = append(scopes, scope)
		case !s.exists(name) && len(unknown) < maxUnknown:
			unknown = append(unknown, name)
		}
	}
	if scopes == nil {
		return nil, keyporter.InvalidField("scope", "There is no "+strings.Join(unknown, ", ")+".")
	}
	return scopes, nil
}

// metadataOf returns what an app sees of its registration.
func (s *server) metadataOf(a keyporter.App) registration {
	out := registration{
		ID: a.ID, IssuedAt: a.CreatedAt.Unix(), At: s.Issuer + pathRegister + "/" + string(a.ID),
		RedirectURIs: a.RedirectURIs, Name: a.Name, HomePage: a.HomePage, Keys: json.RawMessage(a.Keys),
		AuthMethod: map[keyporter.AppAuthentication]string{
			keyporter.AppPublic: "none", keyporter.AppSecret: clientSecretBasic, keyporter.AppKey: "private_key_jwt",
		}[a.Authentication],
		SubjectType: "public", IDTokenAlg: string(idTokenAlgorithm(&a)),
	}
	if a.Authentication == keyporter.AppSecret && a.SecretInForm {
		out.AuthMethod = clientSecretPost
	}
	out.GrantTypes = grantTypeNames(&a)
	if len(a.RedirectURIs) > 0 {
		out.ResponseTypes = []string{"code"}
	}
	var names []string
	for _, scope := range a.Scopes {
		names = append(names, scope.Name)
	}
	out.Scope = strings.Join(names, " ")
	return out
}

// sameMetadata reports whether two states of an app are the same to the app itself.
func (s *server) sameMetadata(a, b keyporter.App) bool {
	seen := func(a keyporter.App) registration {
		a.ID, a.CreatedAt, a.SecretInForm, a.Keys = "", time.Time{}, false, compact(json.RawMessage(a.Keys))
		a.RedirectURIs = slices.Sorted(slices.Values(a.RedirectURIs))
		a.Scopes = slices.DeleteFunc(slices.Clone(a.Scopes), func(scope keyporter.AppScope) bool { return !s.exists(scope.Name) })
		slices.SortFunc(a.Scopes, func(x, y keyporter.AppScope) int { return strings.Compare(x.Name, y.Name) })
		return s.metadataOf(a)
	}
	return reflect.DeepEqual(seen(a), seen(b))
}

// registrationFault returns what is wrong with a registration (RFC 7591 §3.2.2).
func (s *server) registrationFault(err error) error {
	e, known := errors.AsType[*keyporter.Error](err)
	switch {
	case known && e.Kind == keyporter.TooMany:
		return web.OAuthError{Status: http.StatusTooManyRequests, Code: slowDown, Description: keyporter.MessageOf(err), RetryAfter: e.RetryAfter}
	case known && e.Kind == keyporter.Invalid:
		return web.OAuthError{Code: metadataCode(e.Fields), Description: cmp.Or(described(e.Fields), keyporter.MessageOf(err))}
	case known && e.Kind == keyporter.Forbidden: // RFC 7592 §2.2
		return web.OAuthError{Status: http.StatusForbidden, Code: accessDenied, Description: keyporter.MessageOf(err)}
	case known && e.Kind == keyporter.NotFound:
		return web.OAuthError{Status: http.StatusConflict, Code: web.InvalidRequest, Description: "The app has changed in the meantime."}
	}
	return err
}

// metadataCode returns the error code for wrong fields (RFC 7591 §3.2.2).
func metadataCode(wrong []keyporter.FieldError) string {
	if len(wrong) == 0 || slices.ContainsFunc(wrong, func(f keyporter.FieldError) bool { return f.Field != "redirect_uris" }) {
		return "invalid_client_metadata"
	}
	return "invalid_redirect_uri"
}

// described returns a sentence about each wrong field. The error format has one text for all.
func described(wrong []keyporter.FieldError) string {
	texts := make([]string, len(wrong))
	for i, f := range wrong {
		texts[i] = f.Field + ": " + f.Message
	}
	return strings.Join(texts, " ")
}
