package verify

import (
	"strings"
	"testing"

	"github.com/keyporter/keyporter"
)

// TestNoSpellingOfAPathNeedsLess is about paths that many servers take for another one. Each line says
// which scopes a call needs: "-" is none but a credential, "public" nothing, and "404" and "400" are refusals.
func TestNoSpellingOfAPathNeedsLess(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		routes []Route
		calls  string
	}{
		{[]Route{{Path: "/shop/admin", Scope: "admin"}, {Path: "/shop/{rest...}", Scope: "read"}}, `
			/shop/admin admin
			/shop/admin/ read admin
			/shop/ADMIN read admin
			/Shop/admin admin
			/SHOP/ADMIN/ admin
			/shop/admin.json read admin
			/shop/admin.tar.gz read admin
			/shop/admin. read admin
			/shop/admin%20 read admin
			/shop/%20admin read admin
			/shop/admin%C2%A0 read admin
			/shop/%EF%BD%81dmin read admin
			/shop/ad%E2%80%8Bmin read admin
			/shop/admin%20.json read admin
			/shop/admin%20.%20. read admin
			/shop/admin: read admin
			/shop/admin::$DATA read admin
			/shop/admin.json::$DATA read admin
			/shop/ADMIN:$I30:$INDEX_ALLOCATION/ read admin
			/shop/admin%E2%80%8B%EF%BC%8Ejson read admin
			/shop/%C2%A0admin%EF%BC%8E read admin
			/shop/admin%20 read admin
			/shop/%EF%BD%81dmin%EF%BC%9A:$DATA read admin
			/shop/admin:x read
			/shop/admin/%20 400
			/shop/%20/admin 400
			/shop/admin/%C2%A0 400
			/shop/admin/%E2%80%8B 400
			/shop/admin/%E2%80%8B/ 400
			/shop/%E2%A0%80/admin 400
			/shop/x/..%20/admin 400
			/shop/x/%20../admin 400
			/shop/.%20/admin 400
			/shop/.%E2%80%8B/admin 400
			/shop/x/%EF%BC%8E%EF%BC%8E/admin 400
			/shop/x/%E2%80%A5/admin 400
			/shop/x%EF%BC%8Fadmin 400
			/shop/admin%EF%BC%8F 400
			/shop/x%EF%BC%BCadmin 400
			/shop/admin%CD%BEx 400
			/shop/admin%EF%BC%9Bx 400
			/shop/admin%EF%BC%9Fx 400
			/shop/admin%EF%BC%83x 400
			/shop/%EF%BC%8561dmin 400
			/shop/%E2%84%80 400
			/shop/administrator read
			/shop/admin-x read
			/shop/admin/x read
			/shop/x read`},
		{[]Route{{Path: "/items/health", Public: true}, {Path: "/items/{id}"}}, `
			/items/health public
			/items/HEALTH -
			/Items/health -
			/items/health/ -
			/items/health. -
			/items/5/ -`},
		{[]Route{{Path: "/status", Public: true}}, `
			/status public
			/Status 404
			/status/ 404
			/status.json 404`},
		{[]Route{{Path: "/shop/admin"}}, `
			/shop/admin/ -
			/SHOP/admin -
			/shop/admin.json 404
			/shop/admin/x 404`},
		{[]Route{{Path: "/shop/{id}/", Scope: "read"}, {Path: "/shop/admin", Scope: "admin"}}, `
			/shop/x read
			/shop/x/ read
			/shop/admin admin read
			/shop/admin/ read admin
			/shop/Admin read admin`},
		{[]Route{{Path: "/docs/", Public: true}, {Path: "/docs"}}, `
			/docs -
			/docs/ -`},
		{[]Route{{Path: "/", Public: true}, {Path: "/{rest...}"}}, `
			/ public
			/x -`},
		{[]Route{{Path: "/Shop/public/{rest...}", Public: true}, {Path: "/shop/{rest...}"}}, `
			/Shop/public/x public
			/shop/public/x -`},
		{[]Route{{Path: "/a", Credentials: []keyporter.CredentialKind{"user_token"}}, {Path: "/{x}", Credentials: []keyporter.CredentialKind{"app_token"}}}, `
			/a -
			/A 400`},
		{[]Route{{Path: "/run.php", Scope: "run"}, {Path: "/{rest...}", Public: true}}, `
			/run.php run
			/run.php/x run
			/RUN.PHP run
			/run.ph public`},
		{[]Route{{Path: "/Api/{version}/x", Versions: "4", Scope: "old"}, {Path: "/Api/{rest...}", Scope: "new"}}, `
			/Api/v4/x old
			/Api/v4.0/x old
			/Api/V4/x new old
			/Api/v04/x new old
			/Api/v4.00/x new old
			/Api/v4./x new old
			/Api/v%EF%BC%94/x new old
			/Api/v%D9%A4/x new old
			/Api/%EF%BD%964/x new old
			/Api/v4::$DATA/x new old
			/Api/v%D9%A5/x new
			/Api/v4.1/x new
			/Api/v5/x new`},
		{[]Route{{Path: "/Api/v4/admin", Scope: "admin"}, {Path: "/Api/{version}/{rest...}", Scope: "read"}, {Path: "/{rest...}", Scope: "any"}}, `
			/Api/v4/admin admin
			/Api/v4.0/admin read admin
			/Api/V4/admin any admin
			/Api/v04/admin any admin
			/Api/v%EF%BC%94/admin any admin
			/Api/v5/admin read
			/Api/v4.1/admin any
			/Api/v44/admin read`},
		{[]Route{{Path: "/Api/{version}/{rest...}", Scope: "read"}, {Path: "/v4.0", Public: true}, {Path: "/v4", Public: true}, {Path: "/{version}"}}, `
			/v4 public
			/v4.0 public
			/V4 -
			/v5 -`},
	} {
		c := checker(t, API{Name: "a", Routes: tt.routes})
		for line := range strings.SplitSeq(strings.TrimSpace(tt.calls), "\n") {
			path, want, _ := strings.Cut(strings.TrimSpace(line), " ")
			if got := asked(c, "GET", path); got != want {
				t.Errorf("%v: %s needs %q, want %q", tt.routes, path, got, want)
			}
		}
	}
}

