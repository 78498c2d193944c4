package introspection

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/verify"
	"github.com/keyporter/keyporter/web"
)

// introspection describes a credential that works (RFC 7662 §2.2). For one that doesn't, it has
// only active.
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

	Act *actor `json:"act,omitempty"` // RFC 8693 §4.1: who acts for the subject

	Organization keyporter.ID             `json:"keyporter_organization,omitempty"`
	Kind         keyporter.CredentialKind `json:"keyporter_kind,omitempty"`

	// For gateways only.
	Connection keyporter.ID     `json:"keyporter_connection,omitempty"`
	Reason     keyporter.Reason `json:"keyporter_reason,omitempty"` // why it isn't active, if the secret is right
	Message    string           `json:"keyporter_message,omitempty"`
}

type confirmation struct {
	KeyHash string `json:"jkt"` // RFC 9449 §6.1
}

type actor struct {
	Subject keyporter.ID `json:"sub"`
}

// introspect tells an app about a token: one of its own, or any if it is marked as a resource
// server. About other tokens, it learns as little as about one that never existed. A gateway may
// ask about every credential that a call to one of its APIs can carry.
func (s *server) introspect(w http.ResponseWriter, r *http.Request) error {
	in, err := web.ReadForm(w, r)
	if err != nil {
		return err
	}
	who, err := s.asker(r, in)
	if err != nil {
		return err
	}
	if in.Get("token") == "" {
		return web.Invalid("token is missing.")
	}
	q, err := s.asked(who, question{Token: in.Get("token"), Login: in.Get("login"), API: in.Get("api")})
	if err != nil {
		return err
	}
	if err := readCall(&q, in, web.RequestID(r.Context())); err != nil {
		return err
	}
	out, err := s.inspect(r.Context(), who, q)
	if err == nil {
		web.WriteJSON(w, http.StatusOK, out)
	}
	return err
}

// question is about one credential and the login name that came with it, if any.
type question struct {
	Token string `json:"token"`
	Login string `json:"login"`
	API   string `json:"api"` // of a gateway: the name of the API that the call is for; empty: any that it is in front of
}

func (s *server) asked(who asker, q question) (verify.Question, error) {
	out := verify.Question{Secret: q.Token, Login: q.Login}
	if q.API != "" {
		if out.API = s.apiOf(who.gateway, q.API); out.API == nil {
			return out, web.Invalid(noAPI(q.API))
		}
	}
	return out, nil
}

// readCall reads what a gateway says about the call, if anything. The call gets the ID of this
// request, which the gateway finds in the answer.
func readCall(q *verify.Question, in url.Values, requestID string) (err error) {
	if q.API == nil || !in.Has("method") {
		if in.Has("dpop") { // whoever sends a proof expects it to be checked
			return web.Invalid("A proof needs the api, method, and path of the call.")
		}
		return nil
	}
	if v := in.Get("version"); v != "" {
		if q.Version, err = strconv.Atoi(v); err != nil || q.Version < 0 || q.Version > maxVersion {
			return web.Invalid(fmt.Sprintf("version must be 0 to %d.", maxVersion))
		}
	}
	q.Call = &verify.Request{
		Method: in.Get("method"), Path: in.Get("path"), Agent: in.Get("agent"), ClientIP: in.Get("address"), RequestID: requestID,
		DPoP: in["dpop"],
	}
	return nil
}

func (s *server) inspect(ctx context.Context, who asker, q verify.Question) (introspection, error) {
	kind, ok := keyporter.ParseSecret(q.Secret)
	if ok && kind == keyporter.SecretRefreshToken && who.app != nil {
		return s.inspectRefreshToken(ctx, who.app, q.Secret)
	}
	i, err := s.Checker.Inspect(ctx, q)
	switch p := i.Principal; {
	case err != nil || p == nil:
		return introspection{}, err
	case who.gateway != nil:
		return s.inspectForGateway(who.gateway, i), nil
	case !i.Allowed || !who.app.Introspects && p.AppID != who.app.ID:
		return introspection{}, nil
	}
	return s.described(i), nil
}

// inspectForGateway also says why a credential doesn't work. Whoever presented it to the gateway
// has the right secret, so they may know.
func (s *server) inspectForGateway(g *Gateway, i verify.Inspection) introspection {
	reason := i.Reason
	if i.Allowed && !s.isFor(g, i.Resources) {
		i.Allowed, reason = false, keyporter.ReasonAudience
	}
	if !i.Allowed {
		return introspection{Reason: reason, Message: reason.Refusal().Text}
	}
	out := s.described(i)
	out.Connection = i.ConnectionID
	return out
}

func (s *server) described(i verify.Inspection) introspection {
	p := i.Principal
	out := introspection{
		Active: true, Scope: strings.Join(p.Scopes, " "), ClientID: p.AppID, Username: p.Login, TokenType: "Bearer",
		Subject: p.UserID, Audience: i.Resources, Issuer: s.Issuer, ID: p.CredentialID, Organization: p.OrganizationID, Kind: p.CredentialKind,
	}
	if out.Subject == "" {
		out.Subject = p.AppID
	}
	if p.ActorID != "" {
		out.Act = &actor{p.ActorID}
	}
	if !i.CreatedAt.IsZero() {
		out.IssuedAt = i.CreatedAt.Unix()
	}
	if !i.ExpiresAt.IsZero() {
		out.ExpiresAt = i.ExpiresAt.Unix()
	}
	if i.KeyHash != "" {
		out.TokenType, out.Confirmation = "DPoP", &confirmation{i.KeyHash}
	}
	return out
}

// inspectRefreshToken tells an app about a refresh token of its own. For anyone else, it is inactive.
func (s *server) inspectRefreshToken(ctx context.Context, app *keyporter.App, token string) (introspection, error) {
	g, t, err := s.Grants.GrantByUnusedRefreshToken(ctx, token)
	if keyporter.KindOf(err) == keyporter.NotFound || err == nil && g.AppID != app.ID {
		return introspection{}, nil
	}
	if err != nil {
		return introspection{}, err
	}
	return introspection{
		Active: true, Scope: strings.Join(g.Scopes, " "), ClientID: g.AppID, Username: g.Login, Subject: g.UserID, Issuer: s.Issuer,
		IssuedAt: t.CreatedAt.Unix(), ExpiresAt: t.ExpiresAt.Unix(),
	}, nil
}
