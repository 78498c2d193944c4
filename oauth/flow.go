package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/luikyv/go-oidc/pkg/goidc"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control/grants"
)

// flow is what is known of one request, for those whom the library calls back with
// nothing but a context.
type flow struct {
	arrived   time.Time // when its header had come; its body may come much later
	address   string
	requestID string
	endpoint  string

	basic       bool // the app authenticates by the Authorization header
	app         *keyporter.App
	redirectURI string // of the app, judged
	state       string // that the app gets back
	formPost    bool   // the answer goes back by a form (response_mode=form_post)
	silent      bool   // the user is to see nothing (prompt=none)
	asked       grants.Asked
	kept        *grants.Authorization // that the request goes on with
	session     *goidc.AuthnSession   // what the library knows of that
	browser     string                // secret in the authorize cookie
	actor       keyporter.Actor       // who is signed in
	next        string                // where the browser goes instead of back to the app

	grant      *keyporter.Grant // that the request is about
	connection keyporter.ID     // that a new grant belongs to
	signedInAt time.Time        // when its user proved last who he is
	refresh    keyporter.Secret // for who redeems a code
	presented  string           // refresh token that is used
	redeemed   bool             // this request used the code
	lost       bool             // another request did
	device     *grants.Authorization
	hasty      bool // the device asks too often
	token      *keyporter.AccessToken
	byProof    bool // it came with the scheme DPoP
	proofs     []proof

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

// caller is where the request came from.
func (f *flow) caller() grants.Caller {
	return grants.Caller{Address: f.address, RequestID: f.requestID, ArrivedAt: f.arrived}
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

// state is what we keep with an authorization.
type state struct {
	Session  *goidc.AuthnSession
	FormPost bool `json:",omitempty"`
	Silent   bool `json:",omitempty"`
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
