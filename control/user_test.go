package control_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control"
	"github.com/keyporter/keyporter/keyportertest"
)

// TestWhoMayManageUsersRolesAndOrganizations tries every operation with every kind of actor. Results are
// f for fine, x for forbidden, n for not found, and u for unauthorized.
func TestWhoMayManageUsersRolesAndOrganizations(t *testing.T) {
	t.Parallel()
	w := newWorld(t, keyportertest.Database(t))
	ctx := t.Context()
	auditor := keyportertest.User(t, w.Control, "Acme", "auditor@acme.example", keyporter.RoleAuditor)
	off := keyportertest.User(t, w.Control, "Acme", "off@acme.example", keyporter.RoleAdministrator)
	gone := keyportertest.User(t, w.Control, "Gone", "gone@gone.example", keyporter.RoleAdministrator)
	for _, err := range []error{
		w.Control.DisableUser(ctx, keyporter.Command(), off.ID), w.Control.DisableOrganization(ctx, keyporter.Command(), gone.OrganizationID),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	actors := []struct {
		name  string
		actor keyporter.Actor
	}{
		{"nobody", keyporter.Actor{}},
		{"nobody, posing as an administrator", keyporter.Actor{User: w.admin}},
		{"api user", keyportertest.Session(w.ada)},
		{"auditor", keyportertest.Session(auditor)},
		{"switched off", keyportertest.Session(off)},
		{"of a suspended organization", keyportertest.Session(gone)},
		{"administrator elsewhere", keyportertest.Session(w.eve)},
		{"administrator", keyportertest.Session(w.admin)},
		{"operator elsewhere", keyportertest.Session(w.operator(t))},
		{"command line", keyporter.Command()},
	}
	org := w.ada.OrganizationID
	fresh := func() string { return string(keyporter.NewID(time.Now())) }
	errOf := func(_ any, err error) error { return err }
	member := []keyporter.ID{keyporter.RoleMember}
	custom := func() keyporter.Role { return w.role(t, fresh()) }
	for _, op := range []struct {
		name string
		want string // the result for each actor
		do   func(keyporter.Actor) error
	}{
		{"list users", "uuxxxxnfff", func(a keyporter.Actor) error {
			return errOf(w.Control.ListUsers(ctx, a, control.UserSearch{OrganizationID: org}))
		}},
		{"see a user", "uuxxxxnfff", func(a keyporter.Actor) error { return errOf(w.Control.Profile(ctx, a, w.grace.ID)) }},
		{"add a user", "uuxxxxnfff", func(a keyporter.Actor) error {
			return errOf(w.Control.CreateUser(ctx, a, control.NewUser{OrganizationID: org, Login: fresh() + "@acme.example", Password: keyportertest.Password}))
		}},
		{"disable a user", "uuxxxxnfff", func(a keyporter.Actor) error { return w.Control.DisableUser(ctx, a, w.grace.ID) }},
		{"enable a user", "uuxxxxnfff", func(a keyporter.Actor) error { return w.Control.EnableUser(ctx, a, w.grace.ID) }},
		{"set a password", "uuxxxxnfff", func(a keyporter.Actor) error {
			return w.Control.SetPassword(ctx, a, w.grace.ID, keyportertest.Password)
		}},
		{"set roles", "uuxxxxnfff", func(a keyporter.Actor) error { return w.Control.SetUserRoles(ctx, a, w.grace.ID, member) }},
		{"preview roles", "uuxxxxnfff", func(a keyporter.Actor) error {
			return errOf(w.Control.PreviewUserRoles(ctx, a, control.UserRoles{UserID: w.grace.ID, Shown: w.roles(t, w.grace)}))
		}},
		{"preview disabling", "uuxxxxnfff", func(a keyporter.Actor) error { return errOf(w.Control.PreviewDisable(ctx, a, w.grace.ID)) }},
		{"appoint an operator", "uuxxxxnxff", func(a keyporter.Actor) error { return w.Control.AppointOperator(ctx, a, w.grace.ID) }},
		{"dismiss an operator", "uuxxxxnxff", func(a keyporter.Actor) error { return w.Control.DismissOperator(ctx, a, w.grace.ID) }},
		{"list roles", "uuxxxxnfff", func(a keyporter.Actor) error { return errOf(w.Control.Roles(ctx, a, org)) }},
		{"see a role", "uuxxxxnfff", func(a keyporter.Actor) error { return errOf(w.Control.Role(ctx, a, custom().ID)) }},
		{"see holders", "uuxxxxnfff", func(a keyporter.Actor) error { _, _, err := w.Control.HoldersOf(ctx, a, custom().ID, ""); return err }},
		{"create a role", "uuxxxxnfxf", func(a keyporter.Actor) error {
			return errOf(w.Control.CreateRole(ctx, a, keyporter.Role{OrganizationID: org, Name: fresh()}))
		}},
		{"change a role", "uuxxxxnfxf", func(a keyporter.Actor) error { return errOf(w.Control.UpdateRole(ctx, a, custom())) }},
		{"preview a role", "uuxxxxnfxf", func(a keyporter.Actor) error { return errOf(w.Control.PreviewRole(ctx, a, custom())) }},
		{"delete a role", "uuxxxxnfxf", func(a keyporter.Actor) error { return w.Control.DeleteRole(ctx, a, custom().ID, 1) }},
		{"preview deleting", "uuxxxxnfxf", func(a keyporter.Actor) error { return errOf(w.Control.PreviewRoleDeletion(ctx, a, custom().ID)) }},

		{"list organizations", "uuxxxxxxff", func(a keyporter.Actor) error { return errOf(w.Control.Organizations(ctx, a, "", "")) }},
		{"see an organization", "uuxxxxxxff", func(a keyporter.Actor) error { return errOf(w.Control.OrganizationByID(ctx, a, org)) }},
		{"create an organization", "uuxxxxxxff", func(a keyporter.Actor) error { return errOf(w.Control.CreateOrganization(ctx, a, fresh())) }},
		{"suspend an organization", "uuxxxxxxff", func(a keyporter.Actor) error { return w.Control.DisableOrganization(ctx, a, gone.OrganizationID) }},
		{"grant a flag", "uuxxxxxxff", func(a keyporter.Actor) error { return w.Control.GrantFlag(ctx, a, org, keyporter.FlagAPI) }},
		{"withdraw a flag", "uuxxxxxxff", func(a keyporter.Actor) error {
			return w.Control.WithdrawFlag(ctx, a, org, keyporter.FlagOrganizationAPIToken)
		}},
		{"list users of the instance", "uuxxxxxxff", func(a keyporter.Actor) error { return errOf(w.Control.Users(ctx, a, control.UserList{})) }},
		{"list a user's tokens", "uuxxxxnfxf", func(a keyporter.Actor) error {
			_, _, err := w.Control.TokensOf(ctx, a, w.ada.ID, keyporter.UserToken, "")
			return err
		}},
	} {
		for i, a := range actors {
			want := map[byte]keyporter.Kind{'f': noError, 'x': keyporter.Forbidden, 'n': keyporter.NotFound, 'u': keyporter.Unauthorized}[op.want[i]]
			t.Run(a.name+" may "+op.name, func(t *testing.T) { wantKind(t, op.do(a.actor), want) })
		}
	}
}

func TestOtherOrganizationsThingsLookMissing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, keyportertest.Database(t))
	ctx, eve := t.Context(), keyportertest.Session(w.eve)
	r := w.role(t, "Interns")
	for name, do := range map[string]func(user, role keyporter.ID) error{
		"user":     func(user, _ keyporter.ID) error { _, err := w.Control.Profile(ctx, eve, user); return err },
		"disable":  func(user, _ keyporter.ID) error { return w.Control.DisableUser(ctx, eve, user) },
		"password": func(user, _ keyporter.ID) error { return w.Control.SetPassword(ctx, eve, user, "x") },
		"role":     func(_, role keyporter.ID) error { _, err := w.Control.Role(ctx, eve, role); return err },
		"delete":   func(_, role keyporter.ID) error { return w.Control.DeleteRole(ctx, eve, role, 1) },
	} {
		theirs, none := do(w.ada.ID, r.ID), do("01jnosuchuser", "01jnosuchrole")
		wantKind(t, theirs, keyporter.NotFound)
		if keyporter.MessageOf(theirs) != keyporter.MessageOf(none) {
			t.Errorf("%s: %q, but if it doesn't exist, %q", name, keyporter.MessageOf(theirs), keyporter.MessageOf(none))
		}
	}
	// Nobody can give users the role of another organization, not even the command line.
	wantKind(t, w.Control.SetUserRoles(ctx, eve, w.eve.ID, []keyporter.ID{keyporter.RoleAdministrator, r.ID}), keyporter.Invalid)
	wantKind(t, w.Control.SetUserRoles(ctx, keyporter.Command(), w.eve.ID, []keyporter.ID{r.ID}), keyporter.Invalid)
}

