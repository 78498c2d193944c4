package oauth

import (
	"context"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/keyporter/keyporter"
)

// judge judges the parameters of an authorization request, pushed or not, and returns
// what the library is to know of them. What the request means for the user it notes in the flow.
func (s *server) judge(ctx context.Context, in url.Values, app *keyporter.App) (url.Values, error) {
	if err := unsupported(in); err != nil {
		return nil, err
	}
	if err := judgePKCE(in, app); err != nil {
		return nil, err
	}
	scopes, err := s.judgeAccess(in, app)
	if err != nil {
		return nil, err
	}
	f := flowOf(ctx)
	f.asked.Scopes, f.asked.RedirectURI, f.asked.LoginHint = scopes, f.redirectURI, in.Get("login_hint")
	if err := f.judgePrompt(in, s.Grants.Now()); err != nil {
		return nil, err
	}
	if f.asked.Subject, err = s.hinted(ctx, in.Get("id_token_hint"), app.ID); err != nil {
		return nil, err
	}
	out := url.Values{"scope": {strings.Join(scopes, " ")}}
	for _, name := range []string{"client_id", "redirect_uri", "response_type", "state", "nonce", "code_challenge", "code_challenge_method", "resource", "dpop_jkt"} {
		if v, ok := in[name]; ok {
			out[name] = v
		}
	}
	return out, nil
}

// unsupported refuses what there isn't: answers other than a code, and requests in
// objects or behind addresses (RFC 9101; we fetch nothing that a request names).
func unsupported(in url.Values) error {
	switch {
	case in.Has("request"):
		return fault{code: requestNotSupported, description: "Either send the parameters or push them."}
	case in.Has("request_uri"):
		return fault{code: requestURIUnsupport, description: "Only a pushed request_uri is accepted."}
	case in.Get("response_type") == "":
		return invalid("response_type is missing.")
	case in.Get("response_type") != "code":
		return fault{code: unsupportedResponse, description: "response_type must be code."}
	case !slices.Contains([]string{"", "query", "form_post"}, in.Get("response_mode")):
		return invalid("response_mode must be query or form_post.")
	}
	return nil
}

// judgePKCE wants a challenge by S256 (RFC 7636), which an operator can spare an app that
// keeps a secret. Without a method the RFC takes it for plain, which there isn't.
func judgePKCE(in url.Values, app *keyporter.App) error {
	challenge, method := in.Get("code_challenge"), in.Get("code_challenge_method")
	switch {
	case challenge == "" && method == "" && app.WithoutPKCE && app.Authentication != keyporter.AppPublic:
		return nil
	case challenge == "":
		return invalid("code_challenge is missing: PKCE is required.")
	case method != "S256":
		return invalid("code_challenge_method must be S256.")
	case !thumbprint(challenge):
		return invalid("code_challenge must be 43 characters of base64url.")
	}
	return nil
}

// thumbprint tells whether a text can be a SHA-256 in base64url.
func thumbprint(text string) bool {
	return len(text) == 43 && !strings.ContainsFunc(text, func(r rune) bool {
		return !(r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' || r == '_')
	})
}

// judgeAccess judges what is to be accessed: scopes, APIs, and by which key.
func (s *server) judgeAccess(in url.Values, app *keyporter.App) ([]string, error) {
	scopes, err := scopesAsked(in, app)
	if err != nil {
		return nil, err
	}
	for _, name := range scopes {
		if _, ok := keyporter.FindScope(s.Scopes, name); !ok || !mayAsk(app, name) {
			return nil, fault{code: invalidScope, description: "The app can't ask for the scope " + name + "."}
		}
	}
	for _, r := range in["resource"] {
		if !slices.Contains(s.Resources, r) {
			return nil, fault{code: invalidTarget, description: "There is no such resource: " + r + "."}
		}
	}
	if jkt := in.Get("dpop_jkt"); jkt != "" && !thumbprint(jkt) {
		return nil, invalid("dpop_jkt must be 43 characters of base64url.")
	}
	return scopes, nil
}

// judgePrompt reads what the app wants of the user (OpenID Connect Core §3.1.2.1). A
// choice among accounts is a new sign-in: a browser is signed in to one.
func (f *flow) judgePrompt(in url.Values, now time.Time) error {
	prompts := strings.Fields(in.Get("prompt"))
	for _, p := range prompts {
		switch p {
		case "none":
			f.silent = true
		case "login", "select_account":
			f.asked.FreshSince = now
		case "consent":
			f.asked.Consent = true
		default:
			return invalid("prompt must be none, or any of login, consent, and select_account.")
		}
	}
	if f.silent && len(prompts) > 1 {
		return invalid("prompt=none can't be combined with others.")
	}
	if text := in.Get("max_age"); text != "" {
		seconds, err := strconv.ParseInt(text, 10, 32)
		if err != nil || seconds < 0 {
			return invalid("max_age must be a number of seconds.")
		}
		if since := now.Add(-time.Duration(seconds) * time.Second); since.After(f.asked.FreshSince) {
			f.asked.FreshSince = since
		}
	}
	return nil
}

// hinted returns the user whom an ID token of ours, for the app, is about. It may have
// expired (OpenID Connect Core §3.1.2.1).
func (s *server) hinted(ctx context.Context, hint string, app keyporter.ID) (keyporter.ID, error) {
	if hint == "" {
		return "", nil
	}
	bad := invalid("id_token_hint isn't an ID token issued to the app here.")
	token, err := jwt.ParseSigned(hint, algorithms())
	if err != nil || len(token.Headers) != 1 {
		return "", bad
	}
	set, err := s.keys.set(ctx)
	if err != nil {
		return "", s.unforeseen(flowOf(ctx), err)
	}
	key, err := set.Public().Key(token.Headers[0].KeyID)
	if err != nil {
		return "", bad
	}
	var claims jwt.Claims
	if token.Claims(key.Key, &claims) != nil || claims.Issuer != s.Issuer || !claims.Audience.Contains(string(app)) {
		return "", bad
	}
	return keyporter.ID(claims.Subject), nil
}
