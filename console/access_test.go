package console_test

import (
	"bytes"
	"context"
	"image"
	"image/png"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/console"
	"github.com/keyporter/keyporter/keyportertest"
	"github.com/keyporter/keyporter/verify"
)

// policy says who may do what. Each line has a route, where {id} and the like stand for something of
// Acme's, and the results: first for visitors who can't be signed in (nobody, a user who is switched
// off, a user of a suspended organization), then for
//
//	member  API user  auditor  administrator  administrator elsewhere  operator elsewhere
//
// "in" is a redirect to the sign-in, "ok" any other redirect, and a number the status. Tokens are
// the API user's. Each new route needs a line.
const policy = `
GET /{$}                                         ok  | ok  ok  ok  ok  ok  ok
GET /sign-in                                     200 | ok  ok  ok  ok  ok  ok
POST /sign-in                                    401 | 401 401 401 401 401 401
POST /sign-in/provider                           422 | 422 422 422 422 422 422
GET /sign-in/callback                            422 | 422 422 422 422 422 422
POST /sign-in/join                               422 | 422 422 422 422 422 422
POST /sign-out                                   in  | ok  ok  ok  ok  ok  ok
GET /setup/{code}                                404 | 404 404 404 404 404 404
POST /setup/{code}                               404 | 404 404 404 404 404 404

GET /tokens                                      in  | 200 200 200 200 200 200
GET /tokens/new                                  in  | 403 200 403 200 200 403
POST /tokens                                     in  | 403 ok  403 ok  ok  403
POST /tokens/{id}/enable                         in  | 404 ok  404 ok  404 404
GET /tokens/{id}/disable                         in  | 404 200 404 200 404 404
POST /tokens/{id}/disable                        in  | 404 ok  404 ok  404 404
GET /tokens/{id}/rename                          in  | 404 200 404 200 404 404
POST /tokens/{id}/rename                         in  | 404 ok  404 ok  404 404
GET /tokens/{id}/expiry                          in  | 404 200 404 200 404 404
POST /tokens/{id}/expiry                         in  | 404 ok  404 ok  404 404
GET /tokens/{id}/delete                          in  | 404 200 404 200 404 404
POST /tokens/{id}/delete                         in  | 404 ok  404 ok  404 404
POST /tokens/selected                            in  | 422 422 422 422 422 422
POST /tokens/change                              in  | 422 422 422 422 422 422
GET /all-tokens                                  in  | 403 403 403 200 200 403
GET /all-tokens/deleted                          in  | 403 403 403 200 200 403
GET /tokens/live                                 in  | 200 200 200 200 200 200
GET /tokens/{id}                                 in  | 404 200 404 200 404 404
GET /tokens/{id}/report                          in  | 404 200 404 200 404 404
GET /tokens/{id}/row                             in  | 404 200 404 200 404 404
GET /tokens/deleted                              in  | 200 200 200 200 200 200
GET /tokens/{id}/restore                         in  | 404 404 404 404 404 404
POST /tokens/{id}/restore                        in  | 404 404 404 404 404 404
GET /tokens/{id}/delete-for-good                 in  | 404 200 404 200 404 404
POST /tokens/{id}/delete-for-good                in  | 404 ok  404 ok  404 404
GET /tokens/{id}/explain                         in  | 404 200 404 200 404 404
GET /tokens/{id}/hand-over                       in  | 404 404 404 404 404 404
POST /tokens/{id}/hand-over                      in  | 404 404 404 404 404 404
GET /tokens/{id}/hand-over?kind=organization     in  | 404 403 404 200 404 404
POST /tokens/{id}/hand-over?kind=organization    in  | 404 403 404 ok  404 404

GET /organization-tokens                             in  | 403 403 403 200 200 200
GET /organization-tokens/deleted                     in  | 403 403 403 200 200 200
GET /organization-tokens?organization={organization} in  | 403 403 403 200 404 200
GET /refusals                                    in  | 200 200 200 200 200 200
GET /all-refusals                                in  | 403 403 403 200 200 200
GET /refusals/{request}                          in  | 404 200 404 200 404 404

GET /users                                       in  | 403 403 403 200 200 200
GET /users?organization={organization}           in  | 403 403 403 200 404 200
GET /users/new                                   in  | 403 403 403 200 200 200
GET /users/new?organization={organization}       in  | 403 403 403 200 404 200
POST /users                                      in  | 403 403 403 ok  ok  ok
POST /users?organization={organization}          in  | 403 403 403 ok  404 ok
GET /users/{id}                                  in  | 403 403 403 200 404 200
GET /users/{id}/tokens                           in  | 403 403 403 200 404 403
POST /users/{id}/roles                           in  | 403 403 403 ok  404 ok
POST /users/{id}/roles/preview                   in  | 403 403 403 200 404 200
POST /users/{id}/enable                          in  | 403 403 403 ok  404 ok
GET /users/{id}/disable                          in  | 403 403 403 200 404 200
POST /users/{id}/disable                         in  | 403 403 403 ok  404 ok
GET /users/{id}/password                         in  | 403 403 403 200 404 200
POST /users/{id}/password                        in  | 403 403 403 ok  404 ok
GET /users/{id}/appoint                          in  | 403 403 403 403 404 200
POST /users/{id}/appoint                         in  | 403 403 403 403 404 ok
GET /users/{id}/dismiss                          in  | 403 403 403 403 404 200
POST /users/{id}/dismiss                         in  | 403 403 403 403 404 ok

GET /roles                                       in  | 403 403 403 200 200 200
GET /roles/new                                   in  | 403 403 403 200 200 403
GET /roles/new?copy={role}                       in  | 403 403 403 200 404 403
POST /roles                                      in  | 403 403 403 ok  ok  403
GET /roles/{id}                                  in  | 403 403 403 200 404 200
POST /roles/{id}                                 in  | 403 403 403 ok  404 403
POST /roles/{id}/preview                         in  | 403 403 403 200 404 403
GET /roles/{id}/delete                           in  | 403 403 403 200 404 403
POST /roles/{id}/delete                          in  | 403 403 403 ok  404 403

GET /apis                                        in  | 403 403 403 403 403 200
GET /start                                       in  | 403 403 403 403 403 200
GET /start/docs                                  in  | 200 200 200 200 200 200
GET /start/docs/{document...}                    in  | 404 404 404 404 404 404
GET /organizations                               in  | 403 403 403 403 403 200
GET /organizations/new                           in  | 403 403 403 403 403 200
POST /organizations                              in  | 403 403 403 403 403 ok
GET /organizations/{id}                          in  | 403 403 403 403 403 200
POST /organizations/{id}/enable                  in  | 403 403 403 403 403 ok
GET /organizations/{id}/disable                  in  | 403 403 403 403 403 200
POST /organizations/{id}/disable                 in  | 403 403 403 403 403 ok
POST /organizations/{id}/flags/{flag}/grant      in  | 403 403 403 403 403 ok
GET /organizations/{id}/flags/{flag}/withdraw    in  | 403 403 403 403 403 200
POST /organizations/{id}/flags/{flag}/withdraw   in  | 403 403 403 403 403 ok
GET /organizations/{id}/sign-in                  in  | 403 403 403 403 403 200
POST /organizations/{id}/sign-in                 in  | 403 403 403 403 403 422
POST /organizations/{id}/sign-in/passwords       in  | 403 403 403 403 403 409
GET /organizations/{id}/sign-in/delete           in  | 403 403 403 403 403 404
POST /organizations/{id}/sign-in/delete          in  | 403 403 403 403 403 404

GET /apps                                        in  | 403 403 403 200 200 200
GET /apps/new                                    in  | 403 403 403 200 200 200
POST /apps                                       in  | 403 403 403 ok  ok  ok
GET /apps/connections                            in  | 403 403 403 200 200 403
GET /apps/policy                                 in  | 403 403 403 200 200 403
POST /apps/policy                                in  | 403 403 403 ok  ok  403
GET /apps/{id}                                   in  | 404 404 404 200 404 200
POST /apps/{id}                                  in  | 404 404 404 ok  404 ok
GET /apps/{id}/image                             in  | 200 200 200 200 404 200
POST /apps/{id}/image                            in  | 404 404 404 422 404 422
POST /apps/{id}/image/remove                     in  | 404 404 404 ok  404 ok
POST /apps/{id}/people                           in  | 404 404 404 ok  404 ok
GET /apps/{id}/secrets/new                       in  | 404 404 404 200 404 200
POST /apps/{id}/secrets                          in  | 404 404 404 ok  404 ok
GET /apps/{id}/secrets/{secret}/delete           in  | 404 404 404 200 404 200
POST /apps/{id}/secrets/{secret}/delete          in  | 404 404 404 ok  404 ok
GET /apps/{id}/webhook                           in  | 404 404 404 200 404 200
POST /apps/{id}/webhook                          in  | 404 404 404 ok  404 ok
POST /apps/{id}/approve                          in  | 403 403 403 403 403 ok
GET /apps/{id}/suspend                           in  | 404 404 404 200 404 200
POST /apps/{id}/suspend                          in  | 404 404 404 ok  404 ok
POST /apps/{id}/resume                           in  | 404 404 404 ok  404 ok
GET /apps/{id}/delete                            in  | 404 404 404 200 404 200
POST /apps/{id}/delete                           in  | 404 404 404 ok  404 ok

GET /connections                                 in  | 200 200 200 200 200 200
GET /connections/live                            in  | 200 200 200 200 200 200
GET /connections/{id}                            in  | 404 200 404 200 404 404
GET /connections/{id}/report                     in  | 404 200 404 200 404 404
GET /connections/{id}/row                        in  | 404 200 404 200 404 404
GET /connections/{id}/explain                    in  | 404 200 404 200 404 404
GET /connections/{id}/disconnect                 in  | 404 200 404 200 404 404
POST /connections/{id}/disconnect                in  | 404 ok  404 ok  404 404
GET /connections/{id}/remove?scope=envelope.read in  | 404 200 404 200 404 404
POST /connections/{id}/remove?scope=envelope.read in | 404 ok  404 ok  404 404
GET /connect/{id}                                in  | 403 200 403 200 200 403
POST /connect/{id}                               in  | 403 200 403 200 200 403
GET /device                                      in  | 200 200 200 200 200 200
POST /device                                     in  | 422 422 422 422 422 422
`