func TestConcurrentRoleAssignmentsConflict(t *testing.T) {
	t.Parallel()
	keyportertest.EachDatabase(t, func(t *testing.T, url string) {
		w := newWorld(t, url)
		ctx, admin := t.Context(), keyportertest.Session(w.admin)
		in := control.UserRoles{UserID: w.ada.ID, Shown: w.ada.RoleIDs, RoleIDs: []keyporter.ID{keyporter.RoleMember, keyporter.RoleAuditor}}
		wantKind(t, w.Control.ChangeUserRoles(ctx, admin, in), noError)
		in.RoleIDs = []keyporter.ID{keyporter.RoleDeveloper}
		wantKind(t, w.Control.ChangeUserRoles(ctx, admin, in), keyporter.Conflict)
		_, err := w.Control.PreviewUserRoles(ctx, admin, in)
		wantKind(t, err, keyporter.Conflict)
		if got := w.roles(t, w.ada); !slices.Equal(got, []keyporter.ID{keyporter.RoleAuditor, keyporter.RoleMember}) {
			t.Errorf("ada has %v", got)
		}
		before := events(t, w, w.ada.OrganizationID)
		wantKind(t, w.Control.SetUserRoles(ctx, admin, w.ada.ID, []keyporter.ID{keyporter.RoleMember, keyporter.RoleAuditor, keyporter.RoleMember}), noError)
		if events(t, w, w.ada.OrganizationID) != before {
			t.Error("setting the same roles again wrote an event")
		}
	})
}