// asked returns what a call needs, as TestNoSpellingOfAPathNeedsLess says it.
func asked(c *Checker, method, path string) string {
	switch r, _, reason := c.route(&Request{Method: method, Path: path}); {
	case reason != keyporter.Allowed:
		return map[keyporter.Reason]string{keyporter.ReasonBadPath: "400", keyporter.ReasonNoRoute: "404"}[reason]
	case r.Public:
		return "public"
	case r.Scope == "":
		return "-"
	default:
		return r.Scope
	}
}

func TestARouteForGETIsForHEAD(t *testing.T) {
	t.Parallel()
	c := checker(t, API{Name: "a", Routes: []Route{
		{Path: "/open", Methods: []string{"get"}, Public: true},
		{Path: "/secret", Methods: []string{"GET", "POST"}, Scope: "secret"},
		{Path: "/{rest...}", Scope: "other"},
	}})
	for _, tt := range []struct{ method, path, want string }{
		{"GET", "/open", "public"},
		{"HEAD", "/open", "public"},
		{"head", "/open", "other"},
		{"get", "/open", "other"},
		{"POST", "/open", "other"},
		{"", "/open", "other"},
		{"HEAD", "/secret", "secret"},
		{"head", "/secret", "other secret"},
		{"Post", "/secret", "other secret"},
		{"DELETE", "/secret", "other"},
	} {
		if got := asked(c, tt.method, tt.path); got != tt.want {
			t.Errorf("%s %s needs %q, want %q", tt.method, tt.path, got, tt.want)
		}
	}
	if Validate([]API{{Name: "a", Routes: []Route{{Path: "/x", Methods: []string{"GET"}}, {Path: "/x", Methods: []string{"HEAD"}, Public: true}}}}) == nil {
		t.Error("a route for HEAD behind one for GET is accepted, though no call reaches it")
	}
}

// TestExamplesAreCallsWithAToken has examples that would lead the first call astray.
func TestExamplesAreCallsWithAToken(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		route Route
		want  string
	}{
		"good":             {Route{Path: "/v2/{rest...}"}, ""},
		"another path":     {Route{Path: "/v2/order/{rest...}"}, `API "shop": no route takes its example, GET /v2/orders; add a route such as {path: /v2/orders}`},
		"another version":  {Route{Path: "/{version}/{rest...}", Versions: "3-"}, "no route takes its example"},
		"another method":   {Route{Path: "/v2/{rest...}", Methods: []string{"POST"}}, "no route takes its example"},
		"open to everyone": {Route{Path: "/v2/{rest...}", Public: true}, "can't show that a token works"},
		"for apps only":    {Route{Path: "/v2/{rest...}", Credentials: []keyporter.CredentialKind{keyporter.CredentialAccessToken}}, "doesn't accept API tokens"},
	} {
		for _, hosts := range [][]string{nil, {"shop.example"}} {
			err := Validate([]API{{Name: "shop", Hosts: hosts, Example: "/v2/orders", Routes: []Route{tt.route}}})
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%s: %v, want %q", name, err, tt.want)
			}
		}
	}
}

