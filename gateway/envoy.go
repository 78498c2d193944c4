package gateway

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/verify"
	"github.com/keyporter/keyporter/web"
)

// removeHeader is how an answer over HTTP has Envoy take headers off the call.
const removeHeader = "X-Envoy-Auth-Headers-To-Remove"

// askForEnvoy answers Envoy's ext_authz over HTTP. Envoy sends the call itself, without its
// body, with a prefix before the path: method and host are the call's own.
func (g *Gateway) askForEnvoy(w http.ResponseWriter, r *http.Request) {
	a, d := g.askEnvoy(r)
	h := w.Header()
	maps.Copy(h, a.Header())
	if d != nil && d.Allowed {
		h[removeHeader] = []string{strings.Join(toRemove(r.Header, d), ",")}
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body.Bytes())
}

// askEnvoy answers a question of Envoy's, which came in either way.
func (g *Gateway) askEnvoy(r *http.Request) (*answer, *verify.Decision) {
	var a answer
	d := g.ask(&a, r, func(r *http.Request, req *verify.Request) error {
		rest, ok := strings.CutPrefix(r.RequestURI, envoyPath) // as it was sent
		if !ok {
			return errNoURI
		}
		req.Method, req.Host = r.Method, r.Host
		req.Path, _, _ = strings.Cut(rest, "?")
		if len(req.DPoP) > 0 {
			req.Origin = origin(r.Header.Get("X-Forwarded-Proto"), r.Host, r)
		}
		return nil
	})
	return &a, d
}

// misleading are the usual spellings of what some servers take for another path or method
// than the one that was checked. Over HTTP Keyporter isn't told of them.
var misleading = []string{"X-Original-Url", "X-Rewrite-Url", "X-Http-Method-Override", "X-Http-Method", "X-Method-Override"}

// toRemove lists what Envoy has to take off an allowed call: credentials, and what the
// client sent that only Keyporter may say or that no API should believe. Envoy removes
// after it has set, so that what the answer sets is not among them.
func toRemove(sent http.Header, d *verify.Decision) []string {
	set := map[string]bool{strings.ToLower(keyporter.HeaderRequestID): true}
	for _, header := range d.Identity() {
		set[strings.ToLower(header.Name)] = true
	}
	names := slices.Concat(keyporter.CredentialHeaderNames(), misleading)
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
