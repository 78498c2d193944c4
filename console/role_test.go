package console_test

import (
	"strings"
	"testing"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/keyportertest"
)

func blocking(p keyporter.Permission) map[keyporter.Permission]keyporter.Effect {
	return map[keyporter.Permission]keyporter.Effect{p: keyporter.EffectBlock}
}

// radio returns the HTML of a permission's checked radio button: grant, block, or open.
func radio(p keyporter.Permission, value string) string {
	return `name="effect.` + string(p) + `" value="` + value + `" checked`
}

func TestRoleFormsWithoutJavaScript(t *testing.T) {
	s := newSite(t)
	olivia := keyportertest.User(t, s.Control, "Acme", "olivia@acme.example", keyporter.RoleAdministrator)
	v := s.signIn(t, olivia)

	// After an error, the form keeps what was typed and chosen.
	v.post("/roles", "name", "Auditor", "effect.api.use", "block", "effect.events.read", "grant").
		want(t, 409, "A role with this name already exists", `value="Auditor"`, radio("api.use", "block"), radio("events.read", "grant"), radio("apps.connect", "open"))
	v.post("/roles", "name", " ").want(t, 422, "Enter a name.")
	v.post("/roles", "name", "New", "effect.api.use", "everything").want(t, 422, "grants a permission, blocks it, or leaves it open")
	made := v.post("/roles", "name", `<b>"Interns"</b>`, "effect.api.use", "block", "effect.roles.manage", "open", "effect.nonsense", "grant")
	made.wantRedirect(t, "/roles/0")
	path, _, _ := strings.Cut(made.location, "?")
	v.get(made.location).want(t, 200, "Added.", "&lt;b&gt;&#34;Interns&#34;&lt;/b&gt;", radio("api.use", "block"), `name="version" value="1"`, "Nobody yet.")
	v.get("/roles").want(t, 200, "&lt;b&gt;", "blocks Use the API", "Nobody has it")
	id := keyporter.ID(strings.TrimPrefix(path, "/roles/"))

	// A preview changes nothing and keeps the form. Saving does what the preview showed.
	ada := keyportertest.User(t, s.Control, "Acme", "ada@acme.example", keyporter.RoleAPIUser, id)
	change := []string{"version", "1", "name", "Interns", "effect.apps.connect", "block"}
	v.post(path+"/preview", change...).want(t, 200, "1</strong> user loses something", "1</strong> user gains something", "ada@acme.example", `value="Interns"`, radio("apps.connect", "block"), radio("api.use", "open"))
	v.get(path).want(t, 200, radio("api.use", "block"), `<a href="/users/`+string(ada.ID))
	v.post(path, change...).wantRedirect(t, path+"?done=saved")
	v.get(path).want(t, 200, `name="version" value="2"`, radio("apps.connect", "block"))

	// If two people change the same version, the second sees what the first has changed.
	v.post(path, "version", "1", "name", "Mine", "effect.api.use", "grant").
		want(t, 409, "Someone else has changed this role in the meantime", "You had entered “Mine”.", "You had chosen: Grant", "You had chosen: Open", radio("apps.connect", "block"), `name="version" value="2"`, `value="Interns"`)
	v.post(path+"/preview", "version", "1", "name", "Mine").want(t, 200, "Someone else has changed this role in the meantime")
	v.post(path+"/delete", "version", "1").want(t, 409, "Someone else has changed this role in the meantime")
	v.post(path, "version", "nonsense", "name", "Mine").want(t, 409)

	v.get("/roles/new?copy="+string(id)).want(t, 200, `value="Copy of Interns"`, radio("apps.connect", "block"))
	v.get("/roles/new?copy=administrator").want(t, 200, radio("organization.manage", "grant"))
	v.get("/roles/administrator").want(t, 200, "Predefined", "Make a copy", "Grants")
	v.post("/roles/administrator", "name", "Mine").want(t, 403)
	v.get(path+"/delete").want(t, 200, "Delete “Interns”?", "The one user who has it", "1</strong> user gains", `name="version" value="2"`)
	v.post(path+"/delete", "version", "2").wantRedirect(t, "/roles?done=deleted")
	v.get(path).want(t, 404, "There is no such role.")
}

