package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/luikyv/go-oidc/pkg/goidc"

	"github.com/keyporter/keyporter"
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

const grantDevice = string(goidc.GrantDeviceCode)

// register lets apps register themselves (RFC 7591), and manage that (RFC 7592). The
// library's own way keeps secrets in clear and knows no approval.
func (s *server) register(w http.ResponseWriter, r *http.Request) {
	var in registration
	if r.Method == http.MethodPost || r.Method == http.MethodPut {
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			s.fail(w, r, invalid("The body must be a JSON object with client metadata, of at most 64 KiB."))
			return
		}
	}
	if r.Method == http.MethodPost {
		s.registerApp(w, r, in)
		return
	}
	id, _ := strings.CutPrefix(r.URL.Path, pathRegister+"/")
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	app, err := s.Grants.RegisteredApp(r.Context(), keyporter.ID(id), token)
	if err != nil || !strings.EqualFold(scheme, "Bearer") {
		if err == nil || keyporter.KindOf(err) == keyporter.NotFound {
			w.Header().Set("WWW-Authenticate", `Bearer realm="Keyporter", error="invalid_token"`)
			err = fault{code: invalidToken, description: "The registration access token doesn't belong to the app."}
		}
		s.failRegistration(w, r, err)
		return
	}
	s.manageApp(w, r, app, in)
}

func (s *server) manageApp(w http.ResponseWriter, r *http.Request, app keyporter.App, in registration) {
	from := flowOf(r.Context()).caller()
	switch r.Method {
	case http.MethodDelete:
		if err := s.Grants.DeleteRegisteredApp(r.Context(), from, app); err != nil {
			s.failRegistration(w, r, err)
			return
		}
		w.WriteHeader(http.StatusNoContent)
		return
	case http.MethodPut:
		changed, err := s.registered(in)
		if err == nil && in.ID != app.ID {
			err = keyporter.InvalidField("client_id", "client_id must be the app's own.")
		}
		if err == nil {
			app, err = s.Grants.UpdateRegisteredApp(r.Context(), from, app, changed)
		}
		if err != nil {
			s.failRegistration(w, r, err)
			return
		}
	}
	sendRegistration(w, http.StatusOK, s.metadataOf(app))
}

func (s *server) registerApp(w http.ResponseWriter, r *http.Request, in registration) {
	app, err := s.registered(in)
	if err != nil {
		s.failRegistration(w, r, err)
		return
	}
	made, err := s.Grants.RegisterApp(r.Context(), flowOf(r.Context()).caller(), app)
	if err != nil {
		s.failRegistration(w, r, err)
		return
	}
	out := s.metadataOf(made.App)
	out.Token = made.Token
	if made.App.Authentication == keyporter.AppSecret {
		out.Secret, out.SecretExpiresAt = made.Secret.Reveal(), new(int64)
	}
	sendRegistration(w, http.StatusCreated, out)
}

func sendRegistration(w http.ResponseWriter, status int, out registration) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(out) //nolint:gosec // the app sees its secret this once
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
		in.GrantTypes = []string{"authorization_code"}
	}
	if in.Name == "" {
		in.Name = "Unnamed app"
	}
	a := keyporter.App{
		Name: in.Name, HomePage: in.HomePage, RedirectURIs: in.RedirectURIs, Keys: string(in.Keys),
		Device: slices.Contains(in.GrantTypes, grantDevice), OwnTokens: slices.Contains(in.GrantTypes, "client_credentials"),
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
	known := []string{"authorization_code", "refresh_token", "client_credentials", grantDevice}
	switch {
	case slices.ContainsFunc(in.GrantTypes, func(g string) bool { return !slices.Contains(known, g) }):
		return bad("grant_types", "there is another one than "+strings.Join(known, ", ")+".")
	case slices.ContainsFunc(in.ResponseTypes, func(t string) bool { return t != "code" }):
		return bad("response_types", "it must be code.")
	case a.OwnTokens && a.Authentication == keyporter.AppPublic:
		return bad("grant_types", "client_credentials is for apps that can prove their identity.")
	case slices.Contains(in.GrantTypes, "authorization_code") && len(a.RedirectURIs) == 0:
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
	keys, err := publicKeys(a.Keys)
	if err != nil {
		return errors.New("it must be a JWK Set with public keys")
	}
	for _, k := range keys.Keys {
		if !k.IsPublic() || !k.Valid() {
			return errors.New("only public keys are accepted")
		}
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
	for _, g := range grantTypes(&a) {
		out.GrantTypes = append(out.GrantTypes, string(g))
	}
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

// failRegistration tells what is wrong with metadata (RFC 7591 §3.2.2).
func (s *server) failRegistration(w http.ResponseWriter, r *http.Request, err error) {
	e, known := errors.AsType[*keyporter.Error](err)
	own, isFault := errors.AsType[fault](err)
	switch {
	case isFault:
		s.fail(w, r, own)
	case known && e.Kind == keyporter.TooMany:
		w.Header().Set("Retry-After", strconv.Itoa(1+int(e.RetryAfter.Seconds())))
		s.fail(w, r, fault{status: http.StatusTooManyRequests, code: "slow_down", description: keyporter.MessageOf(err)})
	case known && len(e.Fields) > 0 && e.Fields[0].Field == "redirect_uris":
		s.fail(w, r, fault{code: "invalid_redirect_uri", description: keyporter.MessageOf(err)})
	case known && e.Kind == keyporter.Invalid:
		s.fail(w, r, fault{code: "invalid_client_metadata", description: keyporter.MessageOf(err)})
	case known && e.Kind == keyporter.NotFound:
		s.fail(w, r, fault{status: http.StatusConflict, code: invalidRequest, description: "The app has changed in the meantime."})
	default:
		s.fail(w, r, s.unforeseen(flowOf(r.Context()), err))
	}
}

// SaveClient isn't asked: the library registers nobody.
func (s *server) SaveClient(context.Context, *goidc.Client) error { return goidc.ErrNotFound }

// DeleteClient isn't asked either.
func (s *server) DeleteClient(context.Context, string) error { return goidc.ErrNotFound }