func TestProfilesShowWhichRolesGrantAndBlock(t *testing.T) {
	t.Parallel()
	w := newWorld(t, keyportertest.Database(t))
	ctx, admin := t.Context(), keyportertest.Session(w.admin)
	blocks := w.role(t, "Interns", "-api.use")
	w.setRoles(t, w.ada, keyporter.RoleAPIUser, blocks.ID)
	p, err := w.Control.Profile(ctx, admin, w.ada.ID)
	if err != nil || len(p.Permissions) != len(keyporter.Permissions()) || len(p.Roles) != 2 || p.Organization.Name != "Acme" || p.WhyNot != "" {
		t.Fatalf("%+v, %v", p, err)
	}
	use := p.Permissions[0]
	if use.Permission != keyporter.PermissionUseAPI || use.Held() || use.Granting[0].ID != keyporter.RoleAPIUser || use.Blocking[0].ID != blocks.ID {
		t.Errorf("%+v", use)
	}
	if connect := p.Permissions[1]; !connect.Held() || len(connect.Blocking) != 0 {
		t.Errorf("%+v", connect)
	}
	manager := keyportertest.User(t, w.Control, "Acme", "manager@acme.example", w.role(t, "Manages", "+users.manage").ID)
	p, err = w.Control.Profile(ctx, keyportertest.Session(manager), w.admin.ID)
	if err != nil || !strings.Contains(p.WhyNot, "permissions that you don’t have") {
		t.Errorf("%q, %v", p.WhyNot, err)
	}
}

