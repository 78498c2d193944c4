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

// TestADoubleClickAddsOneToken sends one form twice, at once and one after the other, to two nodes if there can be two.
// Both answers lead to the same secret, which nobody else gets.
func TestADoubleClickAddsOneToken(t *testing.T) {
	keyportertest.EachDatabase(t, func(t *testing.T, database string) {
		s := newSiteOn(t, database)
		ada, v := s.ada(t)
		form := v.get("/tokens/new")
		elsewhere := *v
		if strings.HasPrefix(database, "postgres") {
			elsewhere.site = newSiteOn(t, database)
		}
		var answers [2]answer
		var sent sync.WaitGroup
		for i, v := range []*visitor{v, &elsewhere} {
			sent.Go(func() { answers[i] = v.submit(form, "/tokens", "name", "Export") })
		}
		sent.Wait()
		answers[0].wantRedirect(t, "/tokens?new=")
		first := secrets.FindString(v.get(answers[0].location).body)
		again := elsewhere.submit(form, "/tokens", "name", "Export")
		if answers[1].location != answers[0].location || again.location != answers[0].location {
			t.Errorf("the copies lead to %q and %q, want %q: %s %s", answers[1].location, again.location, answers[0].location, answers[1].body, again.body)
		}
		if second := secrets.FindString(v.get(again.location).body); second != first || first == "" {
			t.Error("the copies show different secrets, or none")
		}
		if n := len(s.tokensOf(t, ada)); n != 1 {
			t.Fatalf("there are %d tokens", n)
		}

		// Other values, a new form, another session, or a later time ask for another token.
		v.get(v.submit(form, "/tokens", "name", "Import").location).want(t, 200, "kpu_", "<bdi>Import</bdi>")
		v.submit(v.get("/tokens/new"), "/tokens", "name", "Export").want(t, 409, "You already have a token with this name")
		s.signIn(t, ada).submit(form, "/tokens", "name", "Export").want(t, 409, "You already have a token with this name")

		// What was deleted doesn't come back.
		id := strings.TrimPrefix(answers[0].location, "/tokens?new=")
		v.post("/tokens/"+id+"/delete").wantRedirect(t, "/tokens")
		if other := secrets.FindString(v.get(v.submit(form, "/tokens", "name", "Export").location).body); other == first || other == "" {
			t.Error("the form brings the secret of a deleted token back, or none")
		}
		s.Clock.Advance(5 * time.Minute)
		v.submit(form, "/tokens", "name", "Import").want(t, 409, "You already have a token with this name")
	})
}

// TestADoubleClickMakesOneSecret sends each other form that makes a secret twice.
func TestADoubleClickMakesOneSecret(t *testing.T) {
	s := newSite(t)
	dev, v := s.dev(t)
	anySecret := regexp.MustCompile(`(kpc_|kpo_|whsec_)[0-9A-Za-z+/=]{40,}`)
	twice := func(v *visitor, page, action string, fields ...string) string {
		t.Helper()
		form := v.get(page)
		first := v.submit(form, action, fields...)
		made := anySecret.FindString(html.UnescapeString(v.get(first.location).body))
		second := v.submit(form, action, fields...)
		second.wantRedirect(t, first.location)
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
