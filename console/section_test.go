package console_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/console"
	"github.com/keyporter/keyporter/keyportertest"
)

func TestSignInOnlyRedirectsToOurPages(t *testing.T) {
	for next, want := range map[string]string{
		"/tokens":                      "/tokens",
		"/tokens?before=x":             "/tokens?before=x",
		"/users/01j?done=saved":        "/users/01j?done=saved",
		"/roles/01j/delete":            "/roles/01j/delete",
		"/organizations?q=a%20b":       "/organizations?q=a%20b",
		"":                             "/tokens",
		"/":                            "/tokens",
		"/verify":                      "/tokens",
		"/usersx":                      "/tokens",
		"users":                        "/tokens",
		"//evil.example/users":         "/tokens",
		"///evil.example":              "/tokens",
		`/\evil.example/users`:         "/tokens",
		"https://evil.example/users":   "/tokens",
		"javascript:alert(1)//users":   "/tokens",
		"/users\r\nSet-Cookie: a=b":    "/tokens",
		"/users\tx":                    "/tokens",
		"/static/console.js":           "/tokens",
		"/sign-out":                    "/tokens",
		"/%2f%2fevil.example/users":    "/tokens",
		"mailto:users/x@evil.example":  "/tokens",
		"/users/%zz":                   "/tokens",
		"?next=/users":                 "/tokens",
		"/tokens/" + "../verify":       "/tokens/../verify", // still on our site, and doesn't exist
		"/users#" + "//evil.example/x": "/users",
	} {
		if got := console.LocalPath(next); got != want {
			t.Errorf("%q redirects to %q, want %q", next, got, want)
		}
	}
}

func TestSignInReturnsToTheRequestedPage(t *testing.T) {
	s := newSite(t)
	olivia := keyportertest.User(t, s.Control, "Acme", "olivia@acme.example", keyporter.RoleAdministrator)
	v := s.nobody(t)
	v.get("/users?q=ada").wantRedirect(t, "/sign-in?again=1&ended=1&next=%2Fusers%3Fq%3Dada")
	v.post("/roles/x/delete").wantRedirect(t, "/sign-in?again=1&ended=1&next=%2Froles")
	v.post("/sign-in", "login", olivia.Login, "password", keyportertest.Password, "next", "/users?q=ada").wantRedirect(t, "/users?q=ada")
	if a := v.post("/sign-in", "login", olivia.Login, "password", keyportertest.Password, "next", "//evil.example/users"); a.location != "/tokens" {
		t.Errorf("a link from another site redirects to %q after the sign-in", a.location)
	}
}

func TestTheNavigationLinksToPagesTheReaderMayOpen(t *testing.T) {
	s := newSite(t)
	olivia := keyportertest.User(t, s.Control, "Acme", "olivia@acme.example", keyporter.RoleAdministrator)
	roles := s.role(t, olivia.OrganizationID, "Makes roles", map[keyporter.Permission]keyporter.Effect{keyporter.PermissionManageRoles: keyporter.EffectGrant})
	for _, c := range []struct {
		user keyporter.User
		want string // paths of the links
	}{
		{keyportertest.User(t, s.Control, "Acme", "ada@acme.example", keyporter.RoleAPIUser), "/tokens"},
		{keyportertest.User(t, s.Control, "Acme", "grace@acme.example", roles.ID), "/tokens /roles"},
		{olivia, "/tokens /users /roles"},
		{s.operator(t, olivia.OrganizationID, "operator@acme.example"), "/tokens /users /roles /organizations"},
	} {
		v := s.signIn(t, c.user)
		page := v.get("/tokens").body
		for _, path := range []string{"/tokens", "/users", "/roles", "/organizations"} {
			link := `<li><a href="` + path + `"`
			linked := strings.Contains(page, link)
			if linked != strings.Contains(c.want+" ", path+" ") {
				t.Errorf("%s has a link to %s: %v", c.user.Login, path, linked)
			}
			// Users can open exactly the pages that the navigation links to.
			if status := v.get(path).status; (status == http.StatusOK) != linked && path != "/tokens" {
				t.Errorf("%s gets %d at %s", c.user.Login, status, path)
			}
		}
	}
	v := s.signIn(t, olivia)
	v.get("/users").want(t, 200, `<a href="/users" aria-current="page">`)
	v.get("/users/"+string(olivia.ID)).want(t, 200, `<a href="/users" aria-current="true">`, `<a href="/roles">`)
}

