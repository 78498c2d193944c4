package console_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/console"
	"github.com/keyporter/keyporter/control"
	"github.com/keyporter/keyporter/keyportertest"
	"github.com/keyporter/keyporter/web"
)

// site is the console over HTTP, as browsers without JavaScript see it.
type site struct {
	*keyportertest.Node
	url string
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{Node: keyportertest.NewNode(t, keyportertest.SQLite(t))}
	proxies, err := web.ParseProxies(nil)
	if err != nil {
		t.Fatal(err)
	}
	pages := console.New(console.Config{Control: s.Control, Checker: s.Checker, Proxies: proxies, Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
	server := httptest.NewServer(web.WithRequestID(web.SecurityHeaders(proxies, pages)))
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

// visitor is a browser, signed in or not.
type visitor struct {
	t    *testing.T
	site *site
	jar  []*http.Cookie
}

func (s *site) nobody(t *testing.T) *visitor { return &visitor{t: t, site: s} }

func (s *site) enter(t *testing.T, u keyporter.User) *visitor {
	t.Helper()
	v := s.nobody(t)
	a := v.post("/sign-in", "login", u.Login, "password", keyportertest.Password)
	if a.status != http.StatusSeeOther || len(v.jar) == 0 {
		t.Fatalf("%s can't sign in: %d %s", u.Login, a.status, a.body)
	}
	return v
}

// answer is what came back; redirects are not followed.
type answer struct {
	status   int
	location string
	allow    string // the header of that name
	body     string
}

func (v *visitor) get(path string) answer { return v.send(http.MethodGet, path, "") }

// post sends a form of these fields and values.
func (v *visitor) post(path string, fields ...string) answer {
	form := url.Values{}
	for i := 0; i < len(fields); i += 2 {
		form.Add(fields[i], fields[i+1])
	}
	return v.send(http.MethodPost, path, form.Encode())
}

func (v *visitor) send(method, path, form string) answer {
	v.t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), method, v.site.url+path, strings.NewReader(form))
	if err != nil {
		v.t.Fatal(err)
	}
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for _, c := range v.jar {
		req.AddCookie(c)
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		v.t.Fatal(err)
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	_ = res.Body.Close()
	for _, c := range res.Cookies() {
		v.jar = slices.DeleteFunc(v.jar, func(old *http.Cookie) bool { return old.Name == c.Name })
		if c.MaxAge >= 0 {
			v.jar = append(v.jar, c)
		}
	}
	return answer{res.StatusCode, res.Header.Get("Location"), res.Header.Get("Allow"), string(body)}
}

// want fails the test unless the answer has this status and says all of these words.
func (a answer) want(t *testing.T, status int, words ...string) {
	t.Helper()
	if a.status != status {
		t.Errorf("status %d, want %d", a.status, status)
	}
	for _, w := range words {
		if !strings.Contains(a.body, w) {
			t.Errorf("the page doesn't say %q: %s", w, a.body)
		}
	}
}

// wantNot fails the test if the answer says one of these words.
func (a answer) wantNot(t *testing.T, words ...string) {
	t.Helper()
	for _, w := range words {
		if strings.Contains(a.body, w) {
			t.Errorf("the page says %q: %s", w, a.body)
		}
	}
}

// leads fails the test unless the answer leads to a page that begins so.
func (a answer) leads(t *testing.T, page string) {
	t.Helper()
	if a.status != http.StatusSeeOther || !strings.HasPrefix(a.location, page) {
		t.Errorf("%d leads to %q, want %q: %s", a.status, a.location, page, a.body)
	}
}

// role makes a role of an organization's own.
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

func TestMain(m *testing.M) { keyportertest.Main(m) }
