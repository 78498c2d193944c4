package verify

import (
	"strings"
	"testing"

	"github.com/keyporter/keyporter"
)

func TestReadPath(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ raw, path string }{
		{"/", "/"},
		{"/Api/v6/envelope/1", "/Api/v6/envelope/1"},
		{"/Api/v6/envelope/", "/Api/v6/envelope/"},
		{"/Api/%76%36/a%20b", "/Api/v6/a b"},
		{"/user/ada@acme.example", "/user/ada@acme.example"},
		{"/a..b/.c/..d/e..", "/a..b/.c/..d/e.."},
		{"/%E4%BD%A0", "/你"},
		{"", ""},
		{"*", ""},
		{"Api/v6", ""},
		{"http://host/Api", ""},
		{"//Api/v6", ""},
		{"/Api//v6", ""},
		{"/Api/v6//", ""},
		{"/Api/./v6", ""},
		{"/Api/../v6", ""},
		{"/Api/v4/../v6/x", ""},
		{"/Api/v4/..", ""},
		{"/Api/v4/.", ""},
		{"/Api/v4/%2e%2e/v6", ""},
		{"/Api/v4/.%2E/v6", ""},
		{"/Api/v4/%252e%252e/v6", ""},
		{"/Api/v4%2fversion", ""},
		{"/Api/v4%5cversion", ""},
		{`/Api\v4`, ""},
		{"/Api/v4;x=1/version", ""},
		{"/Api/v4/..;/v6", ""},
		{"/Api/v4%3b/x", ""},
		{"/Api/v4/%00", ""},
		{"/Api/v4/a%0d%0ab", ""},
		{"/Api/v4/\x7f", ""},
		{"/Api/v4/%", ""},
		{"/Api/v4/%zz", ""},
		{"/Api/v4/%ff", ""},
		{"/Api/v4/\xc0\xae\xc0\xae/v6", ""}, // overlong dots, as a forward-auth proxy passes them on
		{"/Api/v4/a%3fb", ""},
		{"/Api/v4/a#b", ""},
		{"/Api/v4/wor%E2%84%AA", ""}, // the Kelvin sign
		{"/Api/v4/u%C5%BFer", ""},    // the long s
		{"/Api/v4/adm%C4%B0n", ""},   // the I with a dot
		{"/Api/v4/adm%C4%B1n", ""},   // the i without one
		{"/Api/v4/...", ""},
		{"/(S(x))/Api", ""}, // as ASP.NET keeps a session
		{"/Api/%28S(x)%29", ""},
		{"/(A(x)S(y))/Api", ""},
		{"/(a)/f(x)/((x))", "/(a)/f(x)/((x))"},
	} {
		path, ok := readPath(c.raw)
		if path != c.path && ok || ok != (c.path != "") {
			t.Errorf("readPath(%q) = %q, %v; want %q", c.raw, path, ok, c.path)
		}
	}
}

func checker(t *testing.T, apis ...API) *Checker {
	t.Helper()
	compiled, _, err := compile(apis)
	if err != nil {
		t.Fatal(err)
	}
	return &Checker{apis: compiled}
}

func TestTheFirstMatchingRouteDecides(t *testing.T) {
	t.Parallel()
	c := checker(t, API{Name: "a", Routes: []Route{
		{Path: "/Api/{version}/version", Versions: "1-5", Public: true, Methods: []string{"GET"}},
		{Path: "/Api/{version}/{rest...}", Versions: "1-5"},
		{Path: "/Api/{version}/envelope/{id}", Versions: "6-"},
		{Path: "/health"},
	}}, API{Name: "b", Hosts: []string{"b.example"}, Routes: []Route{{Path: "/{rest...}"}}})
	const none = -1
	for _, r := range []struct {
		method, host, path string
		route, version     int
	}{
		{"GET", "", "/Api/v4/version", 0, 4},
		{"HEAD", "", "/Api/v4.0/version", 0, 4},
		{"get", "", "/Api/v4/version", 1, 4},
		{"GET", "", "/aPI/V4.0/VERSION", 1, 4},
		{"POST", "", "/Api/v4/version", 1, 4},
		{"GET", "", "/Api/v4/version/", 1, 4},
		{"GET", "", "/Api/v4/versions", 1, 4},
		{"GET", "", "/Api/v4", 1, 4},
		{"GET", "", "/Api/v4/", 1, 4},
		{"GET", "", "/Api/v5.0/a/b/c", 1, 5},
		{"GET", "", "/Api/v6/envelope/1", 2, 6},
		{"GET", "", "/Api/v12/envelope/1", 2, 12},
		{"GET", "", "/Api/v6/envelope/", none, 0},
		{"GET", "", "/Api/v6/envelope/1/2", none, 0},
		{"GET", "", "/Api/v6/version", none, 0},
		{"GET", "", "/Api/v0/version", none, 0},
		{"GET", "", "/Api/v04/version", none, 0},
		{"GET", "", "/Api/v4.1/version", none, 0},
		{"GET", "", "/Api/v4.0.0/version", none, 0},
		{"GET", "", "/Api/v4.00/version", none, 0},
		{"GET", "", "/Api/v/version", none, 0},
		{"GET", "", "/Api/v99999/x", none, 0},
		{"GET", "", "/Api/4/x", none, 0},
		{"GET", "", "/Api", none, 0},
		{"GET", "", "/health", 3, 0},
		{"GET", "", "/healthy", none, 0},
		{"GET", "", "/", none, 0},
		{"GET", "B.example.:8080", "/anything", 0, 0},
		{"GET", "b.example.evil", "/anything", none, 0},
		{"GET", "[::1]:80", "/anything", none, 0},
	} {
		got, version, reason := c.route(&Request{Method: r.method, Host: r.host, Path: r.path})
		want := keyporter.Allowed
		if r.route == none {
			want = keyporter.ReasonNoRoute
		}
		api := c.apis[0]
		if strings.HasPrefix(r.path, "/anything") {
			api = c.apis[1]
		}
		if reason != want || want == keyporter.Allowed && (got != &api.Routes[r.route] || version != r.version) {
			t.Errorf("%s %s%s: route %v, version %d, %q", r.method, r.host, r.path, got, version, reason)
		}
	}
}

