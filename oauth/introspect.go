package oauth

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"github.com/luikyv/go-oidc/pkg/goidc"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/verify"
)

// introspection is what there is to say of a credential that works (RFC 7662 §2.2), and
// active alone of one that doesn't.
type introspection struct {
	Active       bool          `json:"active"`
	Scope        string        `json:"scope,omitempty"`
	ClientID     keyporter.ID  `json:"client_id,omitempty"`
	Username     string        `json:"username,omitempty"`
	TokenType    string        `json:"token_type,omitempty"`
	ExpiresAt    int64         `json:"exp,omitempty"`
	IssuedAt     int64         `json:"iat,omitempty"`
	Subject      keyporter.ID  `json:"sub,omitempty"`
	Audience     []string      `json:"aud,omitempty"`
	Issuer       string        `json:"iss,omitempty"`
	ID           keyporter.ID  `json:"jti,omitempty"`
	Confirmation *confirmation `json:"cnf,omitempty"` // RFC 9449 §6.2

	Organization keyporter.ID             `json:"keyporter_organization,omitempty"`
	Kind         keyporter.CredentialKind `json:"keyporter_kind,omitempty"`
	Actor        keyporter.ID             `json:"keyporter_actor,omitempty"`
}

type confirmation struct {
	KeyHash string `json:"jkt"`
}

// introspect tells an app about a token: its own, or any, if it is marked as a resource
// server. Of a token that it may not know it learns as little as of one that never was.
func (s *server) introspect(w http.ResponseWriter, r *http.Request) {
	s.form(func(w http.ResponseWriter, r *http.Request, in url.Values) {
		f := flowOf(r.Context())
		switch app := f.app; {
		case !s.authenticated(w, r, in):
			return
		case app == nil || app.Authentication == keyporter.AppPublic:
			s.fail(w, r, fault{code: invalidClient, description: "Only an app that can prove who it is may ask."})
			return
		case in.Get("token") == "":
			s.fail(w, r, invalid("token is missing."))
			return
		}
		out, err := s.inspect(r.Context(), f.app, in.Get("token"))
		if err != nil {
			s.fail(w, r, s.unforeseen(f, err))
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(out)
	})(w, r)
}

// authenticated has the library find out whether the app is who it says, by asking it
// about a token that there is not, and answers if it isn't. An app that shows its secret,
// as those do that ask on every call, needs no library for that.
func (s *server) authenticated(w http.ResponseWriter, r *http.Request, in url.Values) bool {
	if s.showsSecret(r, in) {
		return true
	}
	params := authentication(in)
	params.Set("token", "none")
	return s.call(w, r, params) != nil
}

// showsSecret tells whether the app is active and shows one of its secrets. That it does
// so in one way only was seen to before.
func (s *server) showsSecret(r *http.Request, in url.Values) bool {
	f := flowOf(r.Context())
	if f.app == nil || f.app.State != keyporter.AppActive || f.app.Authentication != keyporter.AppSecret {
		return false
	}
	secret := in.Get("client_secret")
	if f.basic {
		_, secret, _ = r.BasicAuth()
	}
	ok, err := s.Control.IsAppSecret(r.Context(), f.app.ID, secret)
	return ok && err == nil
}

func (s *server) inspect(ctx context.Context, app *keyporter.App, token string) (introspection, error) {
	kind, ok := keyporter.ParseSecret(token)
	if ok && kind == keyporter.SecretRefreshToken {
		return s.inspectRefreshToken(ctx, app, token)
	}
	i, err := s.Checker.Inspect(ctx, token)
	p := i.Principal
	if err != nil || !i.Allowed || p == nil || !app.Introspects && p.AppID != app.ID {
		return introspection{}, err
	}
	return s.described(i), nil
}

func (s *server) described(i verify.Inspection) introspection {
	p := i.Principal
	out := introspection{
		Active: true, Scope: strings.Join(p.Scopes, " "), ClientID: p.AppID, Username: p.Login, TokenType: string(goidc.TokenTypeBearer),
		Subject: p.UserID, Audience: i.Resources, Issuer: s.Issuer, ID: p.CredentialID, Organization: p.OrganizationID, Kind: p.CredentialKind, Actor: p.ActorID,
	}
	if out.Subject == "" {
		out.Subject = p.AppID
	}
	if !i.CreatedAt.IsZero() {
		out.IssuedAt = i.CreatedAt.Unix()
	}
	if !i.ExpiresAt.IsZero() {
		out.ExpiresAt = i.ExpiresAt.Unix()
	}
	if i.KeyHash != "" {
		out.TokenType, out.Confirmation = string(goidc.TokenTypeDPoP), &confirmation{i.KeyHash}
	}
	return out
}

// inspectRefreshToken tells an app about a refresh token of its own. To anybody else it opens nothing.
func (s *server) inspectRefreshToken(ctx context.Context, app *keyporter.App, token string) (introspection, error) {
	g, err := s.Control.UnusedRefreshToken(ctx, token)
	if keyporter.KindOf(err) == keyporter.NotFound || err == nil && g.AppID != app.ID {
		return introspection{}, nil
	}
	if err != nil {
		return introspection{}, err
	}
	return introspection{
		Active: true, Scope: strings.Join(g.Scopes, " "), ClientID: g.AppID, Username: g.Login, Subject: g.UserID, Issuer: s.Issuer,
		IssuedAt: g.CreatedAt.Unix(), ExpiresAt: g.EndsAt.Unix(),
	}, nil
}
