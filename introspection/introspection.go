// Package introspection is the door for gateways and apps that ask about credentials: by
// OAuth's introspection (RFC 7662), about many at once, by a stream of what is no longer
// true of the answers, and with counts of the calls that a gateway decided about itself.
//
// It owns what these addresses take and answer. What is true of a credential verify says;
// that an app is who it says control/grants finds out. docs/introspection.md has the addresses.
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
	Gateways []Gateway       // that may ask
	Stopping <-chan struct{} // is closed when what goes on for long has to end; nil: nothing has to
}

type server struct {
	Config

	streams   streams
	endpoints map[string]endpoint
}

// The paths. Two are also the audience of assertions, see asker.
const (
	segment     = "oauth2"
	path        = "/" + segment + "/introspect"
	pathBatch   = path + "/batch"
	pathChanges = path + "/changes"
	pathUses    = path + "/uses"

	pathToken = "/" + segment + "/token"
)

// New returns the door. Serves says which paths it wants.
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

// Serves tells whether a path is one of this door's.
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
		return web.OAuthError{Status: http.StatusMethodNotAllowed, Code: web.InvalidRequest, Description: "This address takes " + e.method + " only."}
	}
	return e.serve(w, r)
}

// refuse answers with an error, and tells whoever didn't prove who they are how to come
// back: with the secret of an app, or of a gateway.
func refuse(w http.ResponseWriter, r *http.Request, e web.OAuthError) {
	if e.StatusCode() == http.StatusUnauthorized && (e.Code != web.InvalidClient || r.Header.Get("Authorization") == "") {
		web.WriteBearerError(w, r, e)
		return
	}
	web.WriteOAuthError(w, r, e)
}