// TestAnExampleIsACallToItsOwnAPI has one on a route of another.
func TestAnExampleIsACallToItsOwnAPI(t *testing.T) {
	t.Parallel()
	err := Validate([]API{{Name: "shop", Example: "/blog/me", Routes: []Route{{Path: "/shop/{rest...}"}}}, {Name: "blog", Routes: []Route{{Path: "/blog/{rest...}"}}}})
	if err == nil || !strings.Contains(err.Error(), `is a call to the API "blog"`) {
		t.Error(err)
	}
}

// TestRoutesOfAllAPIsAreCompared is about routes that take the calls of others.
func TestRoutesOfAllAPIsAreCompared(t *testing.T) {
	t.Parallel()
	api := func(name, host string, routes ...Route) API {
		a := API{Name: name, Routes: routes}
		if host != "" {
			a.Hosts = strings.Fields(host)
		}
		return a
	}
	open := Route{Path: "/a/{rest...}", Public: true}
	secret, list := Route{Path: "/a/secret"}, Route{Path: "/a/{x}/list", Public: true}
	for name, tt := range map[string]struct {
		apis []API
		want string // in the error, or in a note if it begins with "note: "
	}{
		"another API hides it":              {[]API{api("a", "", open), api("b", "", secret)}, `API "b": routes[0] is never reached: API "a": routes[0]`},
		"on the same host":                  {[]API{api("a", "A.example b.example", open), api("b", "a.example", secret)}, "never reached"},
		"on its host":                       {[]API{api("a", "", open), api("b", "b.example", secret)}, "never reached"},
		"on some hosts":                     {[]API{api("a", "a.example", open), api("b", "", secret)}, `note: API "b": routes[0] (/a/secret) is tried after API "a": routes[0] (/a/{rest...})`},
		"on other hosts":                    {[]API{api("a", "a.example", open), api("b", "b.example", secret)}, ""},
		"a part of it is open":              {[]API{api("a", "", list, Route{Path: "/a/admin/{rest...}"})}, `note: API "a": routes[1] (/a/admin/{rest...}) is tried after routes[0] (/a/{x}/list)`},
		"an exception is open":              {[]API{api("a", "", Route{Path: "/a/x", Public: true}, Route{Path: "/a/{rest...}"})}, ""},
		"an exception is closed":            {[]API{api("a", "", Route{Path: "/a/x", Scope: "x"}, Route{Path: "/a/{rest...}"})}, ""},
		"only the final slash differs":      {[]API{api("a", "", Route{Path: "/a/", Public: true}, Route{Path: "/a"})}, "note: "},
		"only the method differs":           {[]API{api("a", "", Route{Path: "/a/{x}", Methods: []string{"GET"}, Scope: "read"}, Route{Path: "/a/{x}", Scope: "write"})}, ""},
		"it asks the same":                  {[]API{api("a", "", Route{Path: "/a/"}, Route{Path: "/a"})}, ""},
		"other methods":                     {[]API{api("a", "", Route{Path: "/a/{x}/list", Methods: []string{"GET"}, Public: true}, Route{Path: "/a/admin/{rest...}", Methods: []string{"POST"}})}, ""},
		"an unregistered method":            {[]API{api("a", "", Route{Path: "/a", Methods: []string{"PURGE"}})}, "note: API \"a\": routes[0] has the method PURGE"},
		"a typo in a method":                {[]API{api("a", "", Route{Path: "/a", Methods: []string{"GTE"}})}, "did you mean GET?"},
		"a letter too many in a method":     {[]API{api("a", "", Route{Path: "/a", Methods: []string{"DELETED"}})}, "did you mean DELETE?"},
		"a method that no API gets":         {[]API{api("a", "", Route{Path: "/a", Methods: []string{"TRACE"}})}, "leave it out"},
		"two methods in one":                {[]API{api("a", "", Route{Path: "/a", Methods: []string{"GET, POST"}})}, "isn't a method"},
		"a registered method in lower case": {[]API{api("a", "", Route{Path: "/a", Methods: []string{"propfind"}})}, ""},
	} {
		_, notes, err := compile(tt.apis)
		got := ""
		if len(notes) > 0 {
			got = "note: " + strings.Join(notes, "\n")
		}
		if err != nil {
			got = err.Error()
		}
		if (got == "") != (tt.want == "") || !strings.Contains(got, tt.want) {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}
