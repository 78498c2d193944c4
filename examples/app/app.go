// Package app is an example of an OAuth app: a website that calls an API on behalf of the people
// who connect it. All it knows about Keyporter is the address, a client ID, and a client secret;
// golang.org/x/oauth2 implements the flow. It is short so that it can be read. It keeps everything
// in memory, and nothing after it stops.
package app

import (
	"context"
	"crypto/rand"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"sync"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// Config is what the app needs to know.
type Config struct {
	Address      string // of the app itself, such as http://127.0.0.1:8082; its redirect URI is /callback there
	Issuer       string // address of Keyporter
	ClientID     string
	ClientSecret string
	API          string // address of the e-signature API
}

// App is the website.
type App struct {
	Config

	mux *http.ServeMux

	mu       sync.Mutex
	sessions map[string]*session
}

// session is a browser.
type session struct {
	mu sync.Mutex // handles one request of a browser at a time: two must not refresh at once

	state, nonce, verifier string // of the authorization in progress

	who   string        // login name, from the ID token
	token *oauth2.Token // nil: not connected
	last  *result
}

// New returns the app.
func New(cfg Config) *App {
	a := &App{Config: cfg, mux: http.NewServeMux(), sessions: map[string]*session{}}
	a.mux.HandleFunc("GET /{$}", a.home)
	a.mux.HandleFunc("POST /connect", a.connect)
	a.mux.HandleFunc("GET /callback", a.callback)
	a.mux.HandleFunc("POST /call/{name}", a.call)
	a.mux.HandleFunc("POST /refresh", a.refresh)
	a.mux.HandleFunc("POST /forget", a.forget)
	return a
}

func (a *App) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'")
	http.NewCrossOriginProtection().Handler(a.mux).ServeHTTP(w, r)
}

const cookie = "example-app"

// session returns the browser's session, or a new one if it has none.
func (a *App) session(w http.ResponseWriter, r *http.Request) *session {
	a.mu.Lock()
	defer a.mu.Unlock()
	if c, err := r.Cookie(cookie); err == nil && a.sessions[c.Value] != nil {
		return a.sessions[c.Value]
	}
	id, s := rand.Text(), &session{}
	a.sessions[id] = s
	http.SetCookie(w, &http.Cookie{Name: cookie, Value: id, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode}) //nolint:gosec // an example on one's own machine, over HTTP
	return s
}

// client gets the issuer's endpoints from its metadata.
func (a *App) client(ctx context.Context) (*oauth2.Config, *oidc.Provider, error) {
	issuer, err := oidc.NewProvider(ctx, a.Issuer)
	if err != nil {
		return nil, nil, err
	}
	return &oauth2.Config{
		ClientID: a.ClientID, ClientSecret: a.ClientSecret, Endpoint: issuer.Endpoint(), RedirectURL: a.Address + "/callback",
		Scopes: []string{oidc.ScopeOpenID, "profile", oidc.ScopeOfflineAccess, "account.read", "envelope.read", "envelope.send"},
	}, issuer, nil
}

// connect sends the browser to Keyporter, which asks the user.
func (a *App) connect(w http.ResponseWriter, r *http.Request) {
	s := a.session(w, r)
	s.mu.Lock()
	defer s.mu.Unlock()
	client, _, err := a.client(r.Context())
	if err != nil {
		fail(w, err)
		return
	}
	s.state, s.nonce, s.verifier = rand.Text(), rand.Text(), oauth2.GenerateVerifier()
	http.Redirect(w, r, client.AuthCodeURL(s.state, oauth2.S256ChallengeOption(s.verifier), oidc.Nonce(s.nonce)), http.StatusSeeOther)
}

// callback checks the answer and exchanges the code for tokens.
func (a *App) callback(w http.ResponseWriter, r *http.Request) {
	s := a.session(w, r)
	s.mu.Lock()
	defer s.mu.Unlock()
	q := r.URL.Query()
	state, nonce, verifier := s.state, s.nonce, s.verifier
	s.state, s.nonce, s.verifier = "", "", ""
	if state == "" || q.Get("state") != state || q.Get("iss") != a.Issuer {
		http.Error(w, "This answer doesn't belong to any request of ours.", http.StatusBadRequest)
		return
	}
	if code := q.Get("error"); code != "" {
		s.last = &result{What: "Connect", Text: code + ": " + q.Get("error_description")}
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return
	}
	if err := a.exchange(r.Context(), s, q.Get("code"), nonce, verifier); err != nil {
		fail(w, err)
		return
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

func (a *App) exchange(ctx context.Context, s *session, code, nonce, verifier string) error {
	client, issuer, err := a.client(ctx)
	if err != nil {
		return err
	}
	token, err := client.Exchange(ctx, code, oauth2.VerifierOption(verifier))
	if err != nil {
		return err
	}
	raw, _ := token.Extra("id_token").(string)
	id, err := issuer.Verifier(&oidc.Config{ClientID: a.ClientID}).Verify(ctx, raw)
	if err != nil {
		return err
	}
	if id.Nonce != nonce {
		return fmt.Errorf("the nonce doesn't match")
	}
	var claims struct {
		Name string `json:"name"`
	}
	if err := id.Claims(&claims); err != nil {
		return err
	}
	if claims.Name == "" {
		claims.Name = id.Subject
	}
	s.who, s.token = claims.Name, token
	s.last = &result{What: "Connect", Text: "Connected."}
	return nil
}

// refresh gets a new access token, as also happens automatically when the current one has expired.
func (a *App) refresh(w http.ResponseWriter, r *http.Request) {
	s := a.session(w, r)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.token != nil {
		client, _, err := a.client(r.Context())
		if err != nil {
			fail(w, err)
			return
		}
		token, err := client.TokenSource(r.Context(), &oauth2.Token{RefreshToken: s.token.RefreshToken}).Token()
		s.last = &result{What: "Refresh", Text: "A new access token, and a new refresh token."}
		if err == nil {
			s.token = token
		} else {
			s.last.Text = err.Error()
		}
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// forget deletes the app's tokens. The connection remains until the user ends it at Keyporter.
func (a *App) forget(w http.ResponseWriter, r *http.Request) {
	s := a.session(w, r)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.who, s.token, s.last = "", nil, nil
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// fail shows what went wrong. From an answer of the token endpoint, it shows the error, which
// contains no secret.
func fail(w http.ResponseWriter, err error) { http.Error(w, err.Error(), http.StatusBadGateway) }

//go:embed page.html
var files embed.FS

var page = template.Must(template.ParseFS(files, "page.html"))

// home shows what the user can do, and the outcome of what they did last.
func (a *App) home(w http.ResponseWriter, r *http.Request) {
	s := a.session(w, r)
	s.mu.Lock()
	defer s.mu.Unlock()
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_ = page.Execute(w, struct {
		Who       string
		Connected bool
		Issuer    string
		Calls     []call
		Last      *result
	}{s.who, s.token != nil, a.Issuer, calls(), s.last})
}
