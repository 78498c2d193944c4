package console_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/keyportertest"
	"github.com/keyporter/keyporter/keyportertest/postgres"
	"github.com/keyporter/keyporter/verify"
)

func TestOrganizationFormsWithoutJavaScript(t *testing.T) {
	s := newSite(t)
	acme := keyportertest.User(t, s.Control, "Acme", "ada@acme.example", keyporter.RoleAPIUser)
	v := s.signIn(t, s.operator(t, acme.OrganizationID, "operator@acme.example"))
	ada := s.signIn(t, acme)

	v.get("/organizations").want(t, 200, "Acme", "2 users, 2 active", "Yours", "Custom roles")
	v.post("/organizations", "organization", "aCME").want(t, 409, "An organization with this name already exists", `value="aCME"`)
	v.post("/organizations", "organization", "").want(t, 422, "Enter a name.")
	made := v.post("/organizations", "organization", "Globex <b>")
	made.wantRedirect(t, "/organizations/0")
	path, _, _ := strings.Cut(made.location, "?")
	id := strings.TrimPrefix(path, "/organizations/")
	v.get(path).want(t, 200, "Globex &lt;b&gt;", "No users yet", `aria-checked="false" aria-label="Organization tokens"`)

	v.post(path+"/flags/OrganizationApiToken/grant").wantRedirect(t, path+"?done=granted")
	v.get(path).want(t, 200, `aria-checked="true" aria-label="Organization tokens"`)
	v.get(path+"/flags/OrganizationApiToken/withdraw").want(t, 200, "Withdraw “Organization tokens” from “Globex &lt;b&gt;”?", "No token used in the last 30 days will stop working.", path+"/flags/OrganizationApiToken/withdraw")
	v.get(path+"/flags/CustomUserRoles/withdraw").want(t, 200, "Its custom roles stay in effect.")
	v.get(path+"/flags/Nonsense/withdraw").want(t, 422, "There is no feature “Nonsense”.")
	v.post(path+"/flags/OrganizationApiToken/withdraw").wantRedirect(t, path+"?done=withdrawn")
	v.post(path+"/flags/Nonsense/grant").want(t, 422, "There is no feature “Nonsense”.")
	v.post("/organizations/nowhere/flags/Api/grant").want(t, 404, "There is no such organization.")

	v.get("/users/new?organization="+id).want(t, 200, "<p>In <strong>", "Globex &lt;b&gt;")
	first := v.post("/users", "organization", id, "login", "first@globex.example", "password", keyportertest.Password, "role", "administrator")
	first.wantRedirect(t, "/users/0")
	v.get(first.location).want(t, 200, `<a href="`+path+`"><bdi>Globex &lt;b&gt;`)
	v.get(path).want(t, 200, "first@globex.example", `/users?organization=`+id)
	v.get("/users?organization="+id).want(t, 200, "first@globex.example")
	if a := v.get("/users?organization=" + id); strings.Contains(a.body, "ada@acme.example") {
		t.Error("ada is listed in another organization")
	}

	guest := s.signIn(t, keyporter.User{Login: "first@globex.example"})
	v.get(path+"/disable").want(t, 200, "Suspend “Globex &lt;b&gt;”?", "1 active user will be signed out", "No token used in the last 30 days will stop working.")
	v.post(path+"/disable").wantRedirect(t, path+"?done=suspended")
	guest.get("/tokens").wantRedirect(t, "/sign-in")
	guest.post("/sign-in", "login", "first@globex.example", "password", keyportertest.Password).want(t, 403, "Your organization is suspended.")
	v.get(path).want(t, 200, "Suspended", "Lift the suspension")
	v.post(path+"/enable").wantRedirect(t, path+"?done=resumed")

	own := "/organizations/" + string(acme.OrganizationID)
	v.post(own+"/disable").want(t, 403, "You can’t suspend your own organization")
	if a := v.get(own); strings.Contains(a.body, own+"/disable") {
		t.Error("the page offers the operator to lock themselves out")
	}
	ada.get("/organizations").want(t, 403)
}

