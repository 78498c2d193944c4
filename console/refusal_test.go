package console_test

import (
	"net/http"
	"testing"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/keyportertest"
	"github.com/keyporter/keyporter/verify"
)

func TestRefusedCallsAreFoundByRequestID(t *testing.T) {
	s := newSite(t)
	ada := keyportertest.User(t, s.Control, "Acme", "ada@acme.example", keyporter.RoleAPIUser)
	v := s.signIn(t, ada)
	v.get("/refusals").want(t, http.StatusOK, "No refused calls yet")
	token, secret := keyportertest.Token(t, s.Control, ada, "Nightly")
	if _, err := s.Control.DisableToken(t.Context(), keyporter.Command(), token.ID); err != nil {
		t.Fatal(err)
	}
	s.Checker.Check(t.Context(), &verify.Request{Method: "GET", Path: "/Api/v6/authorization/whoami", APIToken: []string{secret.Reveal()}, RequestID: "r1"})
	v.get("/refusals?q=+r1+").wantRedirect(t, "/refusals/r1")
	v.get("/refusals/r1").want(t, http.StatusOK, "Nightly", "Why it was refused")

	v.get("/refusals?q=r2").want(t, http.StatusOK, "No refused call matches", `value="r2"`)
	v.get("/refusals?q=WHOAMI").want(t, http.StatusOK, "1 of 1", `href="/refusals/r1"`)
	v.get("/refusals?q=switched+off").want(t, http.StatusOK, "1 of 1", `href="/refusals/r1"`)
	other := s.signIn(t, keyportertest.User(t, s.Control, "Acme", "grace@acme.example", keyporter.RoleAPIUser))
	other.get("/refusals?q=r1").want(t, http.StatusOK, "No refused call matches")
	other.get("/refusals/r1").want(t, http.StatusNotFound, "There is no refused call with this request ID")
}