// rule is one line of the policy.
type rule struct {
	route, query string
	turnedAway   string   // the result for visitors who can't be signed in
	signedIn     []string // the results for the others, in the order of visitors.users
}

func rules(t *testing.T) []rule {
	t.Helper()
	var all []rule
	for line := range strings.Lines(policy) {
		f := strings.Fields(line)
		if len(f) == 0 {
			continue
		}
		if len(f) != 10 {
			t.Fatalf("bad line in the policy: %s", line)
		}
		path, query, _ := strings.Cut(f[1], "?")
		all = append(all, rule{route: f[0] + " " + path, query: query, turnedAway: f[2], signedIn: f[4:]})
	}
	return all
}

func TestEveryRouteHasALineInThePolicy(t *testing.T) {
	var lines []string
	for _, r := range rules(t) {
		lines = append(lines, r.route)
	}
	for _, route := range console.Routes() {
		if !slices.Contains(lines, route) {
			t.Errorf("the policy has no line for %s", route)
		}
	}
	for _, l := range lines {
		if !slices.Contains(console.Routes(), l) {
			t.Errorf("the policy has a line for %s, which isn't a route", l)
		}
	}
}

func TestRoutesFollowThePolicy(t *testing.T) {
	w := newVisitors(t)
	for _, r := range rules(t) {
		for i, name := range []string{"nobody", "switched off", "suspended"} {
			t.Run(name+" "+r.route, func(t *testing.T) { w.try(t, r, w.turnedAway[i], r.turnedAway) })
		}
		for i, name := range []string{"member", "api user", "auditor", "administrator", "administrator elsewhere", "operator elsewhere"} {
			t.Run(name+" "+r.route+r.query, func(t *testing.T) {
				v := w.signedIn[i]
				if r.route == "POST /sign-out" {
					v = w.signIn(t, w.users[i])
				}
				w.try(t, r, v, r.signedIn[i])
			})
		}
	}
}