func TestListingUsers(t *testing.T) {
	t.Parallel()
	keyportertest.EachDatabase(t, func(t *testing.T, url string) {
		w := newWorld(t, url)
		ctx, admin := t.Context(), keyportertest.Session(w.admin)
		list := func(l control.UserSearch) (logins []string, p control.UserPage) {
			t.Helper()
			l.OrganizationID = w.admin.OrganizationID
			p, err := w.Control.ListUsers(ctx, admin, l)
			if err != nil {
				t.Fatal(err)
			}
			for _, u := range p.Users {
				logins = append(logins, u.Login)
			}
			return logins, p
		}
		for match, want := range map[string][]string{
			"":              {"ada@acme.example", "grace@acme.example", "olivia@acme.example"},
			" GRACE":        {"grace@acme.example"},
			"eve":           nil, // of another organization
			"%":             nil,
			"a_a":           nil,
			`\`:             nil,
			"' OR 1=1 --":   nil,
			"a\x00d\xffa@a": {"ada@acme.example"},
		} {
			if got, p := list(control.UserSearch{Match: match}); !slices.Equal(got, want) || int(p.Selected) != len(want) {
				t.Errorf("%q finds %v of %d", match, got, p.Selected)
			}
		}
		for i := range control.MaxPage {
			u := keyporter.User{ID: keyporter.ID(fmt.Sprintf("u%03d", i)), OrganizationID: w.ada.OrganizationID, Login: fmt.Sprintf("B%03d@acme.example", 999-i)}
			w.Insert(t, u)
		}
		first, p := list(control.UserSearch{})
		second, p2 := list(control.UserSearch{Paging: control.Paging{After: p.Next}})
		back, p3 := list(control.UserSearch{Paging: control.Paging{Before: p2.Previous}})
		if len(first) != control.MaxPage || len(second) != 3 || first[0] != "ada@acme.example" || first[1] != "B950@acme.example" || second[2] != "olivia@acme.example" {
			t.Errorf("pages %v, %v", first, second)
		}
		if !slices.Equal(back, first) || p.Previous+p2.Next+p3.Previous != "" || p3.Next == "" || p.All != control.MaxPage+3 || p.Active != 3 || p.Inactive != control.MaxPage {
			t.Errorf("back to %v; %+v, %+v, %+v", back, p, p2, p3)
		}
		on, p := list(control.UserSearch{State: keyporter.UserActive, Match: "acme"})
		if strings.Join(on, " ") != "ada@acme.example grace@acme.example olivia@acme.example" || p.Selected != 3 {
			t.Errorf("%d users are active: %v", p.Selected, on)
		}
		_, err := w.Control.ListUsers(ctx, admin, control.UserSearch{OrganizationID: w.admin.OrganizationID, State: "ghost"})
		wantKind(t, err, keyporter.Invalid)
	})
}

func TestPowers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, keyportertest.Database(t))
	for user, want := range map[*keyporter.User]control.Powers{
		&w.ada:   {},
		&w.admin: {ManageUsers: true, ManageRoles: true, ManageOrganizationTokens: true, ManageTokens: true, ManageOrganization: true, RegisterApps: true, SeeApps: true, SeeRefusals: true},
	} {
		if got, err := w.Control.Powers(t.Context(), keyportertest.Session(*user)); err != nil || got != want {
			t.Errorf("%s: %+v, %v", user.Login, got, err)
		}
	}
	if got, err := w.Control.Powers(t.Context(), keyportertest.Session(w.operator(t))); err != nil || got != (control.Powers{ManageUsers: true, RegisterApps: true, SeeApps: true, SeeRefusals: true, Operate: true}) {
		t.Errorf("operator: %+v, %v", got, err)
	}
}
