package oauth

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"time"

	"github.com/luikyv/go-oidc/pkg/goidc"
	"github.com/luikyv/go-oidc/pkg/provider"

	"github.com/keyporter/keyporter"
)

const (
	algEdDSA = "EdDSA"

	// proofLifetime is how old a DPoP proof may be.
	proofLifetime = 5 * time.Minute
	// assertionLifetime is how long a client assertion may live: what Authlib gives its own.
	assertionLifetime = time.Hour
	// leeway is how far clocks of apps may be wrong.
	leeway = 30 * time.Second

	idTokenLifetime = 10 * time.Minute
)

// Of how long requests wait for their user.
const (
	authorizationLifetime = 30 * time.Minute
	pushedLifetime        = 90 * time.Second
	deviceLifetime        = 15 * time.Minute
	devicePoll            = 5 * time.Second
)

// provider sets the library up. Its paths are ours to the letter: by its prefix it would
// compute the address in DPoP proofs wrongly.
func (s *server) provider() (http.Handler, error) {
	m := manager{s}
	options := []provider.Option{
		provider.WithAuthorizeEndpoint(pathAuthorize), provider.WithTokenEndpoint(pathToken), provider.WithPAREndpoint(pathPAR),
		provider.WithTokenRevocationEndpoint(pathRevoke), provider.WithUserInfoEndpoint(pathUserInfo), provider.WithDCREndpoint(pathRegister),

		provider.WithAuthCodeGrant(m, goidc.ResponseTypeCode), provider.WithAuthCodeFunc(random),
		provider.WithAuthCodeLifetime(60), provider.WithAuthnSessionIDFunc(random),
		provider.WithRefreshTokenGrant(m), provider.WithRefreshTokenRotation(), provider.WithRefreshTokenFunc(s.refreshToken),
		provider.WithClientCredentialsGrant(),
		provider.WithDeviceGrant(m, nowhere, nowhere), provider.WithDeviceCodeFunc(random),
		provider.WithPAR(m), provider.WithPARIDFunc(random), provider.WithPARLifetime(int(pushedLifetime.Seconds())), provider.WithPARSessionHandler(s.pushed),
		provider.WithPKCE(goidc.CodeChallengeMethodSHA256),
		provider.WithIssuerResponseParameter(),
		provider.WithPolicies(goidc.NewPolicy("consent", s.setUp, s.consent)),
		provider.WithErrorRenderer(func(http.ResponseWriter, *http.Request, error) error { return nil }), // see authorize
		provider.WithErrorHandler(func(ctx context.Context, err error) { flowOf(ctx).err = err }),

		provider.WithNoneAuthn(), provider.WithSecretBasicAuthn(), provider.WithSecretPostAuthn(),
		provider.WithPrivateKeyJWTAuthn(goidc.ES256, algEdDSA, goidc.PS256, goidc.RS256),
		provider.WithClientSecretVerifier(s.verifySecret),
		provider.WithJWTLifetime(int(assertionLifetime.Seconds())), provider.WithJWTLeewayTime(int(leeway.Seconds())), provider.WithJTIConsumer(s.useProof),
		provider.WithDPoP(goidc.ES256, algEdDSA, goidc.PS256, goidc.RS256),

		provider.WithOpaqueTokens(m), provider.WithOpaqueTokenFunc(s.accessToken), provider.WithTokenOptions(s.tokenOptions),
		provider.WithGrantIDFunc(func(context.Context) string { return string(keyporter.NewID(s.Grants.Now())) }),
		provider.WithJWTIDFunc(random), provider.WithTokenClaims(s.tokenClaims),
		provider.WithIDTokenSignatureAlgs(goidc.RS256, goidc.ES256), provider.WithIDTokenLifetime(int(idTokenLifetime.Seconds())),
		provider.WithIDTokenClaims(s.idTokenClaims), provider.WithUserInfoClaims(s.userInfoClaims),
		provider.WithTokenRevocation(func(context.Context, *goidc.Client) bool { return true }),
		provider.WithTokenIntrospectionEndpoint(pathIntrospect), provider.WithTokenIntrospection(func(context.Context, *goidc.Client, goidc.TokenInfo) bool { return false }),
		provider.WithScopes(s.scopes()...),
		provider.WithDCR(m), // so that it asks for apps; they don't register with it, see register
		provider.WithHTTPClientFunc(func(context.Context) *http.Client { return noFetching }),
	}
	if len(s.Resources) > 0 {
		options = append(options, provider.WithResourceIndicators(s.Resources[0], s.Resources[1:]...))
	}
	p, err := provider.New(s.Issuer, m, s.keys.set, options...)
	if err != nil {
		return nil, err
	}
	return p.Handler(), nil
}

func (s *server) scopes() (all []goidc.Scope) {
	for _, list := range [][]keyporter.Scope{keyporter.OpenIDScopes(), s.Scopes} {
		for _, scope := range list {
			all = append(all, goidc.NewScope(scope.Name))
		}
	}
	return all
}

// random is a secret of 260 bits.
func random(context.Context) string { return rand.Text() + rand.Text() }

// nowhere stands for pages of the library's that nobody is led to.
func nowhere(http.ResponseWriter, *http.Request) error { return goidc.ErrNotFound }

// noFetching is for a library that fetches addresses which requests name: whoever sends
// one could have us call what only we can reach.
var noFetching = &http.Client{Transport: refuseAll{}}

type refuseAll struct{}

func (refuseAll) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, errors.New("this server never fetches a URL from a request")
}
