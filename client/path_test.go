package client

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// TestCalledPathIsThePathTheClientSent asks from a handler behind http.StripPrefix, too.
func TestCalledPathIsThePathTheClientSent(t *testing.T) {
	t.Parallel()
	for target, want := range map[string]string{
		"/v1/files/a%2Fb?q=/x":          "/v1/files/a%2Fb",
		"/v1/http://other.example/x":    "/v1/http://other.example/x",
		"http://api.example/v1/x?y=://": "/v1/x",
		"http://api.example":            "",
		"/v1/":                          "/v1/",
	} {
		r := httptest.NewRequest(http.MethodGet, target, nil)
		got := calledPath(r)
		http.StripPrefix("/v1", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = calledPath(r) })).ServeHTTP(httptest.NewRecorder(), r)
		if got != want {
			t.Errorf("%s: %q, want %q", target, got, want)
		}
	}
}