func TestTheRoleFormShowsWhyAChangeIsRefused(t *testing.T) {
	s := newSite(t)
	olivia := keyportertest.User(t, s.Control, "Acme", "olivia@acme.example", keyporter.RoleAdministrator)
	v := s.signIn(t, olivia)
	r := s.role(t, olivia.OrganizationID, "Quiet", nil)
	if err := s.Control.SetUserRoles(t.Context(), keyporter.Command(), olivia.ID, []keyporter.ID{keyporter.RoleAdministrator, r.ID}); err != nil {
		t.Fatal(err)
	}
	path := "/roles/" + string(r.ID)
	lockOut := []string{"version", "1", "name", "Quiet", "effect.users.manage", "block"}
	v.post(path+"/preview", lockOut...).want(t, 200, "nobody could manage the users and roles of Acme", radio("users.manage", "block"))
	v.post(path, lockOut...).want(t, 409, "nobody could manage the users and roles of Acme", radio("users.manage", "block"))

	maker := keyportertest.User(t, s.Control, "Acme", "maker@acme.example", s.role(t, olivia.OrganizationID, "Makes roles", map[keyporter.Permission]keyporter.Effect{keyporter.PermissionManageRoles: keyporter.EffectGrant}).ID)
	v = s.signIn(t, maker)
	v.post("/roles", "name", "More", "effect.events.read", "grant").want(t, 403, "You can only grant what you have yourself", radio("events.read", "grant"))
	v.post(path, "version", "1", "name", "Quiet", "effect.events.read", "grant").want(t, 403, "You can only grant what you have yourself")
	// They see who has the role, but no links to pages they may not open.
	if a := v.get(path); strings.Contains(a.body, `href="/users/`) || !strings.Contains(a.body, "olivia@acme.example") {
		t.Error("the page links to a user's page, or doesn't show who has the role")
	}

	if err := s.Control.WithdrawFlag(t.Context(), keyporter.Command(), olivia.OrganizationID, keyporter.FlagCustomUserRoles); err != nil {
		t.Fatal(err)
	}
	v.get("/roles").want(t, 200, "“Custom roles” (CustomUserRoles)")
	v.get("/roles/new").want(t, 403, "(CustomUserRoles)")
	v.post("/roles", "name", "New").want(t, 403, "(CustomUserRoles)")
	page := v.get(path)
	page.want(t, 200, "“Custom roles” (CustomUserRoles)", "Delete…")
	if strings.Contains(page.body, "Save role") || strings.Contains(page.body, "Make a copy") {
		t.Error("the page offers to change the role without the feature")
	}
}

func TestTheRolePageOffersOnlyWhatTheReaderCanGrant(t *testing.T) {
	s := newSite(t)
	admin := keyportertest.User(t, s.Control, "Acme", "olivia@acme.example", keyporter.RoleAdministrator)
	makes := s.role(t, admin.OrganizationID, "Makes roles", map[keyporter.Permission]keyporter.Effect{"roles.manage": keyporter.EffectGrant, "api.use": keyporter.EffectGrant})
	reads := s.role(t, admin.OrganizationID, "Reads", map[keyporter.Permission]keyporter.Effect{"events.read": keyporter.EffectGrant})
	v := s.signIn(t, keyportertest.User(t, s.Control, "Acme", "maker@acme.example", makes.ID))
	grant := func(p, state string) string { return `name="effect.` + p + `" value="grant"` + state }

	v.get("/roles/new").want(t, 200, grant("api.use", ">"), grant("events.read", " disabled"), `aria-describedby="withheld-events.read"`, "You can’t grant this, because you don’t have it yourself")
	// A role can keep granting what it already grants.
	v.get("/roles/"+string(reads.ID)).want(t, 200, grant("events.read", " checked>"), grant("users.manage", " disabled"))
	v.post("/roles/"+string(reads.ID)+"/preview", "version", "1", "name", "Reads", "effect.events.read", "open").want(t, 200, grant("events.read", ">"))
	// A copy starts with what the reader can grant, so that it can be created as shown.
	v.get("/roles/new?copy=administrator").want(t, 200, radio("api.use", "grant"), radio("users.manage", "open"), grant("users.manage", " disabled"))
	// A forged form is refused, and shown again.
	v.post("/roles", "name", "New", "effect.users.manage", "grant").want(t, 403, "You can only grant what you have yourself", grant("users.manage", " checked"))

	// An administrator can grant everything.
	s.signIn(t, admin).get("/roles/new").wantNot(t, "disabled", "withheld")
}