func TestErrorPagesKeepTheHeader(t *testing.T) {
	s := newSite(t)
	olivia := keyportertest.User(t, s.Control, "Acme", "olivia@acme.example", keyporter.RoleAdministrator)
	v := s.signIn(t, olivia)
	v.get("/users/nobody").want(t, 404, "olivia@acme.example", `href="/users" aria-current="true"`, "There is no such user.", "It may have been deleted.", `href="/users" data-close>Back to Users`)
	v.get("/organizations").want(t, 403, "olivia@acme.example", "Only an operator", "Ask the people who run it.", `href="/tokens" data-close>Go to API Tokens and Apps`)
	v.get("/nowhere").want(t, 404, "Sign out", "There is no page at this address.")
	a := s.nobody(t).get("/nowhere")
	a.want(t, 404, "There is no page at this address.")
	if strings.Contains(a.body, "Sign out") {
		t.Error("the page offers to sign out, but nobody is signed in")
	}
}

func TestLinksCannotInjectMessages(t *testing.T) {
	s := newSite(t)
	v := s.signIn(t, keyportertest.User(t, s.Control, "Acme", "olivia@acme.example", keyporter.RoleAdministrator))
	v.get("/roles?done=deleted").wantNot(t, "Deleted.")
	v.get("/roles?done=deleted&proof=").wantNot(t, "Deleted.")
	v.get("/roles?done=Call+0800+to+win").wantNot(t, "0800")
}

func TestEveryPageBelongsToASectionOrIsOpen(t *testing.T) {
	used := map[string]bool{"static": true, "favicon.ico": true} // files, not pages
	for _, route := range console.Routes() {
		_, path, _ := strings.Cut(route, " ")
		if path == "/{$}" {
			continue
		}
		name, open, ok := console.SectionOf(path)
		if !ok {
			t.Errorf("%s: no section has this path", route)
		}
		if lands := console.LocalPath(path) == path; lands == open && !strings.Contains(path, "{") {
			t.Errorf("%s: a sign-in can redirect there: %v, and its section is %q", route, lands, name)
		}
		first, _, _ := strings.Cut(path[1:], "/")
		used[first] = true
	}
	for _, segment := range console.Segments() {
		if !used[segment] {
			t.Errorf("no page has a path that starts with /%s", segment)
		}
	}
}

// TestAFormBelongsToTheListItWasOpenedFrom looks at the header and at where a sign-in leads to.
func TestAFormBelongsToTheListItWasOpenedFrom(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ada, _ := s.ada(t)
	own, _ := keyportertest.Token(t, s.Control, ada, "Own")
	shared, _ := keyportertest.OrganizationToken(t, s.Control, ada, "Export")
	conn := s.Connect(t, ada, s.App(t, keyporter.App{}))
	v := s.signIn(t, keyportertest.User(t, s.Control, "Acme", "olivia@acme.example", keyporter.RoleAdministrator))
	for path, section := range map[string]string{
		"/tokens/" + string(shared.ID) + "/hand-over?list=all":         "Organization tokens",
		"/tokens/" + string(shared.ID) + "/rename?list=all":            "Organization tokens",
		"/tokens/" + string(shared.ID) + "/explain?list=all":           "Organization tokens",
		"/tokens/" + string(own.ID) + "/delete?list=" + string(ada.ID): "Users",
		"/tokens/" + string(own.ID) + "/delete":                        "Tokens",
		"/connections/" + string(conn.ID) + "/disconnect?list=all":     "Apps",
		"/tokens?list=all": "Tokens",
	} {
		page := v.get(path)
		page.want(t, http.StatusOK, `</svg>`+section+"</a>")
		for _, item := range strings.Split(page.body, "<li>")[1:] {
			link, _, _ := strings.Cut(item, "</a>")
			if current := strings.Contains(link, "aria-current"); current != strings.HasSuffix(link, "</svg>"+section) && strings.HasPrefix(link, "<a ") {
				t.Errorf("%s: is current: %v: %s", path, current, link)
			}
		}
	}
	nobody := s.nobody(t)
	for list, next := range map[string]string{"": "tokens", "?list=all": "organization-tokens", "?list=" + string(ada.ID): "users"} {
		nobody.post("/tokens/x/rename"+list).wantRedirect(t, "/sign-in?again=1&ended=1&next=%2F"+next)
	}
}
