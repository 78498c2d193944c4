package oauth

import "net/http"

func (s *server) introspect(w http.ResponseWriter, r *http.Request) {
	s.fail(w, r, fault{status: http.StatusNotFound, code: "not_found"})
}
