package oauth

import (
	"net/http"
	"time"

	"github.com/keyporter/keyporter/control/grants"
	"github.com/keyporter/keyporter/web"
)

// pushedLifetime is how long a pushed request waits for a browser to bring it.
const pushedLifetime = 90 * time.Second

// pushedResponse is the answer to a pushed request (RFC 9126 §2.2).
type pushedResponse struct {
	RequestURI string `json:"request_uri"`
	ExpiresIn  int    `json:"expires_in"`
}

// push stores a request that the app sends directly. A browser then brings its request_uri
// (RFC 9126).
func (s *server) push(w http.ResponseWriter, r *http.Request, from grants.Caller) error {
	in, app, err := s.client(w, r, pathPAR)
	if err != nil {
		return err
	}
	if in.Has("request_uri") {
		return web.Invalid("A pushed request can't contain a request_uri (RFC 9126 section 2.1).")
	}
	to, err := readDestination(in, &app)
	if err != nil {
		return err
	}
	req, err := s.readRequest(r.Context(), in, &app, to)
	if err != nil {
		return err
	}
	if err := s.count(r.Context(), from, &app); err != nil {
		return err
	}
	if req.KeyHash, err = s.pushedKey(r, req.KeyHash); err != nil {
		return err
	}
	now, name := s.Grants.Now(), random()
	err = s.savePending(r.Context(), &app, req, grants.Authorization{Pushed: name, CreatedAt: now, ExpiresAt: now.Add(pushedLifetime)})
	if err != nil {
		return err
	}
	web.WriteJSON(w, http.StatusCreated, pushedResponse{pushedPrefix + name, int(pushedLifetime.Seconds())})
	return nil
}

// pushedKey returns the thumbprint of the key that a pushed request binds its code to: by
// dpop_jkt, by a proof, or by both, which must agree (RFC 9449 §10.1).
func (s *server) pushedKey(r *http.Request, named string) (string, error) {
	p, err := s.readProof(r, pathPAR)
	if err != nil || p == nil {
		return named, err
	}
	return s.useProof(r.Context(), p, named)
}
