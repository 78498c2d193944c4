package server

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/console"
	"github.com/keyporter/keyporter/verify"
	"github.com/keyporter/keyporter/web"
)

// routes picks the door for each request. It isn't a ServeMux, because a ServeMux cleans paths
// and redirects, and the gateway has to see paths as they were sent.
//
// Hosts of an API that has an upstream are the API's, with all their paths. There, the only thing that
// Keyporter serves is the description of the API (RFC 9728).
func (s *Server) routes(proxies web.Proxies, pages http.Handler) http.Handler {
	own := func(h http.Handler) http.Handler { return withDeadline(pageTimeout, web.SecurityHeaders(h)) }
	pages, health := own(pages), own(http.HandlerFunc(s.health))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		page, ok := proxies.WithHost(r)
		if !ok {
			refuseHosts(w, r)
			return
		}
		call := foldSlashes(page)
		asks := s.gateway.Asks(r)
		switch {
		case asks && s.Checker.OwnsHost(call.Host) && s.gateway.IsQuestion(r):
			s.gateway.RefuseQuestion(w, r)
		case asks && !s.Checker.OwnsHost(call.Host):
			s.gateway.Verify(w, r)
		case s.gateway.Describes(call):
			s.gateway.Describe(w, call)
		case s.soap.Claims(call):
			s.soap.ServeHTTP(w, call)
		case s.gateway.Claims(call):
			s.gateway.ServeHTTP(w, call)
		case keyporter.IsRefusedMethod(r.Method):
			s.gateway.RefuseUnclaimed(w, r)
		case r.URL.Path == "/healthz":
			health.ServeHTTP(w, page)
		default:
			pages.ServeHTTP(w, page)
		}
	})
}

// orRefused sends requests to the pages. If there is no page at a path, and the client isn't a browser that
// shows one, the answer is what a program expects for a path that no API has.
func (s *Server) orRefused(pages *console.Pages) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if web.PrefersHTML(r) || pages.Has(r) {
			pages.ServeHTTP(w, r)
			return
		}
		s.gateway.RefuseUnclaimed(w, r)
	})
}

// refuseHosts answers a request of which nobody knows for which host it is.
func refuseHosts(w http.ResponseWriter, r *http.Request) {
	web.LimitBodyTime(w, r)
	web.WriteProblem(w, web.Problem{
		Status: http.StatusBadRequest, RequestID: web.NewRequestID(),
		Detail: "X-Forwarded-Host and Forwarded disagree about the host, or name none. The proxy must set X-Forwarded-Host itself, and strip Forwarded.",
	})
}

// foldSlashes returns a request without empty segments in its path. Calls are checked and passed on
// that way, so that the API gets the path that was checked. An encoded slash isn't touched, nor is anything else
// of the address as it was sent.
func foldSlashes(r *http.Request) *http.Request {
	sent := web.SentPath(r)
	folded := verify.FoldSlashes(sent)
	if folded == sent {
		return r
	}
	path, err := url.PathUnescape(folded)
	if err != nil {
		return r
	}
	other, u := *r, *r.URL
	u.Path, u.RawPath = path, folded
	address, _, _ := strings.Cut(r.RequestURI, "?")
	other.URL, other.RequestURI = &u, strings.TrimSuffix(address, sent)+folded+r.RequestURI[len(address):]
	return &other
}