// visitors is a console with every kind of visitor.
type visitors struct {
	*site
	acme       keyporter.ID
	users      []keyporter.User // those of signedIn, in the same order
	signedIn   []*visitor
	turnedAway []*visitor // nobody, a user who is switched off, a user of a suspended organization
}

func newVisitors(t *testing.T) *visitors {
	s := newSite(t)
	member := keyportertest.User(t, s.Control, "Acme", "member@acme.example", keyporter.RoleMember)
	other := keyportertest.User(t, s.Control, "Other", "eve@other.example", keyporter.RoleAdministrator)
	w := &visitors{site: s, acme: member.OrganizationID, users: []keyporter.User{
		member,
		keyportertest.User(t, s.Control, "Acme", "ada@acme.example", keyporter.RoleAPIUser),
		keyportertest.User(t, s.Control, "Acme", "auditor@acme.example", keyporter.RoleAuditor),
		keyportertest.User(t, s.Control, "Acme", "olivia@acme.example", keyporter.RoleAdministrator),
		other,
		s.operator(t, other.OrganizationID, "operator@other.example"),
	}}
	for _, u := range w.users {
		w.signedIn = append(w.signedIn, s.signIn(t, u))
	}
	off := keyportertest.User(t, s.Control, "Acme", "off@acme.example", keyporter.RoleAdministrator)
	suspended := keyportertest.User(t, s.Control, "Gone", "gone@gone.example", keyporter.RoleAdministrator)
	w.turnedAway = []*visitor{s.nobody(t), s.signIn(t, off), s.signIn(t, suspended)}
	if err := s.Control.DisableUser(t.Context(), keyporter.Command(), off.ID); err != nil {
		t.Fatal(err)
	}
	if err := s.Control.DisableOrganization(t.Context(), keyporter.Command(), suspended.OrganizationID); err != nil {
		t.Fatal(err)
	}
	return w
}

