package console_test

import (
	"fmt"
	"html"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control"
	"github.com/keyporter/keyporter/keyportertest"
)

// link returns the address of the link to another page of a list.
func (a answer) link(t *testing.T, rel string) string {
	t.Helper()
	m := regexp.MustCompile(`href="([^"]*)" rel="` + rel + `"`).FindStringSubmatch(a.body)
	if m == nil {
		t.Fatalf("there is no %s page:\n%s", rel, a.body)
	}
	return html.UnescapeString(m[1])
}

// listed is a list of the console, and how rows get into it.
type listed struct {
	name  string
	v     *visitor
	path  string
	empty string            // what it says without rows; empty: it always has some
	state string            // that some rows can be in; empty: it has no states
	add   func(name string) // a row that a search for the name finds
}

func TestEveryListIsSearchedAndPaged(t *testing.T) {
	s := newSite(t)
	const otherList = "eyJvIjoiZ2hvc3RzIiwiaSI6IngifQ" // a cursor
	for _, l := range s.lists(t) {
		t.Run(l.name, func(t *testing.T) {
			get := func(query string) answer {
				separator := "?"
				if strings.Contains(l.path, "?") {
					separator = "&"
				}
				return l.v.get(l.path + separator + query)
			}
			if l.empty != "" {
				none := l.v.get(l.path)
				none.want(t, 200, l.empty)
				none.wantNot(t, `class="toolbar"`, `class="pages"`)
			}
			get("q=%3Cb%3E").want(t, 200, " matches</h3>", "“<bdi>&lt;b&gt;</bdi>”", ">Show all</a>", `name="q" value="&lt;b&gt;"`)
			const n = control.MaxPage + 3
			for i := range n {
				if l.add(fmt.Sprintf("row%02d", i)); i == n/2 {
					s.flush(t) // what isn't written is in lists, too
				}
			}
			l.add("100%_'off")
			first := get("q=ROW")
			first.want(t, 200, fmt.Sprintf("%d of %d", control.MaxPage, n), `name="q" value="ROW"`)
			first.wantNot(t, `rel="prev"`)
			second := l.v.get(first.link(t, "next"))
			second.want(t, 200, fmt.Sprintf("3 of %d", n), `name="q" value="ROW"`)
			second.wantNot(t, `rel="next"`)
			// The address may say before or after, and time goes on.
			other := regexp.MustCompile(`<input type="hidden" name="query"[^>]*>| data-now="[^"]*"`)
			if back := l.v.get(second.link(t, "prev")); other.ReplaceAllString(back.body, "") != other.ReplaceAllString(first.body, "") {
				t.Errorf("back on the first page is\n%s", back.body)
			}
			seen := map[string]bool{}
			for _, name := range regexp.MustCompile(`row\d\d`).FindAllString(first.body+second.body, -1) {
				seen[name] = true
			}
			if len(seen) != n {
				t.Errorf("the pages show %d of %d rows", len(seen), n)
			}
			get("q="+url.QueryEscape("%_'")).want(t, 200, "1 of 1", "100%_&#39;off")
			get("q=r_w").want(t, 200, " matches</h3>")
			get("after=nonsense").want(t, 422)
			get("before="+otherList).want(t, 422)
			if l.state != "" {
				get("state=ghost").want(t, 422)
				if kept := get("state=" + l.state + "&q=row00"); !strings.Contains(kept.body, `name="state" value="`+l.state+`"`) && !strings.Contains(kept.body, `<option value="`+l.state+`" selected>`) {
					t.Error("a new search forgets the state")
				}
				get("state="+l.state+"&q=row00").want(t, 200, `aria-current="true"`)
			}
		})
	}
}

func (s *site) flush(t *testing.T) {
	t.Helper()
	if err := s.Usage.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func (s *site) lists(t *testing.T) []listed {
	t.Helper()
	ada, v := s.ada(t)
	admin := keyportertest.User(t, s.Control, "Acme", "olivia@acme.example", keyporter.RoleAdministrator)
	refused, _ := keyportertest.Token(t, s.Control, admin, "Refused")
	elsewhere, err := s.Control.CreateOrganization(t.Context(), keyporter.Command(), "Elsewhere")
	if err != nil {
		t.Fatal(err)
	}
	manages, operates := s.signIn(t, admin), s.signIn(t, s.operator(t, admin.OrganizationID, "operator@acme.example"))
	token := func(name string) { keyportertest.Token(t, s.Control, ada, name) }
	user := func(organization keyporter.ID) func(string) {
		return func(name string) {
			s.Insert(t, keyporter.User{ID: keyporter.NewID(s.Clock.Now()), OrganizationID: organization, Login: name + "@" + string(organization) + ".example"})
		}
	}
	connect := func(u keyporter.User) func(string) {
		return func(name string) { s.Connect(t, u, s.App(t, keyporter.App{Name: name})) }
	}
	return []listed{
		{"tokens", v, "/tokens", "No tokens yet", "off", token},
		{"all tokens", manages, "/all-tokens", "", "off", func(string) {}},
		{"apps", manages, "/apps", "No apps yet", "suspended", func(name string) { s.App(t, keyporter.App{Name: name, OrganizationID: admin.OrganizationID}) }},
		{"connections", v, "/connections", "No app acts as you", "", connect(ada)},
		{"connections of everyone", manages, "/apps/connections", "", "", func(string) {}},
		{"users", manages, "/users", "", "off", user(admin.OrganizationID)},
		{"users elsewhere", operates, "/users?organization=" + string(elsewhere.ID), "No users yet", "off", user(elsewhere.ID)},
		{"refused calls", manages, "/all-refusals", "No refused calls yet", "", func(name string) {
			s.Refused(keyporter.RefusedCall{CredentialID: refused.ID, OrganizationID: admin.OrganizationID, Reason: keyporter.ReasonDisabled, Path: "/" + name, RequestID: name + "-id"})
		}},
	}
}
