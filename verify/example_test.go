package verify_test

import (
	"testing"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/keyportertest"
	"github.com/keyporter/keyporter/verify"
)

// TestAnExampleIsAPathThatWorks takes the configured one, or else a route whose path can be called as it is written.
func TestAnExampleIsAPathThatWorks(t *testing.T) {
	api := func(routes ...verify.Route) verify.API {
		return verify.API{Name: "shop", Upstream: "http://127.0.0.1:1", Routes: routes}
	}
	elsewhere, asked := api(verify.Route{Path: "/a"}), api(verify.Route{Path: "/a"})
	elsewhere.Hosts, asked.Upstream = []string{"shop.example"}, ""
	configured := api(verify.Route{Path: "/other/{rest...}"})
	configured.Name, configured.Example = "other", "/other/me"
	db := keyportertest.NewNode(t, keyportertest.Database(t)).DB
	apps := []keyporter.CredentialKind{keyporter.CredentialAccessToken}
	for name, c := range map[string]struct {
		apis []verify.API
		want string
	}{
		"none":                 {nil, ""},
		"only placeholders":    {[]verify.API{api(verify.Route{Path: "/{rest...}"})}, ""},
		"the first that works": {[]verify.API{api(verify.Route{Path: "/health", Public: true}, verify.Route{Path: "/soap", SOAP: true}, verify.Route{Path: "/add", Methods: []string{"POST"}}, verify.Route{Path: "/app", Credentials: apps}, verify.Route{Path: "/orders", Methods: []string{"GET", "POST"}}, verify.Route{Path: "/later"})}, "/orders"},
		"at another host":      {[]verify.API{elsewhere}, ""},
		"behind others' proxy": {[]verify.API{asked}, ""},
		"configured, if later": {[]verify.API{api(verify.Route{Path: "/orders"}), configured}, "/other/me"},
	} {
		checker, err := verify.New(db, verify.Options{APIs: c.apis})
		if err != nil {
			t.Fatal(name, err)
		}
		if got := checker.Example(); got != c.want {
			t.Errorf("%s: the example is %q, want %q", name, got, c.want)
		}
	}
}
