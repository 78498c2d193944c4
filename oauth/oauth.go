// Package oauth is the door for apps: the authorization server (OAuth 2, OpenID Connect).
//
// It owns the protocol. Each address has a row in a table, whose handler parses the request
// once, into a struct, and returns an error that one function renders. Each grant type has a
// file. What may happen only once is decided by one conditional statement in package store.
// Consent and its pages belong to control and the console: a request goes from here to
// /connect/{id} and comes back with an answer. docs/decisions/0009 has the decisions, and
// docs/reference/conformance.md the rules that hold.
package oauth

import (
	"cmp"
	"log/slog"
	"net/http"
	"slices"
	"strings"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control"
	"github.com/keyporter/keyporter/control/grants"
	"github.com/keyporter/keyporter/web"
)

// Config is what the authorization server needs.
type Config struct {
	Control   *control.Control // signs users in and asks them
	Grants    *grants.Grants
	Proxies   web.Proxies
	Log       *slog.Logger
	Issuer    string            // address of this Keyporter, without a slash at its end
	Scopes    []keyporter.Scope // the operator's
	Resources []string          // of the APIs (RFC 8707)
	Register  bool              // apps may register themselves (RFC 7591)
	Gateways  bool              // introspection takes the secrets of gateways, too (RFC 8414 §2)
	RSABits   int               // of new keys that sign ID tokens; 0: 3072
	// FaultPage tells a person that an app's request can't be answered, and shows the error code for the app's developer. Nil: plain text.
	FaultPage func(w http.ResponseWriter, r *http.Request, status int, code, text string)
}

type server struct {
	Config

	keys      *keyring
	endpoints table
}

// The paths.
const (
	prefix         = "/oauth2/"
	pathAuthorize  = prefix + "authorize"
	pathToken      = prefix + "token"
	pathRevoke     = prefix + "revoke"
	pathIntrospect = prefix + "introspect" // belongs to another door; the metadata names it
	pathPAR        = prefix + "par"
	pathDevice     = prefix + "device_authorization"
	pathUserInfo   = prefix + "userinfo"
	pathJWKS       = prefix + "jwks"
	pathRegister   = prefix + "register"

	pathOpenID   = "/.well-known/openid-configuration"
	pathMetadata = "/.well-known/oauth-authorization-server"

	// Addresses that clients used before Keyporter existed.
	aliasAuthorize = "/Auth/Authorize"
	aliasToken     = "/ApiToken/Retrieve"
)

// New returns the authorization server. It serves the paths that Serves reports.
func New(cfg Config) http.Handler {
	if cfg.FaultPage == nil {
		cfg.FaultPage = func(w http.ResponseWriter, _ *http.Request, status int, code, text string) {
			http.Error(w, "This app can’t continue: "+text+" ("+code+")", status)
		}
	}
	s := &server{Config: cfg, keys: &keyring{grants: cfg.Grants, rsaBits: cmp.Or(cfg.RSABits, 3072)}}
	s.endpoints = s.table()
	return s
}

// Serves reports whether a path belongs to this door. Of those under /oauth2/, that is all:
// what isn't there gets an error that apps understand.
func Serves(path string) bool {
	return strings.HasPrefix(path, prefix) || all().find(path) != nil
}

// Segments returns the first segments of the paths of this door, which no API can have.
func Segments() (segments []string) {
	for _, e := range all() {
		for _, path := range []string{e.path, e.alias} {
			first, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
			if first != "" && !slices.Contains(segments, first) {
				segments = append(segments, first)
			}
		}
	}
	return segments
}

// all are the endpoints with nothing behind them, for their paths.
func all() table {
	return (&server{Config: Config{Register: true}}).table()
}

// endpoint is a row of the table.
type endpoint struct {
	path    string // with a slash at the end: everything below it
	alias   string // another path, in any letter case
	methods string // separated by spaces
	cors    bool   // scripts of any site may read the answer
	serve   func(w http.ResponseWriter, r *http.Request, from grants.Caller) error
	refuse  func(w http.ResponseWriter, r *http.Request, f web.OAuthError) // renders the error
}

// table is the one list of what this door serves.
type table []endpoint

func (s *server) table() table {
	all := table{
		{pathAuthorize, aliasAuthorize, "GET POST", false, s.authorize, s.page},
		{pathAuthorize + "/", "", "GET", false, s.resume, s.page},
		{pathToken, aliasToken, "POST", true, s.token, web.WriteOAuthError},
		{pathRevoke, "", "POST", true, s.revoke, web.WriteOAuthError},
		{pathPAR, "", "POST", true, s.push, web.WriteOAuthError},
		{pathDevice, "", "POST", true, s.device, web.WriteOAuthError},
		{pathUserInfo, "", "GET POST", true, s.userInfo, web.WriteBearerError},
		{pathJWKS, "", "GET HEAD", true, s.jwks, web.WriteOAuthError},
		{pathOpenID, "", "GET HEAD", true, s.metadata, web.WriteOAuthError},
		{pathMetadata, "", "GET HEAD", true, s.metadata, web.WriteOAuthError},
	}
	if s.Register {
		all = append(all,
			endpoint{pathRegister, "", "POST", true, s.register, web.WriteOAuthError},
			endpoint{pathRegister + "/", "", "GET PUT DELETE", true, s.manage, web.WriteOAuthError})
	}
	return all
}

// find returns the endpoint at a path, nil if there is none.
func (t table) find(path string) *endpoint {
	i := slices.IndexFunc(t, func(e endpoint) bool {
		return e.path == path || strings.HasSuffix(e.path, "/") && strings.HasPrefix(path, e.path) || e.alias != "" && strings.EqualFold(e.alias, path)
	})
	if i < 0 {
		return nil
	}
	return &t[i]
}

func notFound() *endpoint {
	return &endpoint{refuse: web.WriteOAuthError, serve: func(http.ResponseWriter, *http.Request, grants.Caller) error {
		return web.OAuthError{Status: http.StatusNotFound, Code: "not_found", Description: "There is nothing at this address."}
	}}
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	from := grants.Caller{ArrivedAt: s.Grants.Now(), Address: s.Proxies.ClientAddr(r), RequestID: web.RequestID(r.Context())}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Pragma", "no-cache") // RFC 6749 §5.1
	e := cmp.Or(s.endpoints.find(r.URL.Path), notFound())
	if e.cors && allowOrigins(w, r, e.methods) {
		return
	}
	err := e.checkMethod(w, r.Method)
	if err == nil {
		err = e.serve(w, r, from)
	}
	if err != nil {
		e.refuse(w, r, web.AsOAuthError(err, s.Log, from.RequestID))
	}
}

// checkMethod returns an error unless the endpoint has this method.
func (e *endpoint) checkMethod(w http.ResponseWriter, method string) error {
	methods := strings.Fields(e.methods)
	if len(methods) == 0 || slices.Contains(methods, method) {
		return nil
	}
	list := strings.Join(methods, ", ")
	w.Header().Set("Allow", list)
	return web.OAuthError{Status: http.StatusMethodNotAllowed, Code: web.InvalidRequest, Description: "This address accepts " + list + " only."}
}

// allowOrigins lets scripts of any site read the answer, and reports whether the browser only
// asked whether they may. These addresses ignore cookies, so scripts can do nothing here that
// their site's server couldn't: an app in a browser is an app like any other.
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
