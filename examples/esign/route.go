package esign

import (
	"maps"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
)

// access says who may call an endpoint.
type access bool

const (
	anyone access = false
	caller access = true
)

// route is an endpoint in each of its versions.
type route struct {
	method   string
	versions string // one digit each
	path     string
	access   access
	handle   handler
}

// routes returns all endpoints. Those of versions 4 and 5 are in version5.go, those of version 6 in
// version6.go.
func (s *Service) routes() []route {
	return []route{
		{"GET", "45", "version", anyone, takesNothing(about5)},
		{"GET", "6", "system/version", anyone, takesNothing(about6)},
		{"GET", "45", "authorization", caller, takesNothing(authorized)},
		{"GET", "6", "authorization/validate", caller, takesNothing(authorized)},
		{"GET", "5", "user/me", caller, takesNothing(me5)},
		{"GET", "6", "authorization/whoami", caller, takesNothing(whoAmI6)},

		{"POST", "45", "sspfile/uploadtemporary", caller, s.upload5},
		{"POST", "6", "file/upload", caller, s.upload6},
		{"GET", "6", "file/{id}", caller, s.download},

		{"POST", "45", "envelope/send", caller, takesBody(s.send5)},
		{"POST", "45", "envelope/find", caller, takesBody(s.find5)},
		{"GET", "45", "envelope/{id}", caller, takesID(s.get5)},
		{"GET", "45", "envelope/{id}/cancel", caller, takesID(s.cancel5)},
		{"DELETE", "45", "envelope/{id}", caller, takesID(s.delete5)},
		{"POST", "6", "envelope/send", caller, takesBody(s.send6)},
		{"POST", "6", "envelope/find", caller, takesBody(s.find6)},
		{"GET", "6", "envelope/{id}", caller, takesID(s.get6)},
		{"GET", "6", "envelope/{id}/files", caller, takesID(s.files6)},
		{"POST", "6", "envelope/cancel", caller, takesBody(s.cancel6)},
		{"POST", "6", "envelope/delete", caller, takesBody(s.delete6)},

		{"GET", "45", "envelope/{id}/copyfromtemplate", caller, takesID(s.copyFromTemplate5)},
		{"POST", "45", "envelope/sendfromtemplate", caller, takesBody(s.sendFromTemplate5)},
		{"POST", "45", "envelope/createfromtemplate", caller, takesBody(s.createFromTemplate5)},
		{"POST", "5", "draft/send/{id}", caller, takesID(s.sendDraft5)},
		{"POST", "6", "template/create", caller, takesBody(s.createTemplate6)},
		{"POST", "6", "template/find", caller, takesBody(s.findTemplates6)},
		{"GET", "6", "template/{id}", caller, takesID(s.getTemplate6)},
		{"POST", "6", "template/createdraft", caller, takesBody(s.createDraft6)},
		{"POST", "6", "draft/send", caller, takesBody(s.sendDraft6)},
	}
}

// ServeHTTP answers a call. It ignores letter case in paths, and v5.0 means v5.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.EqualFold(r.URL.Path, soapPath) {
		s.soap(w, r)
		return
	}
	plain, ok := plainPath(r.URL)
	if !ok {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	r2 := *r
	r2.URL = &url.URL{Path: plain}
	s.mux.ServeHTTP(w, &r2)
}

// plainPath turns /Api/V5.0/Envelope/Send into /v5/envelope/send. No path of this API needs escapes
// or dots; a path with them is unknown, however another server may read it.
func plainPath(u *url.URL) (plain string, ok bool) {
	rest, ok := strings.CutPrefix(strings.ToLower(u.Path), "/api/")
	version, rest, _ := strings.Cut(rest, "/")
	plain = "/" + strings.TrimSuffix(version, ".0") + "/" + rest
	return plain, ok && u.RawPath == "" && path.Clean(plain) == plain
}

func (s *Service) newMux() *http.ServeMux {
	paths := map[string]methods{"/": nil}
	for _, rt := range s.routes() {
		for _, version := range rt.versions {
			p := "/v" + string(version) + "/" + rt.path
			if paths[p] == nil {
				paths[p] = methods{}
			}
			paths[p][rt.method] = s.endpoint(rt, version)
		}
	}
	mux := http.NewServeMux()
	for p, m := range paths {
		mux.Handle(p, m)
	}
	return mux
}

// endpoint lets in those who have access, and writes errors in the version's format.
func (s *Service) endpoint(rt route, version rune) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c, ok := callerOf(r.Header)
		if rt.access == caller && !ok {
			w.WriteHeader(http.StatusUnauthorized) // in every version, without a body
			return
		}
		if err := rt.handle(w, r, c); err != nil {
			s.fail(w, r, version, err)
		}
	}
}

// methods are the endpoints of one path. ServeMux can't dispatch them, because it would read GET
// envelope/send as the envelope with the ID "send".
type methods map[string]http.Handler

func (m methods) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch h, ok := m[r.Method]; {
	case ok:
		h.ServeHTTP(w, r)
	case len(m) == 0:
		w.WriteHeader(http.StatusNotFound)
	default:
		w.Header().Set("Allow", strings.Join(slices.Sorted(maps.Keys(m)), ", "))
		w.WriteHeader(http.StatusMethodNotAllowed)
	}
}