// TestANewSecretIsShownWhereATokenIsHandedOver hands a token over without JavaScript.
func TestANewSecretIsShownWhereATokenIsHandedOver(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ada, _ := s.ada(t)
	grace := keyportertest.User(t, s.Control, "Acme", "grace@acme.example", keyporter.RoleAPIUser)
	token, _ := keyportertest.OrganizationToken(t, s.Control, ada, "Export")
	admin := s.signIn(t, keyportertest.User(t, s.Control, "Acme", "olivia@acme.example", keyporter.RoleAdministrator))
	path := "/tokens/" + string(token.ID) + "/hand-over"
	page := admin.get(path + "?list=all")
	page.want(t, http.StatusOK, "Give it a new secret", "in the new owner’s name")
	admin.submit(page, path+"?list=all", "login", "nobody@acme.example", "secret", "new").want(t, http.StatusUnprocessableEntity, "Nobody in your organization", "checked")
	admin.submit(page, path+"?list=all", "login", " ").want(t, http.StatusUnprocessableEntity, "Enter a login name.")
	admin.submit(page, path+"?list=all", "login", ada.Login, "secret", "").want(t, http.StatusUnprocessableEntity, "already belongs to this user")
	to := admin.submit(page, path+"?list=all", "login", grace.Login, "secret", "new").location
	admin.get(to).want(t, http.StatusOK, "kpo_", "of <bdi>"+grace.Login, "New secret of Export", "The old one never works again", "Pass it on to <bdi>"+grace.Login)
	if a := admin.get(to); strings.Contains(a.body, "data-copy") {
		t.Error("reloading the page shows the secret again")
	}
	if a := admin.get("/organization-tokens"); strings.Contains(a.body, "data-copy") || !strings.Contains(a.body, grace.Login) {
		t.Error("the secret is shown again")
	}
	s.Clock.Advance(keyporter.FreshFor)
	if a := admin.get(path); !strings.HasPrefix(a.location, "/sign-in?") {
		t.Errorf("handing over takes no fresh sign-in: %d %s", a.status, a.location)
	}
}

// TestATokenIsDeletedRightAfterItWasHandedOver leads to the list, which has no secret to show.
func TestATokenIsDeletedRightAfterItWasHandedOver(t *testing.T) {
	t.Parallel()
	s := newSiteOn(t, postgres.New(t))
	ada, _ := s.ada(t)
	grace := keyportertest.User(t, s.Control, "Acme", "grace@acme.example", keyporter.RoleAPIUser)
	token, _ := keyportertest.OrganizationToken(t, s.Control, ada, "Export")
	admin := s.signIn(t, keyportertest.User(t, s.Control, "Acme", "olivia@acme.example", keyporter.RoleAdministrator))
	s.After(keyporter.EventTokenHandOver, func() {
		if err := s.Control.DeleteToken(t.Context(), keyporter.Command(), token.ID); err != nil {
			t.Error(err)
		}
	})
	a := admin.post("/tokens/"+string(token.ID)+"/hand-over?list=all", "login", grace.Login, "secret", "new")
	admin.get(a.location).want(t, http.StatusOK, "No organization tokens here")
}

// TestAnOrganizationTokenInUseIsSwitchedOffAfterAQuestion presses switches on pages that are older than the use, too.
func TestAnOrganizationTokenInUseIsSwitchedOffAfterAQuestion(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ada, owner := s.ada(t)
	token, secret := keyportertest.OrganizationToken(t, s.Control, ada, "Export")
	admin := s.signIn(t, keyportertest.User(t, s.Control, "Acme", "olivia@acme.example", keyporter.RoleAdministrator))
	path := "/tokens/" + string(token.ID)
	call := func(path string) {
		s.Checker.Check(t.Context(), &verify.Request{Method: "GET", Path: path, OrganizationKey: []string{secret.Reveal()}, UserLoginName: []string{ada.Login}, Agent: "archiver/1.4", ClientIP: "192.0.2.7"})
	}
	on := func(v *visitor, want bool) {
		t.Helper()
		v.get(path).want(t, http.StatusOK, `aria-checked="`+strconv.FormatBool(want)+`"`)
	}
	call("/Api/v6/x") // which it isn't for: refused calls are no use
	unused := admin.get("/organization-tokens")
	admin.submit(unused, path+"/disable?list=all").wantRedirect(t, "/organization-tokens")
	on(owner, false)
	admin.submit(admin.get("/organization-tokens"), path+"/enable?list=all").wantRedirect(t, "/organization-tokens")

	call("/Api/v5/authorization/whoami")
	for list, v := range map[string]*visitor{"?list=all": admin, "": owner, "?from=page": owner} {
		asks := path + "/disable" + list
		v.post(asks).wantRedirect(t, asks)
		on(v, true)
		question := v.get(asks)
		question.want(t, http.StatusOK, "Switch off “Export”?", "archiver 1.4", "1 call", "It acted for", ada.Login, "on esign v5", ">Cancel</a>", "Switch off</button>")
		back := v.submit(question, asks)
		back.wantRedirect(t, map[string]string{"?list=all": "/organization-tokens", "": "/tokens", "?from=page": path}[list])
		on(v, false)
		v.post(path+"/enable").wantRedirect(t, "/tokens")
	}
	admin.header.Set("Keyporter-Fragment", "1")
	admin.post(path+"/disable?list=all").want(t, http.StatusConflict, "Switch off “Export”?", "archiver 1.4 is refused now.")
	admin.post(path+"/disable?list=all", "asked", "yes").want(t, http.StatusOK, `aria-checked="false"`)

	// After a week without a call, nothing hangs on it.
	admin.post(path+"/enable?list=all").want(t, http.StatusOK, `aria-checked="true"`)
	s.Clock.Advance(8 * 24 * time.Hour)
	s.signIn(t, ada).post(path+"/disable").wantRedirect(t, "/tokens")
}
