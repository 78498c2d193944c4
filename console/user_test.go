package console_test

import (
	"strings"
	"testing"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/keyportertest"
)

func TestUserFormsWithoutJavaScript(t *testing.T) {
	s := newSite(t)
	olivia := keyportertest.User(t, s.Control, "Acme", "olivia@acme.example", keyporter.RoleAdministrator)
	v := s.signIn(t, olivia)
	blocks := s.role(t, olivia.OrganizationID, "Interns", blocking(keyporter.PermissionUseAPI))

	v.get("/users/new").want(t, 200, `value="api_user" checked`, "Interns", "blocks Use the API")
	v.post("/users", "login", "nonsense", "password", keyportertest.Password, "role", "auditor").want(t, 422, "The login name must be an email address", `value="nonsense"`, `value="auditor" checked`)
	v.post("/users", "login", "ada@acme.example", "password", "short").want(t, 422, "at least 12 characters", `value="ada@acme.example"`)
	v.post("/users", "login", "OLIVIA@acme.example", "password", keyportertest.Password).want(t, 409, "A user with this login name already exists")
	v.post("/users", "login", "ada@acme.example", "password", keyportertest.Password, "role", "root").want(t, 422, "There is no role “root”")
	made := v.post("/users", "login", "ada@acme.example", "password", keyportertest.Password, "role", "api_user", "role", "api_user")
	made.wantRedirect(t, "/users/0")
	path, _, _ := strings.Cut(made.location, "?")
	ada := s.signIn(t, keyporter.User{Login: "ada@acme.example"})

	v.get(path).want(t, 200, "Resulting permissions", `<a href="/roles/api_user">`, `name="shown" value="api_user"`)
	change := []string{"shown", "api_user", "role", "api_user", "role", string(blocks.ID)}
	v.post(path+"/roles/preview", change...).want(t, 200, "1</strong> user loses something", `value="`+string(blocks.ID)+`" checked`)
	v.post(path+"/roles", change...).wantRedirect(t, path+"?done=saved")
	v.get(path).want(t, 200, `<a class="blocks" href="/roles/`+string(blocks.ID))
	v.post(path+"/roles", "shown", "api_user", "role", "auditor").want(t, 409, "Someone else has changed this user’s roles in the meantime", `value="`+string(blocks.ID)+`" checked`)
	v.post(path+"/roles", "shown", "api_user", "shown", string(blocks.ID), "role", "root").want(t, 422, "There is no role “root”")

	v.get("/users?q=ADA").want(t, 200, "ada@acme.example", "Interns")
	if a := v.get("/users?q=ADA"); strings.Contains(a.body, `bdi>olivia@acme.example</bdi></a>`) {
		t.Error("a search for ada finds olivia")
	}
	v.get("/users?q=%3Cb%3E").want(t, 200, "No user matches", "“<bdi>&lt;b&gt;</bdi>”")

	v.post(path+"/password", "password", "short").want(t, 422, "at least 12 characters")
	v.post(path+"/password", "password", "another long password").wantRedirect(t, path+"?done=password")
	ada.get("/tokens").wantRedirect(t, "/sign-in")
	asked := v.get(path + "/disable")
	asked.want(t, 200, "Switch off ada@acme.example?", "No token used in the last 30 days stops working.")
	asked.wantNot(t, "changes nothing") // they lose everything
	v.post(path+"/disable").wantRedirect(t, path+"?done=disabled")
	v.get(path).want(t, 200, "Switched off", "Switch on")
	v.post(path+"/enable").wantRedirect(t, path+"?done=enabled")

	self := "/users/" + string(olivia.ID)
	v.get(self+"/disable").want(t, 403, "You can’t switch yourself off")
	v.post(self+"/disable").want(t, 403, "You can’t switch yourself off")
	v.post(self+"/roles", "shown", "administrator", "role", "member").want(t, 409, "nobody could manage the users and roles of Acme")
	v.get(self).want(t, 200, "You can’t switch yourself off. Someone else")
}

