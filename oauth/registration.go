package oauth

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/go-jose/go-jose/v4"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control/grants"
	"github.com/keyporter/keyporter/web"
)

// registration is what an app says of itself, and is told (RFC 7591 §2). Addresses of
// images and policies aren't kept: whoever shows them lets their owner see who looks.
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
		return s.registrationFault(w, err)
	}
	made, err := s.Grants.RegisterApp(r.Context(), from, app)
	if err != nil {
		return s.registrationFault(w, err)
	}
	out := s.metadataOf(made.App)
	out.Token = made.Token
	if made.App.Authentication == keyporter.AppSecret {
		out.Secret, out.SecretExpiresAt = made.Secret.Reveal(), new(int64)
	}
	web.WriteJSON(w, http.StatusCreated, out)
	return nil
}

// manage lets an app that registered itself read, change and delete its registration (RFC 7592).
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
		w.Header().Set("WWW-Authenticate", `Bearer realm="Keyporter", error="invalid_token"`)
		return web.OAuthError{Code: web.InvalidToken, Description: "The registration access token doesn't belong to the app."}
	}
	if err != nil {
		return err
	}
	switch r.Method {
	case http.MethodDelete:
		if err := s.Grants.DeleteRegisteredApp(r.Context(), from, app); err != nil {
			return s.registrationFault(w, err)
		}
		w.WriteHeader(http.StatusNoContent)
		return nil
	case http.MethodPut:
		changed, err := s.registered(in)
		if err == nil && in.ID != app.ID {
			err = keyporter.InvalidField("client_id", "client_id must be the app's own.")
		}
		if err == nil {
			app, err = s.Grants.UpdateRegisteredApp(r.Context(), from, app, changed)
		}
		if err != nil {
			return s.registrationFault(w, err)
		}
	}
	web.WriteJSON(w, http.StatusOK, s.metadataOf(app))
	return nil
}

func readRegistration(w http.ResponseWriter, r *http.Request) (in registration, err error) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	if json.NewDecoder(r.Body).Decode(&in) != nil {
		return in, web.Invalid("The body must be a JSON object with client metadata, of at most 64 KiB.")
	}
	return in, nil
}

// registered is the app that metadata describes. What there is a default for may be left out.
func (s *server) registered(in registration) (keyporter.App, error) {
	bad := func(field, text string) (keyporter.App, error) {
		return keyporter.App{}, keyporter.InvalidField(field, field+": "+text)
	}
	if in.AuthMethod == "" {
		in.AuthMethod = "client_secret_basic"
	}
	if len(in.GrantTypes) == 0 {
		in.GrantTypes = []string{grantCode}
	}
	if in.Name == "" {
		in.Name = "Unnamed app"
	}
	a := keyporter.App{
		Name: in.Name, HomePage: in.HomePage, RedirectURIs: in.RedirectURIs, Keys: string(in.Keys),
		Device: slices.Contains(in.GrantTypes, grantDevice), OwnTokens: slices.Contains(in.GrantTypes, grantClientCredentials),
	}
	switch in.AuthMethod {
	case "none":
		a.Authentication = keyporter.AppPublic
	case "client_secret_basic", "client_secret_post":
		a.Authentication = keyporter.AppSecret
	case "private_key_jwt":
		a.Authentication = keyporter.AppKey
	default:
		return bad("token_endpoint_auth_method", "there is no such method here.")
	}
	switch {
	case slices.ContainsFunc(in.GrantTypes, func(g string) bool { return !slices.Contains(grantTypes(), g) }):
		return bad("grant_types", "there is another one than "+strings.Join(grantTypes(), ", ")+".")
	case slices.ContainsFunc(in.ResponseTypes, func(t string) bool { return t != "code" }):
		return bad("response_types", "it must be code.")
	case a.OwnTokens && a.Authentication == keyporter.AppPublic:
		return bad("grant_types", "client_credentials is for apps that can prove their identity.")
	case slices.Contains(in.GrantTypes, grantCode) && len(a.RedirectURIs) == 0:
		return bad("redirect_uris", "there is none.")
	case in.KeysURI != "":
		return bad("jwks_uri", "keys must be sent in jwks; nothing is fetched.")
	}
	if err := checkKeys(a); err != nil {
		return bad("jwks", err.Error()+".")
	}
	var err error
	a.Scopes, err = s.registeredScopes(in.Scope)
	return a, err
}

func checkKeys(a keyporter.App) error {
	if a.Authentication != keyporter.AppKey {
		if a.Keys != "" {
			return errors.New("keys are for private_key_jwt")
		}
		return nil
	}
	var set jose.JSONWebKeySet
	if json.Unmarshal([]byte(a.Keys), &set) != nil || slices.ContainsFunc(set.Keys, func(k jose.JSONWebKey) bool { return !k.IsPublic() || !k.Valid() }) {
		return errors.New("it must be a JWK Set with public keys only")
	}
	return nil
}

// registeredScopes are those that the app may ask for: of the operator's those that it
// names, or all.
func (s *server) registeredScopes(names string) (scopes []keyporter.AppScope, err error) {
	if names == "" {
		for _, scope := range s.Scopes {
			scopes = append(scopes, keyporter.AppScope{Name: scope.Name})
		}
		return scopes, nil
	}
	for name := range strings.FieldsSeq(names) {
		if _, ok := keyporter.FindScope(s.Scopes, name); !ok {
			return nil, keyporter.InvalidField("scope", "scope: there is no scope "+name+".")
		}
		scopes = append(scopes, keyporter.AppScope{Name: name})
	}
	return scopes, nil
}

// metadataOf is what an app is told of its registration.
func (s *server) metadataOf(a keyporter.App) registration {
	out := registration{
		ID: a.ID, IssuedAt: a.CreatedAt.Unix(), At: s.Issuer + pathRegister + "/" + string(a.ID),
		RedirectURIs: a.RedirectURIs, Name: a.Name, HomePage: a.HomePage, Keys: json.RawMessage(a.Keys),
		AuthMethod: map[keyporter.AppAuthentication]string{
			keyporter.AppPublic: "none", keyporter.AppSecret: "client_secret_basic", keyporter.AppKey: "private_key_jwt",
		}[a.Authentication],
	}
	out.GrantTypes = slices.DeleteFunc(grantTypes(), func(g string) bool { return !mayUse(&a, g) })
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

// registrationFault tells what is wrong with metadata (RFC 7591 §3.2.2).
func (s *server) registrationFault(w http.ResponseWriter, err error) error {
	e, known := errors.AsType[*keyporter.Error](err)
	switch {
	case known && e.Kind == keyporter.TooMany:
		w.Header().Set("Retry-After", strconv.Itoa(1+int(e.RetryAfter.Seconds())))
		return web.OAuthError{Status: http.StatusTooManyRequests, Code: slowDown, Description: keyporter.MessageOf(err)}
	case known && len(e.Fields) > 0 && e.Fields[0].Field == "redirect_uris":
		return web.OAuthError{Code: "invalid_redirect_uri", Description: keyporter.MessageOf(err)}
	case known && e.Kind == keyporter.Invalid:
		return web.OAuthError{Code: "invalid_client_metadata", Description: keyporter.MessageOf(err)}
	case known && e.Kind == keyporter.NotFound:
		return web.OAuthError{Status: http.StatusConflict, Code: web.InvalidRequest, Description: "The app has changed in the meantime."}
	}
	return err
}
