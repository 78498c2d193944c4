package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/luikyv/go-oidc/pkg/goidc"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control"
)

// flow is what is known of one request, for those whom the library calls back with
// nothing but a context.
type flow struct {
	arrived   time.Time // when its header had come; its body may come much later
	address   string
	requestID string
	endpoint  string

	basic        bool // the app authenticates by the Authorization header
	redirectURI  string
	formPost     bool // the answer goes back by a form (response_mode=form_post)
	asked        control.Asked
	pushed       *pushedRequest
	browser      string // what the authorize cookie is to be
	actor        keyporter.Actor
	next         string // where the browser is to go instead of back to the app
	answered     bool   // by the user, on the page; the grant is for what he said
	connection   keyporter.ID
	granted      []string
	presented    string // refresh token
	boundByDPoP  bool   // the access token came with the scheme DPoP
	secret       keyporter.Secret
	grant        *keyporter.AppGrant // that the request is about
	redeemed     bool                // this request used the code
	lost         bool                // another request did
	registration string              // access token of a registration (RFC 7592)
	app          *keyporter.App
	proofs       []proof

	err   error // what the library says went wrong
	fault error // what went wrong on our side
}

type flowKey struct{}

func withFlow(ctx context.Context, f *flow) context.Context {
	return context.WithValue(ctx, flowKey{}, f)
}

// flowOf returns the flow of a request. All of the door's requests have one.
func flowOf(ctx context.Context) *flow {
	f, ok := ctx.Value(flowKey{}).(*flow)
	if !ok {
		return &flow{}
	}
	return f
}

// actorOf is who asks for a change on the side of the app.
func (f *flow) system() keyporter.Actor {
	a := keyporter.System()
	a.Address, a.RequestID = f.address, f.requestID
	return a
}

// failed notes an error of ours, and gives what isn't there the name that the library knows.
func (f *flow) failed(err error) error {
	switch {
	case err == nil:
		return nil
	case keyporter.KindOf(err) == keyporter.NotFound:
		return errors.Join(goidc.ErrNotFound, err)
	default:
		f.fault = err
		return err
	}
}

// pushedRequest is a request that the app pushed before (RFC 9126).
type pushedRequest struct {
	control.Authorization

	session *goidc.AuthnSession
}

// state is what we keep with an authorization.
type state struct {
	Session  *goidc.AuthnSession
	FormPost bool `json:",omitempty"`
}

func (s state) bytes() ([]byte, error) { return json.Marshal(s) }

func readState(b []byte) (s state, err error) {
	err = json.Unmarshal(b, &s)
	return s, err
}

// grantState is what we keep with a grant.
type grantState struct {
	Params     goidc.AuthorizationParameters
	SignedInAt int64 `json:",omitempty"` // Unix seconds
}
