package gateway

import (
	"net/http"
	"slices"
	"strings"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/verify"
	"github.com/keyporter/keyporter/web"
)

// removeHeader lists the headers that Envoy must remove from the call.
const removeHeader = "X-Envoy-Auth-Headers-To-Remove"

// askForEnvoy answers Envoy's ext_authz over HTTP. Envoy sends the call itself without its body,
// and with a prefix before the path. Method and host are the call's own.
func (g *Gateway) askForEnvoy(w http.ResponseWriter, r *http.Request) {
	a := answer{header: w.Header()}
	if d := g.askEnvoy(&a, r); d != nil && d.Allowed {
		a.header[removeHeader] = []string{strings.Join(toRemove(r.Header, d), ",")}
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body.Bytes())
}

// askEnvoy answers Envoy's question, whether it came over HTTP or gRPC.
func (g *Gateway) askEnvoy(a *answer, r *http.Request) *verify.Decision {
	return g.ask(a, r, func(r *http.Request, req *verify.Request) error {
		rest, ok := strings.CutPrefix(r.RequestURI, envoyPath) // as it was sent
		if !ok {
			return errNoURI
		}
		req.Method, req.Host = r.Method, r.Host
		if web.HasBlank(rest) {
			return web.ErrBlank
		}
		req.Path, _, _ = strings.Cut(rest, "?")
		return nil
	})
}

// toRemove lists the headers Envoy must remove from an allowed call: credentials, headers that
// only Keyporter may set, and headers that no API should trust. Envoy removes headers after it
// has set others, so the list leaves out those that the answer sets. Over HTTP, Envoy sends only few headers
// to Keyporter, so the list has all that could be there.
func toRemove(sent http.Header, d *verify.Decision) []string {
	set := map[string]bool{strings.ToLower(keyporter.HeaderRequestID): true}
	for _, header := range d.Identity() {
		set[strings.ToLower(header.Name)] = true
	}
	names := slices.Concat(keyporter.CredentialHeaderNames(), keyporter.OverrideHeaderNames())
	for _, header := range new(keyporter.Principal).Identity() {
		names = append(names, header.Name)
	}
	for name := range sent {
		names = append(names, name)
	}
	var all []string
	for _, name := range names {
		plain := strings.ToLower(name)
		if web.MustStrip(http.CanonicalHeaderKey(name), true) && !set[plain] {
			set[plain] = true
			all = append(all, plain)
		}
	}
	slices.Sort(all)
	return all
}
