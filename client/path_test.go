package client

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// TestThePathThatIsToldIsTheOneThatWasSent, also to a handler that sees a part of it only.
func TestThePathThatIsToldIsTheOneThatWasSent(t *testing.T) {
	t.Parallel()
	for target, want := range map[string]string{
		"/v1/files/a%2Fb?q=/x":          "/v1/files/a%2Fb",
		"/v1/http://other.example/x":    "/v1/http://other.example/x",
		"http://api.example/v1/x?y=://": "/v1/x",
		"http://api.example":            "",
		"/v1/":                          "/v1/",
	} {
		r := httptest.NewRequest(http.MethodGet, target, nil)
		told := calledPath(r)
		http.StripPrefix("/v1", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { told = calledPath(r) })).ServeHTTP(httptest.NewRecorder(), r)
		if told != want {
			t.Errorf("%s: %q, want %q", target, told, want)
		}
	}
}
