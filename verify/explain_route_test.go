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
		{"GET", "/shop/admin/", "routes[0] matches except for letter case, a final slash, or .0 after a version, decides; routes[2] matches, decides", "with access tokens, the scope read and admin."},
		{"HEAD", "/shop/health", "routes[1] matches, decides; routes[2] matches", "The call needs no credential."},
		{"HEAD", "/shop/Health", "routes[2] matches, decides", "user token, access token; with access tokens, the scope read."},
		{"TRACE", "/shop/x", "routes[2] matches, decides", "No API can be called with this method"},
		{"connect", "/other", "", "No API can be called with this method"},
		{"GET", "/shop/admin.json", "routes[0] matches on some servers only, decides; routes[2] matches, decides", "the scope read and admin."},
		{"GET", "/shop//x", "", "The path is ambiguous."},
		{"GET", "/other", "", "No API here has this path"},
	} {
		got, err := ExplainRoute(apis, &Request{Method: tt.method, Path: tt.path})
		var fits []string
		for _, f := range got.Fits {
			fits = append(fits, strings.Fields(f.Route)[2]+" "+f.How+map[bool]string{true: ", decides", false: ""}[f.Decides])
		}
		if err != nil || strings.Join(fits, "; ") != tt.fits || !strings.Contains(got.Needs, tt.needs) {
			t.Errorf("%s %s: %q, %q, %v", tt.method, tt.path, fits, got.Needs, err)
		}
	}
}
