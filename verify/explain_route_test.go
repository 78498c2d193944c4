package verify

import (
	"strings"
	"testing"
)

func TestExplainingARoute(t *testing.T) {
	t.Parallel()
	apis := []API{{Name: "shop", Routes: []Route{
		{Path: "/shop/admin", Scope: "admin"}, {Path: "/shop/health", Methods: []string{"GET"}, Public: true}, {Path: "/shop/{rest...}", Scope: "read"},
	}}}
	for _, tt := range []struct{ method, path, fits, needs string }{
		{"GET", "/shop/admin/", "usually routes[0] true, exactly routes[2] true", "with access tokens, the scope read and admin."},
		{"HEAD", "/shop/health", "exactly routes[1] true, exactly routes[2] false", "The call needs no credential."},
		{"HEAD", "/shop/Health", "exactly routes[2] true", "user token, access token; with access tokens, the scope read."},
		{"TRACE", "/shop/x", "exactly routes[2] true", "No API can be called with this method"},
		{"connect", "/other", "", "No API can be called with this method"},
		{"GET", "/shop//x", "", "The path is ambiguous."},
		{"GET", "/other", "", "No API here has this path"},
	} {
		got, err := ExplainRoute(apis, &Request{Method: tt.method, Path: tt.path})
		var fits []string
		for _, f := range got.Fits {
			fits = append(fits, f.How+" "+strings.Fields(f.Route)[2]+map[bool]string{true: " true", false: " false"}[f.Count])
		}
		if err != nil || strings.Join(fits, ", ") != tt.fits || !strings.Contains(got.Needs, tt.needs) {
			t.Errorf("%s %s: %q, %q, %v", tt.method, tt.path, fits, got.Needs, err)
		}
	}
}
