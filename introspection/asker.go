package introspection

import (
	"crypto/subtle"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/verify"
	"github.com/keyporter/keyporter/web"
)

// Gateway stands in front of APIs and asks about the credentials in their calls. It shows
// its secret as a bearer token (RFC 7662 §2.1).
type Gateway struct {
	Name string
	Hash keyporter.SecretHash // of its secret
	APIs []string             // that it may ask about, by name; none: all
}

// asker is who asks about credentials: an app or a gateway.
type asker struct {
	app     *keyporter.App
	gateway *Gateway
}

// asker finds out who asks. in has the parameters by which an app may prove who it is.
func (s *server) asker(r *http.Request, in url.Values) (asker, error) {
	if showsBearer(r) {
		g, err := s.gateway(r)
		if err == nil && (in.Has("client_id") || in.Has("client_secret") || in.Has("client_assertion")) {
			err = web.Invalid("The client authenticates in more than one way.")
		}
		return asker{gateway: g}, err
	}
	c, err := web.ReadClientAuthentication(r, in)
	if err != nil {
		return asker{}, err
	}
	app, err := s.Grants.AuthenticateApp(r.Context(), c, s.Issuer, s.Issuer+pathToken, s.Issuer+path)
	if err == nil && !app.Confidential() {
		err = web.OAuthError{Code: web.InvalidClient, Description: "Only an app that can prove its identity can ask."}
	}
	return asker{app: &app}, web.AsClientError(err)
}

// onlyGateways has serve run for a gateway, and refuses anybody else.
func (s *server) onlyGateways(serve func(http.ResponseWriter, *http.Request, *Gateway) error) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		g, err := s.gateway(r)
		if err != nil {
			return err
		}
		return serve(w, r, g)
	}
}

func showsBearer(r *http.Request) bool {
	scheme, _, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	return strings.EqualFold(scheme, "Bearer")
}

// gateway returns whose secret the request shows. The hashes are compared with all of
// them in constant time: how long it takes tells nothing about any.
func (s *server) gateway(r *http.Request) (*Gateway, error) {
	if len(r.Header["Authorization"]) > 1 {
		return nil, web.Invalid("There is more than one Authorization header.")
	}
	_, secret, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	secret = strings.Trim(secret, " ")
	hash := keyporter.HashSecret(secret)
	var found *Gateway
	for i := range s.Gateways {
		if subtle.ConstantTimeCompare(hash[:], s.Gateways[i].Hash[:]) == 1 {
			found = &s.Gateways[i]
		}
	}
	kind, ok := keyporter.ParseSecret(secret)
	if found == nil || !ok || kind != keyporter.SecretGateway || !showsBearer(r) {
		return nil, web.OAuthError{Code: web.InvalidToken, Description: "This isn't a gateway's secret."}
	}
	return found, nil
}

// mayName tells whether the gateway stands in front of the API of that name.
func (g *Gateway) mayName(api *verify.API) bool {
	return len(g.APIs) == 0 || slices.Contains(g.APIs, api.Name)
}

// apiOf returns the API of that name, nil if the gateway doesn't stand in front of it. Apps stand in front of none.
func (s *server) apiOf(g *Gateway, name string) *verify.API {
	apis := s.Checker.APIs()
	i := slices.IndexFunc(apis, func(a *verify.API) bool { return a.Name == name && g != nil && g.mayName(a) })
	if i < 0 {
		return nil
	}
	return apis[i]
}

func noAPI(name string) string {
	return fmt.Sprintf("This gateway isn't configured for an API %q.", name)
}

// isFor tells whether a credential is for an API that the gateway stands in front of (RFC 8707).
// A credential that wasn't issued for certain resources is for all.
func (s *server) isFor(g *Gateway, resources []string) bool {
	return len(g.APIs) == 0 || len(resources) == 0 || slices.ContainsFunc(s.Checker.APIs(), func(a *verify.API) bool {
		return g.mayName(a) && slices.Contains(resources, a.Resource)
	})
}
