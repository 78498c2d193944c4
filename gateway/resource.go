package gateway

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/verify"
)

// wellKnown is inserted before the path of a resource identifier (RFC 9728 §3.1).
const wellKnown = "/.well-known/oauth-protected-resource"

// resource is the metadata of an API that has a resource identifier. Clients read it to find out
// where to get access tokens.
type resource struct {
	host, path string // of the metadata
	address    string // the full address of the metadata
	document   []byte
}

// metadata is the metadata document (RFC 9728 §2).
type metadata struct {
	Resource             string   `json:"resource"`
	AuthorizationServers []string `json:"authorization_servers"`
	ScopesSupported      []string `json:"scopes_supported,omitempty"`
	BearerMethods        []string `json:"bearer_methods_supported"`
	ProofAlgorithms      []string `json:"dpop_signing_alg_values_supported"`
	Name                 string   `json:"resource_name"`
}

// resources returns the metadata of the APIs that have a resource identifier.
func resources(apis []*verify.API, issuer string) map[*verify.API]*resource {
	all := map[*verify.API]*resource{}
	for _, api := range apis {
		u, err := url.Parse(api.Resource)
		if api.Resource == "" || err != nil {
			continue
		}
		path := u.EscapedPath()
		if path == "/" {
			path = ""
		}
		r := &resource{host: u.Host, path: wellKnown + strings.TrimSuffix(path, "/")}
		r.address = u.Scheme + "://" + u.Host + wellKnown + path
		r.document, _ = json.Marshal(metadata{
			Resource: api.Resource, AuthorizationServers: []string{issuer}, ScopesSupported: api.Scopes(),
			BearerMethods: []string{"header"}, ProofAlgorithms: keyporter.ProofAlgorithms(), Name: api.Name,
		})
		all[api] = r
	}
	return all
}

// resource returns the metadata that a request asks for, or nil. Behind a proxy, the host may
// differ. Then the path is enough if only one API has it, and if the host doesn't belong to
// another API, which may serve its own metadata.
func (g *Gateway) resource(r *http.Request) *resource {
	if !strings.HasPrefix(r.URL.Path, wellKnown) {
		return nil
	}
	var found *resource
	ambiguous, claimed := false, g.checker.Claims(r.Host, wellKnown)
	for api, d := range g.resources {
		switch {
		case d.path != strings.TrimSuffix(r.URL.EscapedPath(), "/"):
		case strings.EqualFold(d.host, r.Host):
			return d
		case api.HasHost(r.Host) && (len(api.Hosts) > 0 || !claimed):
			found, ambiguous = d, found != nil
		}
	}
	if ambiguous {
		return nil
	}
	return found
}

// Describes reports whether a request asks for the metadata of one of the APIs.
func (g *Gateway) Describes(r *http.Request) bool { return g.resource(r) != nil }

// Describe responds with the metadata of an API (RFC 9728). It is public, even for scripts from
// other origins.
func (g *Gateway) Describe(w http.ResponseWriter, r *http.Request) {
	d := g.resource(r)
	if d == nil || r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "max-age=300")
	h.Set("Access-Control-Allow-Origin", "*")
	_, _ = w.Write(d.document)
}
