// Package oauth is the door for apps: the authorization server (OAuth 2, OpenID Connect).
//
// It owns what goes over the wire. The protocol itself is a library's (github.com/luikyv/go-oidc);
// here is what the library leaves to others or does otherwise than we want: it loads,
// checks and saves, and what may happen once is decided by package control/grants in one
// statement; it keeps secrets in clear, and here are their hashes; it judges requests
// leniently, and here they are judged before it sees them. docs/decisions/0009 says more.
//
// Who consents to what, and the pages for it, are control's and the console's: an
// authorization goes from here to /connect/{id} and comes back with an answer.
package oauth

import (
	"log/slog"
	"net/http"
	"slices"
	"strings"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control"
	"github.com/keyporter/keyporter/control/grants"
	"github.com/keyporter/keyporter/usage"
	"github.com/keyporter/keyporter/verify"
	"github.com/keyporter/keyporter/web"
)

// Config is what the authorization server needs.
type Config struct {
	Control   *control.Control // signs users in and asks them
	Grants    *grants.Grants
	Checker   *verify.Checker // for introspection
	Usage     *usage.Usage    // for what gateways report
	Proxies   web.Proxies
	Log       *slog.Logger
	Issuer    string            // address of this Keyporter, without a slash at its end
	Scopes    []keyporter.Scope // that the operator named
	Resources []string          // of the APIs (RFC 8707)
	Register  bool              // apps may register themselves (RFC 7591)
	Gateways  []Gateway         // that may ask about credentials
	// FaultPage shows a person that an app's request can't be answered, and the error code for the app's developer. Nil: without a page.
	FaultPage func(w http.ResponseWriter, r *http.Request, status int, code, text string)
	Stopping  <-chan struct{} // is closed when what goes on for long has to end; nil: nothing has to
}

type server struct {
	Config

	library   http.Handler
	keys      *keyring
	endpoints map[string]endpoint
	streams   streams
}

// The paths.
const (
	prefix         = "/oauth2/"
	pathAuthorize  = prefix + "authorize"
	pathToken      = prefix + "token"
	pathRevoke     = prefix + "revoke"
	pathIntrospect = prefix + "introspect"
	pathBatch      = pathIntrospect + "/batch"
	pathChanges    = pathIntrospect + "/changes"
	pathUses       = pathIntrospect + "/uses"
	pathPAR        = prefix + "par"
	pathDevice     = prefix + "device_authorization"
	pathUserInfo   = prefix + "userinfo"
	pathJWKS       = prefix + "jwks"
	pathRegister   = prefix + "register"

	pathOpenID   = "/.well-known/openid-configuration"
	pathMetadata = "/.well-known/oauth-authorization-server"

	// Addresses that clients know from before there was a Keyporter.
	aliasAuthorize = "/Auth/Authorize"
	aliasToken     = "/ApiToken/Retrieve"
)

// New returns the authorization server, to be served where Serves says so.
func New(cfg Config) (http.Handler, error) {
	if cfg.FaultPage == nil {
		cfg.FaultPage = func(w http.ResponseWriter, _ *http.Request, status int, code, text string) {
			http.Error(w, "This app can’t continue: "+text+" ("+code+")", status)
		}
	}
	s := &server{Config: cfg, keys: newKeyring(cfg.Grants)}
	library, err := s.provider()
	if err != nil {
		return nil, err
	}
	s.library, s.endpoints = library, s.addresses()
	return s, nil
}

// Serves tells whether a path is one of this door's.
func Serves(path string) bool {
	return strings.HasPrefix(path, prefix) || path == pathOpenID || path == pathMetadata ||
		strings.EqualFold(path, aliasAuthorize) || strings.EqualFold(path, aliasToken)
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f := &flow{arrived: s.Grants.Now(), address: s.Proxies.ClientAddr(r), requestID: web.RequestID(r.Context())}
	r = r.WithContext(withFlow(r.Context(), f))
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Pragma", "no-cache") // RFC 6749 §5.1
	switch path := r.URL.Path; {
	case path == pathAuthorize || strings.EqualFold(path, aliasAuthorize):
		s.authorize(w, r)
	case strings.HasPrefix(path, pathAuthorize+"/"):
		s.resume(w, r)
	default:
		s.direct(w, r)
	}
}

// direct serves what programs ask for: no pages, and no cookies, so that any site's
// scripts may ask, too (CORS): a browser app is no less an app.
func (s *server) direct(w http.ResponseWriter, r *http.Request) {
	path := r.URL.Path
	if strings.EqualFold(path, aliasToken) {
		path = pathToken
	}
	e, ok := s.endpoints[path]
	if !ok && strings.HasPrefix(path, pathRegister+"/") {
		e, ok = s.endpoints[pathRegister+"/"]
	}
	if !ok {
		s.fail(w, r, fault{status: http.StatusNotFound, code: "not_found", description: "There is nothing at this address."})
		return
	}
	if e.cors && allowOrigins(w, r, e.methods) {
		return
	}
	methods := strings.Fields(e.methods)
	if !slices.Contains(methods, r.Method) {
		w.Header().Set("Allow", strings.Join(methods, ", "))
		s.fail(w, r, fault{status: http.StatusMethodNotAllowed, code: invalidRequest, description: "This address accepts " + strings.Join(methods, ", ") + " only."})
		return
	}
	flowOf(r.Context()).endpoint = path
	e.serve(w, r)
}

// endpoint is one address of the door.
type endpoint struct {
	methods string // separated by blanks
	cors    bool
	serve   http.HandlerFunc
}

func (s *server) addresses() map[string]endpoint {
	all := map[string]endpoint{
		pathToken:      {"POST", true, s.token},
		pathRevoke:     {"POST", true, s.form(s.revoked)},
		pathPAR:        {"POST", true, s.push},
		pathDevice:     {"POST", true, s.device},
		pathIntrospect: {"POST", false, s.introspect},
		pathBatch:      {"POST", false, s.introspectBatch},
		pathChanges:    {"GET", false, s.onlyGateways(s.changes)},
		pathUses:       {"POST", false, s.onlyGateways(s.uses)},
		pathUserInfo:   {"GET POST", true, s.userInfo},
		pathJWKS:       {"GET HEAD", true, s.jwks},
		pathOpenID:     {"GET HEAD", true, s.metadata},
		pathMetadata:   {"GET HEAD", true, s.metadata},
	}
	if s.Register {
		all[pathRegister] = endpoint{"POST", true, s.register}
		all[pathRegister+"/"] = endpoint{"GET PUT DELETE", true, s.register}
	}
	return all
}

// allowOrigins lets scripts of any site read the answer, and tells whether they only asked for that.
// No cookie counts here, so that they can do nothing that their site's server couldn't.
func allowOrigins(w http.ResponseWriter, r *http.Request, methods string) (preflight bool) {
	if r.Header.Get("Origin") == "" {
		return false
	}
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Expose-Headers", "WWW-Authenticate, DPoP-Nonce, "+keyporter.HeaderRequestID)
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	if r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" {
		return false
	}
	h.Set("Access-Control-Allow-Methods", strings.ReplaceAll(methods, " ", ", "))
	h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, DPoP")
	h.Set("Access-Control-Max-Age", "3600")
	w.WriteHeader(http.StatusNoContent)
	return true
}
