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

// Caller is who calls.
type Caller struct {
	User         string // ID; empty with an app token: then the app acts for itself
	Login        string // their email address
	Organization string // ID
	Credential   string // ID
	Kind         string // user_token, organization_token, access_token or app_token
	App          string // ID, with an access token or app token
	Scopes       []string
	Actor        string // with an organization token: ID of its owner, who acts as User
}

// Has tells whether the caller may do what a scope permits: an app may if it has the
// scope, and anybody else in any case.
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

// CallerOf returns who calls, in the context of a request that a Handler let through. In
// any other context there is nobody, and ok is false.
func CallerOf(ctx context.Context) (c Caller, ok bool) {
	d, ok := ctx.Value(callerKey{}).(*decision)
	if !ok {
		return Caller{}, false
	}
	return d.caller, true
}

// header is one of those by which an API learns who calls.
type header struct {
	name   string
	values []string
}

// newDecision is what an answer comes to that was asked for at some time.
func newDecision(i Introspection, asked time.Time) *decision {
	d := &decision{Introspection: i, ends: i.ends(asked), caller: Caller{
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

// passedOn is the request as the API gets it: with who calls, and without any credential
// and whatever the client said in Keyporter's name.
func passedOn(r *http.Request, d *decision) *http.Request {
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
