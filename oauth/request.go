package oauth

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control/grants"
	"github.com/keyporter/keyporter/web"
)

// request is a valid authorization request (RFC 6749 §4.1.1), pushed or not. While its user is
// asked, it is stored, sealed.
type request struct {
	destination

	Asked         grants.Asked `json:"-"`          // what the user is asked; stored beside it
	Silent        bool         `json:",omitempty"` // the user must see nothing (prompt=none)
	Nonce         string       `json:",omitempty"`
	CodeChallenge string       `json:",omitempty"`
	Resources     []string     `json:",omitempty"`
	KeyHash       string       `json:",omitempty"` // of the key that the code is bound to (RFC 9449 §10)
}

// readRequest reads an app's request once its destination is certain.
func (s *server) readRequest(ctx context.Context, in url.Values, app *keyporter.App, to destination) (request, error) {
	req := request{destination: to, Nonce: in.Get("nonce"), CodeChallenge: in.Get("code_challenge"), KeyHash: in.Get("dpop_jkt")}
	if err := supported(in); err != nil {
		return req, err
	}
	if err := checkSize(in); err != nil {
		return req, err
	}
	if err := checkPKCE(in, app); err != nil {
		return req, err
	}
	var err error
	if req.Asked.Scopes, req.Resources, err = s.askedAccess(in, app); err != nil {
		return req, err
	}
	if req.KeyHash != "" && !isThumbprint(req.KeyHash) {
		return req, web.Invalid("dpop_jkt must be 43 characters of base64url.")
	}
	req.Asked.RedirectURI, req.Asked.LoginHint = to.RedirectURI, in.Get("login_hint")
	if err := req.readPrompt(in, s.Grants.Now()); err != nil {
		return req, err
	}
	req.Asked.Subject, err = s.hintedUser(ctx, in.Get("id_token_hint"), app.ID)
	return req, err
}

// supported refuses what Keyporter doesn't have: answers other than a code, and requests in
// objects or behind addresses (RFC 9101), because it fetches nothing that a request names.
func supported(in url.Values) error {
	switch {
	case in.Has("request"):
		return web.OAuthError{Code: requestNotSupported, Description: "Either send the parameters or push them."}
	case in.Has("request_uri"):
		return web.OAuthError{Code: requestURINotSupported, Description: "Only a pushed request_uri is accepted."}
	case in.Get("response_type") == "":
		return web.Invalid("response_type is missing.")
	case in.Get("response_type") != "code":
		return web.OAuthError{Code: unsupportedResponse, Description: "response_type must be code."}
	case !slices.Contains([]string{"", "query", "form_post"}, in.Get("response_mode")):
		return web.Invalid("response_mode must be query or form_post.")
	}
	return nil
}

// maxRequest is how many bytes the parameters of a request have in all, because anyone can have us
// store one: an app's client_id isn't secret.
const maxRequest = 16 << 10

func checkSize(in url.Values) error {
	size := 0
	for name, values := range in {
		for _, v := range values {
			size += len(name) + len(v)
		}
	}
	if size > maxRequest {
		return web.Invalid(fmt.Sprintf("The request is longer than %d KiB.", maxRequest>>10))
	}
	return nil
}

// checkPKCE requires an S256 challenge (RFC 7636 §4.3). An operator can exempt an app that keeps
// a secret. By the RFC, a challenge without a method is plain, which Keyporter doesn't have.
func checkPKCE(in url.Values, app *keyporter.App) error {
	challenge, method := in.Get("code_challenge"), in.Get("code_challenge_method")
	switch {
	case challenge == "" && method == "" && app.WithoutPKCE && app.Confidential():
		return nil
	case challenge == "":
		return web.Invalid("code_challenge is missing: PKCE is required.")
	case method != "S256":
		return web.Invalid("code_challenge_method must be S256.")
	case !isThumbprint(challenge):
		return web.Invalid("code_challenge must be 43 characters of base64url.")
	}
	return nil
}

// readPrompt reads what the app wants the user to do (OpenID Connect Core §3.1.2.1). To choose
// an account, they sign in again, because a browser is signed in to one.
func (q *request) readPrompt(in url.Values, now time.Time) error {
	prompts := strings.Fields(in.Get("prompt"))
	for _, p := range prompts {
		switch p {
		case "none":
			q.Silent = true
		case "login", "select_account":
			q.Asked.FreshSince = now
		case "consent":
			q.Asked.Consent = true
		default:
			return web.Invalid("prompt must be none, or any of login, consent, and select_account.")
		}
	}
	if q.Silent && len(prompts) > 1 {
		return web.Invalid("prompt=none can't be combined with others.")
	}
	text := in.Get("max_age")
	if text == "" {
		return nil
	}
	seconds, err := strconv.ParseInt(text, 10, 32)
	if err != nil || seconds < 0 {
		return web.Invalid("max_age must be a number of seconds.")
	}
	if since := now.Add(-time.Duration(seconds) * time.Second); since.After(q.Asked.FreshSince) {
		q.Asked.FreshSince = since
	}
	return nil
}

// random returns a secret of 260 bits: a code, the name of a request, or a browser's.
func random() string { return rand.Text() + rand.Text() }

// isThumbprint reports whether a text can be a SHA-256 in base64url.
func isThumbprint(text string) bool {
	return len(text) == 43 && !strings.ContainsFunc(text, func(r rune) bool { return !keyporter.IsUnreserved(r) || r == '.' || r == '~' })
}