// try requests the rule's route, with a new object of Acme's to act on, and checks the result.
func (w *visitors) try(t *testing.T, r rule, v *visitor, want string) {
	t.Helper()
	method, path, _ := strings.Cut(r.route, " ")
	fresh := string(keyporter.NewID(time.Now()))
	noun, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	if strings.Contains(path, "{id}") {
		path = strings.ReplaceAll(path, "{id}", string(w.object(t, noun, fresh)))
	}
	query := strings.ReplaceAll(r.query, "{organization}", string(w.acme))
	if strings.Contains(query, "{role}") {
		query = strings.ReplaceAll(query, "{role}", string(w.object(t, "roles", fresh)))
	}
	if strings.Contains(r.query, "kind=organization") {
		path = strings.ReplaceAll(r.route[len(method)+1:], "{id}", string(w.organizationToken(t, fresh)))
	}
	if strings.Contains(path, "{secret}") {
		s, _, err := w.Control.AddAppSecret(t.Context(), keyporter.Command(), keyporter.ID(strings.Split(path, "/")[2]))
		if err != nil {
			t.Fatal(err)
		}
		path = strings.ReplaceAll(path, "{secret}", string(s.ID))
	}
	if noun == "connect" {
		request, browser := w.Ask(t, w.App(t, keyporter.App{}))
		path = "/connect/" + request
		v.setAuthorizeCookie(t, browser)
	}
	if strings.Contains(path, "{request}") {
		path = strings.ReplaceAll(path, "{request}", w.refused(t, fresh))
	}
	path = strings.NewReplacer("{flag}", string(keyporter.FlagOrganizationAPIToken), "{code}", fresh, "{$}", "").Replace(path)
	before := w.lastEvent(t)
	var a answer
	if method == http.MethodGet {
		a = v.get(path + "?" + query)
	} else {
		fields := []string{"login", fresh + "@acme.example", "password", keyportertest.Password, "name", fresh, "version", "1"}
		if strings.HasSuffix(path, "/hand-over") || strings.HasSuffix(path, "/people") {
			fields[1] = "ada@acme.example"
			fields = append(fields, "secret", "new") // a token can be ada's already
		}
		fields = append(fields, "publisher", "P", "authentication", "secret", "redirect_uris", "https://app.example/cb", "scope.openid", "asks", "policy", "all", "answer", "allow", "code", "wrong")
		if noun == "organizations" {
			fields = append(fields, "organization", fresh) // its name
		}
		a = v.post(path+"?"+query, fields...)
	}
	got := strconv.Itoa(a.status)
	if a.status == http.StatusSeeOther {
		got = "ok"
		if strings.HasPrefix(a.location, "/sign-in?") {
			got = "in"
		}
	}
	if got != want {
		t.Errorf("%s, want %s (%s)", got, want, a.location)
	}
	if w.lastEvent(t) != before && (a.status >= 400 || got == "in") {
		t.Errorf("refused with %s, but caused an event", got)
	}
}