// TestACallRefusedByMiddleware explains a call to an API that asks by introspection. No route here has
// its path.
func TestACallRefusedByMiddleware(t *testing.T) {
	s := newSite(t)
	ada := keyportertest.User(t, s.Control, "Acme", "ada@acme.example", keyporter.RoleAPIUser)
	token, secret := keyportertest.Token(t, s.Control, ada, "Nightly")
	if _, err := s.Control.DisableToken(t.Context(), keyporter.Command(), token.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Checker.Inspect(t.Context(), verify.Question{
		Secret: secret.Reveal(), API: s.Checker.APIs()[0], Call: &verify.Request{Method: "GET", Path: "/orders/7", Agent: "export/1.0", ClientIP: "192.0.2.7", RequestID: "r1"},
	}); err != nil {
		t.Fatal(err)
	}
	v := s.signIn(t, ada)
	page := v.get("/refusals/r1")
	page.want(t, http.StatusOK, "GET /orders/7", "Is the token switched on?", "The same call would still be refused now")
	page.wantNot(t, "Does the path belong to an API?")
	explain := "/tokens/" + string(token.ID) + "/explain"
	v.get(explain).want(t, http.StatusOK, "The token “Nightly” is switched off.", "/refusals/r1")
	v.get(explain).wantNot(t, "No API here has this path")
	if _, err := s.Control.EnableToken(t.Context(), keyporter.Command(), token.ID); err != nil {
		t.Fatal(err)
	}
	v.get("/refusals/r1").want(t, http.StatusOK, "The cause is gone")
	v.get(explain).want(t, http.StatusOK, "It works")
}

func TestUsersWithoutAPIAccessLearnWhy(t *testing.T) {
	s := newSite(t)
	admin := keyportertest.User(t, s.Control, "Acme", "olivia@acme.example", keyporter.RoleAdministrator)
	blocks := s.role(t, admin.OrganizationID, "Interns", blocking(keyporter.PermissionUseAPI))
	ada := keyportertest.User(t, s.Control, "Acme", "ada@acme.example", keyporter.RoleAPIUser)
	keyportertest.Token(t, s.Control, ada, "Nightly")
	both := keyportertest.User(t, s.Control, "Acme", "both@acme.example", keyporter.RoleAdministrator, blocks.ID)
	if err := s.Control.SetUserRoles(t.Context(), keyporter.Command(), ada.ID, []keyporter.ID{keyporter.RoleAPIUser, blocks.ID}); err != nil {
		t.Fatal(err)
	}
	v := s.signIn(t, ada)
	page := v.get("/tokens")
	page.want(t, http.StatusOK, "your role “Interns” blocks it", "Until that changes, the tokens below don’t work", `href="/refusals"`)
	page.wantNot(t, "/roles/"+string(blocks.ID), "Calling the API")
	v.get("/tokens/new").want(t, http.StatusForbidden, "your role “Interns” blocks it") // before they fill in the form
	s.signIn(t, both).get("/tokens").want(t, http.StatusOK, `<a href="/roles/`+string(blocks.ID)+`"><bdi>Interns</bdi></a>`)

	// Operators get links to the page that grants the feature, and to the page of their own roles.
	operator := s.signIn(t, s.operator(t, admin.OrganizationID, "operator@acme.example"))
	operator.get("/organization-tokens").want(t, http.StatusOK, `<a href="/organizations/`+string(admin.OrganizationID)+`">`, "Features of Acme")
	operator.get("/tokens").want(t, http.StatusOK, "Your roles")
	s.signIn(t, admin).get("/tokens").wantNot(t, "Features of Acme")
}

// TestWhoSeesRefusedCallsOfAnApp expects that to be the user who connected it, and people who manage
// the organization's tokens.
func TestWhoSeesRefusedCallsOfAnApp(t *testing.T) {
	w := newSite(t)
	grace := keyportertest.User(t, w.Control, "Acme", "grace@acme.example", keyporter.RoleAPIUser)
	admin := keyportertest.User(t, w.Control, "Acme", "olivia@acme.example", keyporter.RoleAdministrator)
	ada := keyportertest.User(t, w.Control, "Acme", "ada.l@acme.example", keyporter.RoleAPIUser)
	app := w.App(t, keyporter.App{Name: "Tagger"})
	c := w.Connect(t, ada, app, "envelope.read")
	_, secret := w.AccessToken(t, c, keyporter.AccessToken{Scopes: []string{"envelope.read"}})
	w.SetAppState(t, app.ID, keyporter.AppSuspended)
	w.Checker.Check(t.Context(), &verify.Request{Method: "GET", Path: "/Api/v6/authorization/whoami", APIToken: []string{secret.Reveal()}, RequestID: "by-app"})
	explain := "/connections/" + string(c.ID) + "/explain"
	for list, u := range map[string]keyporter.User{"/refusals": ada, "/all-refusals": admin, "/all-refusals?q=ada.l": admin} {
		v := w.signIn(t, u)
		v.get(list).want(t, http.StatusOK, "/refusals/by-app", "The app “Tagger” is suspended", explain[:len(explain)-len("/explain")])
		v.get("/refusals/by-app").want(t, http.StatusOK, "<dt>App</dt><dd><bdi>Tagger</bdi>", "Is its app active?", "The same call would still be refused now", explain)
		v.get(explain).want(t, http.StatusOK, "Why doesn’t “<bdi>Tagger</bdi>” work?", "The app “Tagger” is suspended", "/refusals/by-app")
	}
	other := w.signIn(t, grace)
	other.get("/refusals/by-app").want(t, http.StatusNotFound)
	other.get(explain).want(t, http.StatusNotFound)
	w.SetAppState(t, app.ID, keyporter.AppActive)
	w.signIn(t, ada).get("/refusals/by-app").want(t, http.StatusOK, "The cause is gone")
	w.signIn(t, ada).get("/tokens/"+string(c.ID)+"/explain").want(t, http.StatusNotFound)
	w.signIn(t, admin).get("/refusals").wantNot(t, "by-app")
	w.signIn(t, admin).get("/all-refusals").want(t, http.StatusOK, "of <bdi>ada.l@acme.example</bdi>")

	// After she has disconnected the app, both still find what was refused.
	w.flush(t)
	w.Disconnect(t, c)
	for list, u := range map[string]keyporter.User{"/refusals": ada, "/all-refusals?q=ada.l": admin} {
		v := w.signIn(t, u)
		page := v.get(list)
		page.want(t, http.StatusOK, "/refusals/by-app", "Tagger", "disconnected since")
		page.wantNot(t, "/connections/"+string(c.ID))
		page = v.get("/refusals/by-app")
		page.want(t, http.StatusOK, "<bdi>Tagger</bdi>, disconnected since", "Why it was refused")
		page.wantNot(t, "Check it now")
	}
	other.get("/refusals/by-app").want(t, http.StatusNotFound)
}
