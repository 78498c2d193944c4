package oauth

import (
	"context"
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/luikyv/go-oidc/pkg/goidc"

	"github.com/keyporter/keyporter"
)

// form has serve run with the parameters of a form, judged in general, and with the app's
// identity read out of it.
func (s *server) form(serve func(http.ResponseWriter, *http.Request, url.Values)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		in, err := readForm(w, r)
		if err == nil {
			in, err = checked(in)
		}
		if err == nil {
			err = s.identify(r, in)
		}
		if err != nil {
			s.fail(w, r, asFault(err))
			return
		}
		serve(w, r, in)
	}
}

// identify reads how the app authenticates, in one way only (RFC 6749 §2.3), and which one
// it is. Whether that is true is for the library to find out.
func (s *server) identify(r *http.Request, in url.Values) error {
	f := flowOf(r.Context())
	ways := 0
	if id, secret, ok, err := basicAuth(r); err != nil {
		return err
	} else if ok {
		// An app without a secret may say by this who it is, and nothing more.
		f.basic = true
		r.SetBasicAuth(id, secret)
		if other := in.Get("client_id"); other != "" && other != id {
			return invalid("client_id doesn't match the Authorization header.")
		}
		if in.Set("client_id", id); secret != "" {
			ways++
		}
	}
	for _, name := range []string{"client_secret", "client_assertion"} {
		if in.Has(name) {
			ways++
		}
	}
	if ways > 1 {
		return invalid("The app authenticates in more than one way.")
	}
	if len(r.Header["Dpop"]) > 1 {
		return fault{code: invalidProof, description: "There is more than one DPoP header."}
	}
	f.proofs = proofsOf(r.Header.Get("DPoP"), in.Get("client_assertion"))
	return s.identified(r.Context(), in, ways)
}

// identified reads the app. An app without a secret that shows one is none that we know.
func (s *server) identified(ctx context.Context, in url.Values, ways int) error {
	id := in.Get("client_id")
	if id == "" && in.Has("client_assertion") {
		id = issuerOf(in.Get("client_assertion"))
		in.Set("client_id", id) // of two names in one assertion the library must not take the other
	}
	app, err := s.app(ctx, id)
	switch {
	case keyporter.KindOf(err) == keyporter.NotFound:
		return nil // the library says so
	case err != nil:
		return s.unforeseen(flowOf(ctx), err)
	case app.Authentication == keyporter.AppPublic && ways > 0:
		return fault{code: invalidClient, description: "This app is registered as one that keeps no secret."}
	}
	return nil
}

// basicAuth reads the Authorization header, whose parts are encoded as in forms (RFC 6749 §2.3.1).
func basicAuth(r *http.Request) (id, secret string, ok bool, err error) {
	scheme, text, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Basic") {
		if scheme != "" {
			return "", "", false, fault{code: invalidClient, description: "The Authorization header doesn't use the Basic scheme."}
		}
		return "", "", false, nil
	}
	bad := fault{code: invalidClient, description: "The Authorization header can't be read."}
	plain, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return "", "", false, bad
	}
	id, secret, ok = strings.Cut(string(plain), ":")
	if !ok {
		return "", "", false, bad
	}
	if id, err = url.QueryUnescape(id); err != nil {
		return "", "", false, bad
	}
	if secret, err = url.QueryUnescape(secret); err != nil || id == "" || malformed(id) || malformed(secret) {
		return "", "", false, bad
	}
	return id, secret, true, nil
}

// call has the library answer a program. An error it tells in our words.
func (s *server) call(w http.ResponseWriter, r *http.Request, params url.Values) *recorder {
	f, rec := flowOf(r.Context()), newRecorder()
	s.library.ServeHTTP(rec, withParams(r, r.Method, params))
	if f.err != nil || f.fault != nil {
		s.fail(w, r, s.faultOf(f))
		return nil
	}
	return rec
}

// token gives out tokens (RFC 6749 §3.2).
func (s *server) token(w http.ResponseWriter, r *http.Request) {
	s.form(func(w http.ResponseWriter, r *http.Request, in url.Values) {
		r.URL.Path, r.URL.RawPath = pathToken, "" // also for who came by the alias
		if err := s.judgeGrant(flowOf(r.Context()), in); err != nil {
			s.fail(w, r, asFault(err))
			return
		}
		if rec := s.call(w, r, in); rec != nil {
			rec.send(w)
		}
	})(w, r)
}

func (s *server) judgeGrant(f *flow, in url.Values) error {
	for _, resource := range in["resource"] {
		if !slices.Contains(s.Resources, resource) {
			return fault{code: invalidTarget, description: "There is no such resource: " + resource + "."}
		}
	}
	switch goidc.GrantType(in.Get("grant_type")) {
	case "":
		return invalid("grant_type is missing.")
	case goidc.GrantRefreshToken:
		f.presented = in.Get("refresh_token")
	case goidc.GrantAuthorizationCode:
		if v := in.Get("code_verifier"); v != "" && !verifier(v) {
			return fault{code: invalidGrant, description: "code_verifier must be 43 to 128 letters, digits, and -._~."}
		}
	case goidc.GrantClientCredentials:
		if f.app == nil {
			return nil
		}
		scopes, err := s.judgeAccess(in, f.app)
		if err != nil {
			return err
		}
		// OpenID's are about a user, and here is none.
		scopes = slices.DeleteFunc(scopes, func(scope string) bool {
			return slices.ContainsFunc(keyporter.OpenIDScopes(), func(o keyporter.Scope) bool { return o.Name == scope })
		})
		in.Set("scope", strings.Join(scopes, " "))
	}
	return nil
}

// verifier tells whether a text can be a code verifier (RFC 7636 §4.1).
func verifier(text string) bool {
	return len(text) >= 43 && len(text) <= 128 && !strings.ContainsFunc(text, func(r rune) bool {
		return !(r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || strings.ContainsRune("-._~", r))
	})
}

// revoked ends what an app gives back (RFC 7009). A token that isn't its own it is told nothing about.
func (s *server) revoked(w http.ResponseWriter, r *http.Request, in url.Values) {
	f, rec := flowOf(r.Context()), newRecorder()
	s.library.ServeHTTP(rec, withParams(r, r.Method, in))
	if f.err == nil && f.fault == nil {
		w.WriteHeader(http.StatusOK)
		return
	}
	out := s.faultOf(f)
	if out.code == accessDenied {
		w.WriteHeader(http.StatusOK)
		return
	}
	s.fail(w, r, out)
}

// idTokenClaims are what an ID token says beside what the library has it say.
func (s *server) idTokenClaims(ctx context.Context, g *goidc.Grant) map[string]any {
	claims := map[string]any{}
	if st, err := stateOf(flowOf(ctx).grant); err == nil && st.SignedInAt != 0 {
		claims[goidc.ClaimAuthTime] = st.SignedInAt
	}
	return claims
}

// tokenClaims are what a JWT access token says beside that. It is for somebody (RFC 9068 §3).
func (s *server) tokenClaims(_ context.Context, t *goidc.Token, _ *goidc.Grant) map[string]any {
	if len(t.Resources) > 0 {
		return nil
	}
	return map[string]any{goidc.ClaimAudience: s.Issuer}
}