// object creates something of Acme's, or an organization.
func (w *visitors) object(t *testing.T, noun, name string) keyporter.ID {
	t.Helper()
	switch noun {
	case "tokens":
		token, _ := keyportertest.Token(t, w.Control, w.users[1], name)
		return token.ID
	case "roles":
		r := w.role(t, w.acme, name+"-role", nil)
		t.Cleanup(func() { w.dropRole(r.ID) }) // the number of roles is limited
		return r.ID
	case "users":
		u := keyporter.User{ID: keyporter.ID(name), OrganizationID: w.acme, Login: name + "@new.example", Active: true}
		w.Insert(t, u)
		if err := w.Control.SetPassword(t.Context(), keyporter.Command(), u.ID, keyportertest.Password); err != nil {
			t.Fatal(err)
		}
		return u.ID
	case "apps":
		return w.app(t, name).ID
	case "connections":
		return w.Connect(t, w.users[1], w.App(t, keyporter.App{Name: name})).ID
	case "connect":
		return "" // try creates it
	case "organizations":
		o, err := w.Control.CreateOrganization(t.Context(), keyporter.Command(), name)
		if err != nil {
			t.Fatal(err)
		}
		return o.ID
	}
	t.Fatalf("the test needs a case that creates %s", noun)
	return ""
}

// app creates an app of Acme's with an image. Nobody is responsible for it.
func (w *visitors) app(t *testing.T, name string) keyporter.App {
	t.Helper()
	a := w.App(t, keyporter.App{OrganizationID: w.acme, Name: name, Webhook: "https://app.example/hook"})
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 2, 2))); err != nil {
		t.Fatal(err)
	}
	if err := w.Control.SetAppImage(t.Context(), keyporter.Command(), a.ID, b.Bytes()); err != nil {
		t.Fatal(err)
	}
	return a
}

// organizationToken creates an organization token of the API user's.
func (w *visitors) organizationToken(t *testing.T, name string) keyporter.ID {
	token, _ := keyportertest.OrganizationToken(t, w.Control, w.users[1], name)
	return token.ID
}

// refused makes a call with a token of the API user's that is refused, and returns its request ID.
func (w *visitors) refused(t *testing.T, name string) string {
	t.Helper()
	token, secret := keyportertest.Token(t, w.Control, w.users[1], name)
	if _, err := w.Control.DisableToken(t.Context(), keyporter.Command(), token.ID); err != nil {
		t.Fatal(err)
	}
	w.Checker.Check(t.Context(), &verify.Request{Method: "GET", Path: "/Api/v6/authorization/whoami", APIToken: []string{secret.Reveal()}, RequestID: name})
	return name
}

func (w *visitors) dropRole(id keyporter.ID) {
	ctx := context.Background()
	if r, err := w.DB.RoleByID(ctx, id); err == nil {
		_ = w.Control.DeleteRole(ctx, keyporter.Command(), id, r.Version)
	}
}

// lastEvent returns the ID of Acme's latest event.
func (w *visitors) lastEvent(t *testing.T) keyporter.ID {
	t.Helper()
	all, err := w.DB.Events(t.Context(), w.acme, "", 1)
	if err != nil {
		t.Fatal(err)
	}
	return all[0].ID
}