func TestAllFaultsOfAPIsAreReportedAtOnce(t *testing.T) {
	t.Parallel()
	_, _, err := compile([]API{{Upstream: "ftp://x", Routes: []Route{
		{Path: "api/{version}"},
		{Path: "/api//x"},
		{Path: "/a/{rest...}/b"},
		{Path: "/a{x}"},
		{Path: "/a", Versions: "1-5"},
		{Path: "/{version}", Versions: "5-1"},
		{Path: "/a", Public: true, Credentials: []keyporter.CredentialKind{"user_token"}},
		{Path: "/a", Credentials: []keyporter.CredentialKind{"cookie"}},
		{Path: "/a", Refusals: "html"},
		{Path: "/api/{version}/{rest...}", SOAP: true, Credentials: []keyporter.CredentialKind{"organization_token"}}, // version 6, too
		{Path: "/b.asmx", SOAP: true, Public: true},
	}, Hosts: []string{"https://api.example.com"}}, {Name: "b", Hosts: []string{"api.example.com:8080"}}, {Name: "b", Upstream: "http://u:p@h/path"}})
	if err == nil {
		t.Fatal("no fault found")
	}
	for _, want := range []string{
		"apis[0]: name is missing", "upstream must", `routes[0]: path "api/{version}" must begin with /`, "plain path", "last segment", "whole segment", "need a {version}", "must look like 4, 1-5, or 6-",
		"contradict", "a soap path can't contain {version}", "soap can't be public", `"cookie" isn't a kind of credential`, `"html" isn't a form of refusals`, "routes are missing", `apis[2]: another API has the name "b"`, `apis[2]: upstream`,
		`"https://api.example.com" must be a host name`, `"api.example.com:8080" must be a host name`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("not reported: %s\n%v", want, err)
		}
	}
}

// TestRoutesThatAreNeverReached expects a fault if the first of two routes matches every call of the second.
func TestRoutesThatAreNeverReached(t *testing.T) {
	t.Parallel()
	route := func(versions string, methods ...string) Route {
		return Route{Path: "/api/{version}/{rest...}", Versions: versions, Methods: methods}
	}
	for _, tt := range []struct {
		first, second Route
		fault         bool
	}{
		{route(""), route(""), true},
		{route(""), Route{Path: "/API/{version}/{all...}", Public: true}, true},
		{route(""), route("1-5", "GET"), true},
		{route("1-5"), route("2-4"), true},
		{route("3-"), route("3-"), true},
		{route("", "GET", "POST"), route("", "get"), true},
		{route(""), Route{Path: "/api/{version}/x", Public: true}, true},
		{route(""), Route{Path: "/api/{version}/x/{rest...}"}, true},
		{Route{Path: "/{rest...}"}, route("6-"), true},
		{Route{Path: "/api/{x}/y"}, Route{Path: "/api/{version}/y"}, true},
		{Route{Path: "/api/{x}"}, Route{Path: "/api/y"}, true},
		{Route{Path: "/api/{x}"}, Route{Path: "/api/"}, false},
		{Route{Path: "/api/{x}"}, Route{Path: "/api/{rest...}"}, false},
		{Route{Path: "/api/{x}"}, Route{Path: "/api/y/z"}, false},
		{Route{Path: "/api/y/z"}, Route{Path: "/api/y"}, false},
		{Route{Path: "/api/{version}"}, Route{Path: "/api/{x}"}, false},
		{Route{Path: "/api/{version}/x"}, route(""), false},
		{route("1-5"), route(""), false},
		{route("1-5"), route("1-"), false},
		{route("1-5"), route("6-"), false},
		{route("", "GET"), route(""), false},
		{route("", "GET"), route("", "GET", "POST"), false},
		{Route{Path: "/api/{version}/y"}, Route{Path: "/api/v4/y"}, true},
		{Route{Path: "/api/{version}/{rest...}", Versions: "4-5"}, Route{Path: "/api/v4/y", Public: true}, true},
		{Route{Path: "/api/{version}/{rest...}", Versions: "5-"}, Route{Path: "/api/v4/y"}, false},
		{Route{Path: "/api/{version}/y"}, Route{Path: "/api/v04/y"}, false},
		{Route{Path: "/api/{version}/y"}, Route{Path: "/api/v/y"}, false},
		{Route{Path: "/api/v4/y"}, Route{Path: "/api/v4.0/y"}, true},
		{Route{Path: "/api/v4/y", Public: true}, Route{Path: "/api/v4.0/y", Public: true}, false},
		{Route{Path: "/api/y", Public: true}, Route{Path: "/api/Y", Public: true}, false},
		{Route{Path: "/api/v4/y"}, Route{Path: "/api/{version}/y"}, false},
		{Route{Path: "/api/x"}, Route{Path: "/api/{x}"}, false},
		{Route{Path: "/api/x"}, Route{Path: "/api/y"}, false},
	} {
		err := Validate([]API{{Name: "a", Routes: []Route{tt.first, tt.second}}})
		if (err != nil) != tt.fault || err != nil && !strings.Contains(err.Error(), "routes[1] is never reached") {
			t.Errorf("%+v then %+v: %v", tt.first, tt.second, err)
		}
	}
}
