package console_test

import (
	"context"
	"html"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/console"
	"github.com/keyporter/keyporter/control"
	"github.com/keyporter/keyporter/keyportertest"
	"github.com/keyporter/keyporter/keyportertest/browser"
	"github.com/keyporter/keyporter/web"
)

// site is the console over HTTP, as seen by browsers without JavaScript.
type site struct {
	*keyportertest.Node
	url string
	log *strings.Builder
}

func newSite(t *testing.T) *site {
	t.Helper()
	return newSiteOn(t, keyportertest.Database(t))
}

func newSiteOn(t *testing.T, database string) *site {
	t.Helper()
	s := &site{Node: keyportertest.NewNode(t, database), log: &strings.Builder{}}
	guides := []console.Guide{{Name: "REST <tutorial>", Address: "https://docs.example.com/rest?a=1&b=2"}}
	pages := console.New(console.Config{Control: s.Control, Checker: s.Checker, Log: slog.New(slog.NewTextHandler(s.log, nil)), Scopes: keyportertest.Scopes(), Guides: guides, Example: "/Api/v6/authorization/whoami", Now: s.Clock.Now})
	server := httptest.NewServer(web.WithRequestID(web.SecurityHeaders(pages)))
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

// visitor is a browser, signed in or not.
type visitor struct {
	t      *testing.T
	site   *site
	client http.Client
	header http.Header // sent with each request
}

func (s *site) nobody(t *testing.T) *visitor {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &visitor{t: t, site: s, client: http.Client{Jar: jar, CheckRedirect: stay}, header: http.Header{}}
}

// signIn signs a user in with the form.
func (s *site) signIn(t *testing.T, u keyporter.User) *visitor {
	t.Helper()
	v := s.nobody(t)
	if a := v.submit(v.get("/sign-in"), "/sign-in", "login", u.Login, "password", keyportertest.Password); a.location != "/tokens" {
		t.Fatalf("%s can't sign in: %d %s", u.Login, a.status, a.body)
	}
	return v
}

// ada creates an API user of Acme and signs her in.
func (s *site) ada(t *testing.T) (keyporter.User, *visitor) {
	t.Helper()
	u := keyportertest.User(t, s.Control, "Acme", "ada@acme.example", keyporter.RoleAPIUser)
	return u, s.signIn(t, u)
}

// answer is a response. Visitors don't follow redirects.
type answer struct {
	status   int
	location string
	allow    string // the header Allow
	body     string
}

func (v *visitor) get(path string) answer { return v.send(http.MethodGet, path, "") }

// post sends a form, with fields as alternating names and values.
func (v *visitor) post(path string, fields ...string) answer {
	v.t.Helper()
	return v.send(http.MethodPost, path, encoded(url.Values{}, fields))
}

func encoded(form url.Values, fields []string) string {
	for pair := range slices.Chunk(fields, 2) {
		form.Add(pair[0], pair[1])
	}
	return form.Encode()
}

var inputs = regexp.MustCompile(`<input [^>]*name="([^"]*)"[^>]*value="([^"]*)"[^>]*`)

// submit sends the form with this action on a page: with the values it contains, except for fields
// that the visitor fills in.
func (v *visitor) submit(page answer, action string, fields ...string) answer {
	v.t.Helper()
	_, form, ok := strings.Cut(page.body, `method="post" action="`+action+`"`)
	if !ok {
		v.t.Fatalf("the page has no form for %s:\n%s", action, page.body)
	}
	form, _, _ = strings.Cut(form, "</form>")
	held := url.Values{}
	for _, m := range inputs.FindAllStringSubmatch(form, -1) {
		unchosen := strings.Contains(m[0], `type="radio"`) && !strings.Contains(m[0], " checked")
		if !unchosen && !slices.Contains(fields, m[1]) {
			held.Add(m[1], html.UnescapeString(m[2]))
		}
	}
	return v.send(http.MethodPost, html.UnescapeString(action), encoded(held, fields))
}

// follow follows a link on a page, and fails the test if the page doesn't have it.
func (v *visitor) follow(page answer, path string) answer {
	v.t.Helper()
	if !strings.Contains(page.body, `href="`+path+`"`) {
		v.t.Fatalf("the page has no link to %s:\n%s", path, page.body)
	}
	return v.get(html.UnescapeString(path))
}

func (v *visitor) send(method, path, form string) answer {
	v.t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), method, v.site.url+path, strings.NewReader(form))
	if err != nil {
		v.t.Fatal(err)
	}
	req.Header = v.header.Clone()
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	res, err := v.client.Do(req)
	if err != nil {
		v.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	var body []byte
	if res.Header.Get("Content-Type") != "text/event-stream" { // which has no end
		if body, err = io.ReadAll(res.Body); err != nil {
			v.t.Fatal(err)
		}
	}
	if got := res.Header.Get("Cache-Control"); got != "no-store" {
		v.t.Errorf("%s %s may be stored: %q", method, path, got)
	}
	return answer{res.StatusCode, res.Header.Get("Location"), res.Header.Get("Allow"), string(body)}
}

// want fails the test unless the answer has this status and contains all of words.
func (a answer) want(t *testing.T, status int, words ...string) {
	t.Helper()
	if a.status != status {
		t.Errorf("status %d, want %d", a.status, status)
	}
	for _, w := range words {
		if !strings.Contains(a.body, w) {
			t.Errorf("the page doesn't contain %q: %s", w, a.body)
		}
	}
}

// wantNot fails the test if the answer contains any of words.
func (a answer) wantNot(t *testing.T, words ...string) {
	t.Helper()
	for _, w := range words {
		if strings.Contains(a.body, w) {
			t.Errorf("the page contains %q: %s", w, a.body)
		}
	}
}

// wantRedirect fails the test unless the answer redirects to a URL that starts with page.
func (a answer) wantRedirect(t *testing.T, page string) {
	t.Helper()
	if a.status != http.StatusSeeOther || !strings.HasPrefix(a.location, page) {
		t.Errorf("%d redirects to %q, want %q: %s", a.status, a.location, page, a.body)
	}
}

// role creates a custom role of an organization.
func (s *site) role(t *testing.T, organization keyporter.ID, name string, effects map[keyporter.Permission]keyporter.Effect) keyporter.Role {
	t.Helper()
	r, err := s.Control.CreateRole(t.Context(), keyporter.Command(), keyporter.Role{OrganizationID: organization, Name: name, Effects: effects})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (s *site) operator(t *testing.T, organization keyporter.ID, login string) keyporter.User {
	t.Helper()
	u, err := s.Control.CreateUser(t.Context(), keyporter.Command(), control.NewUser{OrganizationID: organization, Login: login, Password: keyportertest.Password, Operator: true})
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestMain(m *testing.M) { keyportertest.Main(m, browser.Stop) }
