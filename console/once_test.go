package console_test

import (
	"html"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control"
	"github.com/keyporter/keyporter/keyportertest"
)

// TestADoubleClickAddsOneToken sends one form twice, at once and one after the other. All answers lead to the same secret, which
// nobody else gets.
func TestADoubleClickAddsOneToken(t *testing.T) {
	s := newSite(t)
	ada, v := s.ada(t)
	form := v.get("/tokens/new")
	var answers [4]answer
	var sent sync.WaitGroup
	for i := range answers {
		sent.Go(func() { answers[i] = v.submit(form, "/tokens", "name", "Export") })
	}
	sent.Wait()
	first := secrets.FindString(v.get(answers[0].location).body)
	for _, copied := range append(answers[1:], v.submit(form, "/tokens", "name", "Export")) {
		copied.wantRedirect(t, answers[0].location)
	}
	if again := secrets.FindString(v.get(answers[0].location).body); again != first || first == "" {
		t.Error("the copies show different secrets, or none")
	}
	if n := len(s.tokensOf(t, ada)); n != 1 {
		t.Fatalf("there are %d tokens", n)
	}

	// Other values, a new form, another session, and a later time ask for another token.
	v.get(v.submit(form, "/tokens", "name", "Import").location).want(t, 200, "kpu_", "<bdi>Import</bdi>")
	for _, other := range []answer{
		v.submit(v.get("/tokens/new"), "/tokens", "name", "Export"),
		s.signIn(t, ada).submit(form, "/tokens", "name", "Export"),
		v.submit(form, "/tokens", "name", "Import "),
	} {
		other.want(t, 409, "You already have a token with this name")
	}
	s.Clock.Advance(3 * time.Minute)
	v.submit(form, "/tokens", "name", "Import").want(t, 409, "You already have a token with this name")
}

// TestADoubleClickMakesOneSecret sends each other form that makes a secret twice.
func TestADoubleClickMakesOneSecret(t *testing.T) {
	s := newSite(t)
	dev, v := s.dev(t)
	anySecret := regexp.MustCompile(`(kpc_|kpo_|whsec_)[0-9A-Za-z+/=]{40,}`)
	twice := func(v *visitor, page, action string, fields ...string) string {
		t.Helper()
		form := v.get(page)
		var first, second answer
		var sent sync.WaitGroup
		sent.Go(func() { first = v.submit(form, action, fields...) })
		sent.Go(func() { second = v.submit(form, action, fields...) })
		sent.Wait()
		made := anySecret.FindString(html.UnescapeString(v.get(first.location).body))
		second.wantRedirect(t, first.location)
		v.submit(form, action, fields...).wantRedirect(t, first.location)
		if again := anySecret.FindString(html.UnescapeString(v.get(second.location).body)); made == "" || made != again {
			t.Errorf("%s: the copies show %.8s and %.8s", action, made, again)
		}
		return strings.Split(first.location, "?")[0]
	}
	app := twice(v, "/apps/new", "/apps", appFields("DMS", "webhook", "https://app.example/hook")...)
	twice(v, app+"/secrets/new", app+"/secrets")
	twice(v, app+"/webhook", app+"/webhook")
	found, err := s.Control.ListApps(t.Context(), keyportertest.Session(dev), control.AppList{})
	if err != nil || len(found.Apps) != 1 {
		t.Errorf("there are %d apps, %v", len(found.Apps), err)
	}

	admin := keyportertest.User(t, s.Control, "Acme", "olivia@acme.example", keyporter.RoleAdministrator)
	v = s.signIn(t, admin)
	token, _ := keyportertest.OrganizationToken(t, s.Control, admin, "CRM")
	path := "/tokens/" + string(token.ID) + "/hand-over"
	twice(v, path+"?list=all", path+"?list=all", "login", admin.Login, "secret", "new")
	twice(v, "/tokens/new?kind=organization", "/tokens", "name", "ERP")
}
