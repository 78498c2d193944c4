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

// Gateway is in front of APIs and asks about the credentials in their calls. It presents its
// secret as a bearer token (RFC 7662 §2.1).
type Gateway struct {
	Name string
	Hash keyporter.SecretHash // of its secret
	APIs []string             // the ones it may ask about, by name; none: all
}

// asker is an app or a gateway that asks about credentials.
type asker struct {
	app     *keyporter.App
	gateway *Gateway
}

// asker returns who is asking. in has the parameters that an app may prove its identity with.
func (s *server) asker(r *http.Request, in url.Values) (asker, error) {
	if showsBearer(r) {
		g, err := s.gateway(r)
		if err == nil {
			err = onlyInHeader(r, in)
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

// askerInHeader returns who is asking if the Authorization header has a secret. Otherwise known is
// false, and the parameters have to say it.
func (s *server) askerInHeader(r *http.Request) (who asker, known bool, err error) {
	if !showsBearer(r) {
		c, err := web.ReadClientAuthentication(r, nil)
		if err != nil || c.Secret == "" {
			return asker{}, false, err
		}
	}
	who, err = s.asker(r, nil)
	return who, true, err
}

// onlyInHeader refuses parameters that someone whom the Authorization header has identified would
// prove their identity with once more.
func onlyInHeader(r *http.Request, in url.Values) error {
	if !showsBearer(r) {
		_, err := web.ReadClientAuthentication(r, in)
		return err
	}
	if in.Has("client_id") || in.Has("client_secret") || in.Has("client_assertion") {
		return web.Invalid("The client authenticates in more than one way.")
	}
	return nil
}

// onlyGateways runs serve for a gateway, and refuses everyone else.
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

// gateway returns the gateway whose secret the request presents. The secret is compared with all
// of theirs in constant time, so the time it takes reveals nothing about any of them.
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

// mayName reports whether the gateway is in front of the API.
func (g *Gateway) mayName(api *verify.API) bool {
	return len(g.APIs) == 0 || slices.Contains(g.APIs, api.Name)
}

// apiOf returns the API with this name, or nil if the gateway isn't in front of it. An app isn't in
// front of any.
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

// isFor reports whether a credential is for an API that the gateway is in front of (RFC 8707). A
// credential that was issued for no resource in particular is for all.
func (s *server) isFor(g *Gateway, resources []string) bool {
	return len(g.APIs) == 0 || len(resources) == 0 || slices.ContainsFunc(s.Checker.APIs(), func(a *verify.API) bool {
		return g.mayName(a) && slices.Contains(resources, a.Resource)
	})
}
