package client

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/keyporter/keyporter"
)

// The kinds of credentials.
const (
	userToken         = "user_token"
	organizationToken = "organization_token"
	accessToken       = "access_token"
	appToken          = "app_token"
)

// Caller says who is calling.
type Caller struct {
	User         string // ID; empty with an app token, where the app acts for itself
	Login        string // the user's email address
	Organization string // ID
	Credential   string // ID
	Kind         string // user_token, organization_token, access_token, or app_token
	App          string // ID, with an access token or app token
	Scopes       []string
	Actor        string // with an organization token: ID of its owner, who acts as User
}

// Has reports whether the caller can do what a scope permits. Scopes only limit apps; for other
// callers, Has always returns true.
func (c Caller) Has(scope string) bool {
	return c.App == "" || slices.Contains(c.Scopes, scope)
}

func (c *Caller) principal() *keyporter.Principal {
	return &keyporter.Principal{
		UserID: keyporter.ID(c.User), Login: c.Login, OrganizationID: keyporter.ID(c.Organization),
		CredentialID: keyporter.ID(c.Credential), CredentialKind: keyporter.CredentialKind(c.Kind),
		AppID: keyporter.ID(c.App), Scopes: c.Scopes, ActorID: keyporter.ID(c.Actor),
	}
}

type callerKey struct{}

// CallerOf returns who is calling, given the context of a request that a Handler let through. In
// any other context, ok is false.
func CallerOf(ctx context.Context) (c Caller, ok bool) {
	d, ok := ctx.Value(callerKey{}).(*decision)
	if !ok {
		return Caller{}, false
	}
	return d.caller, true
}

// header is one of the headers that tell an API who is calling.
type header struct {
	name   string
	values []string
}

// newDecision prepares everything calls need from the answer to a question asked at asked.
func newDecision(i Introspection, asked time.Time) *decision {
	d := &decision{Introspection: i, expires: i.localExpiry(asked), caller: Caller{
		User: i.Subject, Login: i.Username, Organization: i.Organization, Credential: i.ID, Kind: i.Kind, App: i.App, Scopes: i.Scopes, Actor: i.Actor,
	}}
	if i.Kind == appToken {
		d.caller.User = ""
	}
	for _, h := range d.caller.principal().Identity() {
		if h.Value != "" {
			d.identity = append(d.identity, header{h.Name, []string{h.Value}})
		}
	}
	return d
}

// forAPI returns the request as the API receives it: with the identity headers, and without
// credentials or identity headers that the client sent.
func forAPI(r *http.Request, d *decision) *http.Request {
	r = r.WithContext(context.WithValue(r.Context(), callerKey{}, d))
	h := make(http.Header, len(r.Header)+len(d.identity))
	for name, values := range r.Header {
		if !keyporter.IsOwnHeader(name) {
			h[name] = values
		}
	}
	for _, x := range d.identity {
		h[x.name] = append([]string(nil), x.values...)
	}
	r.Header = h
	return r
}
