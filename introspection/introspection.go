// Package introspection is the door for gateways and apps that ask about credentials: one at a
// time (RFC 7662), or many at once. A stream says which answers are no longer true, and gateways
// report the calls that they decided about themselves.
//
// It owns what these addresses accept and answer. Package verify knows what is true of a
// credential, and control/grants authenticates apps. docs/how-to/introspection.md has the addresses.
package introspection

import (
	"log/slog"
	"net/http"
	"strings"

	"github.com/keyporter/keyporter/control/grants"
	"github.com/keyporter/keyporter/usage"
	"github.com/keyporter/keyporter/verify"
	"github.com/keyporter/keyporter/web"
)

// Config is what the door needs.
type Config struct {
	Grants   *grants.Grants
	Checker  *verify.Checker
	Usage    *usage.Usage // for what gateways report
	Log      *slog.Logger
	Issuer   string          // address of this Keyporter, without a slash at its end
	Gateways []Gateway       // the ones that may ask
	Stopping <-chan struct{} // is closed when streams must end; nil: they never have to
}

type server struct {
	Config

	streams   streams
	endpoints map[string]endpoint
}

// The paths. Two of them are also audiences of assertions, see asker.
const (
	segment     = "oauth2"
	path        = "/" + segment + "/introspect"
	pathBatch   = path + "/batch"
	pathChanges = path + "/changes"
	pathUses    = path + "/uses"

	pathToken = "/" + segment + "/token"
)

// New returns the door. It serves the paths that Serves reports.
func New(cfg Config) http.Handler {
	s := &server{Config: cfg}
	s.endpoints = map[string]endpoint{
		path:        {http.MethodPost, s.introspect},
		pathBatch:   {http.MethodPost, s.introspectBatch},
		pathChanges: {http.MethodGet, s.onlyGateways(s.changes)},
		pathUses:    {http.MethodPost, s.onlyGateways(s.uses)},
	}
	return s
}

// Serves reports whether a path belongs to this door.
func Serves(p string) bool { return p == path || strings.HasPrefix(p, path+"/") }

// Segments returns the first segments of the paths of this door, which no API can have.
func Segments() []string { return []string{segment} }

type endpoint struct {
	method string
	serve  func(http.ResponseWriter, *http.Request) error
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Pragma", "no-cache")
	if err := s.serve(w, r); err != nil {
		refuse(w, r, web.AsOAuthError(err, s.Log, web.RequestID(r.Context())))
	}
}

func (s *server) serve(w http.ResponseWriter, r *http.Request) error {
	e, ok := s.endpoints[r.URL.Path]
	switch {
	case !ok:
		return web.OAuthError{Status: http.StatusNotFound, Code: "not_found", Description: "There is nothing at this address."}
	case r.Method != e.method:
		w.Header().Set("Allow", e.method)
		return web.OAuthError{Status: http.StatusMethodNotAllowed, Code: web.InvalidRequest, Description: "This address accepts " + e.method + " only."}
	}
	return e.serve(w, r)
}

// refuse answers with an error. A client that didn't authenticate learns how: with the secret of
// an app, or of a gateway.
func refuse(w http.ResponseWriter, r *http.Request, e web.OAuthError) {
	if e.StatusCode() == http.StatusUnauthorized && (e.Code != web.InvalidClient || r.Header.Get("Authorization") == "") {
		web.WriteBearerError(w, r, e)
		return
	}
	web.WriteOAuthError(w, r, e)
}