func TestUsersWithMorePermissionsAreReadOnly(t *testing.T) {
	s := newSite(t)
	olivia := keyportertest.User(t, s.Control, "Acme", "olivia@acme.example", keyporter.RoleAdministrator)
	manages := s.role(t, olivia.OrganizationID, "Manages users", map[keyporter.Permission]keyporter.Effect{keyporter.PermissionManageUsers: keyporter.EffectGrant})
	v := s.signIn(t, keyportertest.User(t, s.Control, "Acme", "manager@acme.example", manages.ID))
	page := v.get("/users/" + string(olivia.ID))
	page.want(t, 200, "permissions that you don’t have", "Administrator")
	if strings.Contains(page.body, "<form class=\"padded\"") || strings.Contains(page.body, "/password") {
		t.Error("the page has forms that would be refused")
	}
	v.get("/users/"+string(olivia.ID)+"/password").want(t, 403, "permissions that you don’t have")
	v.post("/users/"+string(olivia.ID)+"/password", "password", keyportertest.Password).want(t, 403, "permissions that you don’t have")
	v.get("/roles").want(t, 200, "Manages users")
	if a := v.get("/roles"); strings.Contains(a.body, "/roles/new") {
		t.Error("the page links to the form for a new role, but the reader may not create roles")
	}
}

func TestDisablingAUserShowsWhatStops(t *testing.T) {
	s := newSite(t)
	olivia := keyportertest.User(t, s.Control, "Acme", "olivia@acme.example", keyporter.RoleAdministrator)
	grace := keyportertest.User(t, s.Control, "Acme", "grace@acme.example", keyporter.RoleAPIUser)
	_, secret := keyportertest.OrganizationToken(t, s.Control, olivia, "Archive")
	page, admin := "/users/"+string(grace.ID)+"/disable", s.signIn(t, olivia)
	admin.get(page).want(t, 200, "No token used in the last 30 days stops working.")
	if !s.Allows(keyportertest.Call{Token: secret, Login: grace.Login}) {
		t.Fatal("the token doesn't work")
	}
	admin.get(page).want(t, 200, "no longer act for a user", "<bdi>Archive</bdi></strong> of <bdi>olivia@acme.example</bdi>", "for <bdi>grace@acme.example</bdi>")
}

func TestAdministratorsManageOtherUsersTokens(t *testing.T) {
	s := newSite(t)
	ada, _ := s.ada(t)
	token, secret := keyportertest.Token(t, s.Control, ada, "Nightly export")
	olivia := s.signIn(t, keyportertest.User(t, s.Control, "Acme", "olivia@acme.example", keyporter.RoleAdministrator))
	list, path := "/users/"+string(ada.ID)+"/tokens", "/tokens/"+string(token.ID)

	olivia.follow(olivia.get("/users/"+string(ada.ID)), list).want(t, 200, "ada@acme.example", "Nightly export", path+"/disable?list="+string(ada.ID))
	olivia.post(path+"/disable?list="+string(ada.ID)).wantRedirect(t, list)
	if s.Allows(keyportertest.Call{Token: secret}) {
		t.Error("the token still works")
	}
	olivia.get(path+"/delete?list="+string(ada.ID)).want(t, 200, `action="`+path+"/delete?list="+string(ada.ID)+`"`, `href="`+list+`"`)
	olivia.post(path+"/delete?list="+string(ada.ID)).wantRedirect(t, list)
	olivia.get(list).want(t, 200, "No tokens yet")
	olivia.get(path+"/delete?list=//evil.example").want(t, 404)
	if got := olivia.get("/tokens/new?list=https://evil.example/"); strings.Contains(got.body, "evil") {
		t.Error("the form links to another site")
	}
	// Managing users isn't enough to see their tokens.
	role := s.role(t, ada.OrganizationID, "Desk", map[keyporter.Permission]keyporter.Effect{keyporter.PermissionManageUsers: keyporter.EffectGrant})
	desk := s.signIn(t, keyportertest.User(t, s.Control, "Acme", "desk@acme.example", role.ID))
	desk.get(list).want(t, 403)
	if got := desk.get("/users/" + string(ada.ID)); strings.Contains(got.body, list) {
		t.Error("the page has a link that would be refused")
	}
}
