package control_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control"
	"github.com/keyporter/keyporter/keyportertest"
)

// effects parses the effects of a role, such as "+api.use" for a grant and "-api.use" for a block.
func effects(words ...string) map[keyporter.Permission]keyporter.Effect {
	all := map[keyporter.Permission]keyporter.Effect{}
	for _, w := range words {
		all[keyporter.Permission(w[1:])] = map[byte]keyporter.Effect{'+': keyporter.EffectGrant, '-': keyporter.EffectBlock}[w[0]]
	}
	return all
}

// role creates a custom role of Acme's.
func (w *world) role(t *testing.T, name string, words ...string) keyporter.Role {
	t.Helper()
	r, err := w.Control.CreateRole(t.Context(), keyporter.Command(), keyporter.Role{OrganizationID: w.ada.OrganizationID, Name: name, Effects: effects(words...)})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// setRoles replaces the roles of a user.
func (w *world) setRoles(t *testing.T, u keyporter.User, roles ...keyporter.ID) {
	t.Helper()
	if err := w.Control.SetUserRoles(t.Context(), keyporter.Command(), u.ID, roles); err != nil {
		t.Fatal(err)
	}
}

// roles returns the IDs of a user's roles.
func (w *world) roles(t *testing.T, u keyporter.User) []keyporter.ID {
	t.Helper()
	got, err := w.DB.UserByID(t.Context(), u.ID)
	if err != nil {
		t.Fatal(err)
	}
	return got.RoleIDs
}

// updateRole changes what a role grants and blocks. The preview of the change must be refused like the change.
func (w *world) updateRole(t *testing.T, actor keyporter.Actor, r keyporter.Role, words ...string) error {
	t.Helper()
	r.Effects = effects(words...)
	_, preview := w.Control.PreviewRole(t.Context(), actor, r)
	_, err := w.Control.UpdateRole(t.Context(), actor, r)
	if keyporter.KindOf(preview) != keyporter.KindOf(err) {
		t.Errorf("the preview returns %v, but the change %v", preview, err)
	}
	return err
}

func (w *world) operator(t *testing.T) keyporter.User {
	t.Helper()
	u, err := w.Control.CreateUser(t.Context(), keyporter.Command(), control.NewUser{
		OrganizationID: w.eve.OrganizationID, Login: "operator@other.example", Password: keyportertest.Password, Operator: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestRoleLifecycle(t *testing.T) {
	t.Parallel()
	keyportertest.EachDatabase(t, func(t *testing.T, url string) {
		w := newWorld(t, url)
		ctx, admin := t.Context(), keyportertest.Session(w.admin)
		made, err := w.Control.CreateRole(ctx, admin, keyporter.Role{OrganizationID: w.admin.OrganizationID, Name: " Interns ", Effects: effects("-api.use", "+events.read")})
		if err != nil || made.Name != "Interns" || made.Version != 1 {
			t.Fatalf("%+v, %v", made, err)
		}
		w.setRoles(t, w.ada, keyporter.RoleAPIUser, made.ID)

		seen, err := w.Control.Role(ctx, admin, made.ID)
		if err != nil || seen.Holders != 1 || !maps.Equal(seen.Effects, made.Effects) || seen.Version != 1 {
			t.Errorf("%+v, %v", seen, err)
		}
		_, holders, err := w.Control.HoldersOf(ctx, admin, made.ID, "")
		if err != nil || len(holders) != 1 || holders[0].ID != w.ada.ID {
			t.Errorf("held by %+v, %v", holders, err)
		}

		change := seen.Role
		change.Name, change.Effects = "Trainees", effects("-api.use", "-apps.connect")
		changed, err := w.Control.UpdateRole(ctx, admin, change)
		if err != nil || changed.Version != 2 || changed.Name != "Trainees" {
			t.Fatalf("%+v, %v", changed, err)
		}
		last := func() keyporter.Event {
			all, err := w.DB.Events(ctx, w.admin.OrganizationID, "", 1)
			if err != nil {
				t.Fatal(err)
			}
			return all[0]
		}
		want := map[string]string{"role": string(made.ID), "name": "Trainees", "before": "Interns", "blocks": "apps.connect", "open": "events.read"}
		if e := last(); e.Name != keyporter.EventRoleUpdate || e.Actor.User.ID != w.admin.ID || !maps.Equal(e.Detail, want) {
			t.Errorf("event %+v", e)
		}

		// Changing, previewing, or deleting an outdated version is a conflict.
		change.Name = "Overwritten"
		_, err = w.Control.UpdateRole(ctx, admin, change)
		wantKind(t, err, keyporter.Conflict)
		_, err = w.Control.PreviewRole(ctx, admin, change)
		wantKind(t, err, keyporter.Conflict)
		wantKind(t, w.Control.DeleteRole(ctx, admin, made.ID, 1), keyporter.Conflict)
		if now, err := w.Control.Role(ctx, admin, made.ID); err != nil || now.Name != "Trainees" || !maps.Equal(now.Effects, effects("-api.use", "-apps.connect")) {
			t.Errorf("%+v, %v", now, err)
		}

		wantKind(t, w.Control.DeleteRole(ctx, admin, made.ID, 2), noError)
		if e := last(); e.Name != keyporter.EventRoleDelete || e.Detail["name"] != "Trainees" {
			t.Errorf("event %+v", e)
		}
		if got := w.roles(t, w.ada); !slices.Equal(got, []keyporter.ID{keyporter.RoleAPIUser}) {
			t.Errorf("after the role was deleted, its holder has %v", got)
		}
		wantKind(t, w.Control.DeleteRole(ctx, admin, made.ID, 2), keyporter.NotFound)
	})
}

func TestBadRoles(t *testing.T) {
	t.Parallel()
	w := newWorld(t, keyportertest.Database(t))
	ctx, admin := t.Context(), keyportertest.Session(w.admin)
	taken, other := w.role(t, "Taken"), w.role(t, "Other")
	for _, c := range []struct {
		name    string
		effects map[keyporter.Permission]keyporter.Effect
		field   string
		kind    keyporter.Kind
	}{
		{"", nil, "name", keyporter.Invalid},
		{"a\nb", nil, "name", keyporter.Invalid},
		{strings.Repeat("x", 101), nil, "name", keyporter.Invalid},
		{"tAKEN", nil, "name", keyporter.Conflict},
		{"administrator", nil, "name", keyporter.Conflict},
		{"New", effects("+everything"), "permission", keyporter.Invalid},
		{"New", map[keyporter.Permission]keyporter.Effect{keyporter.PermissionUseAPI: 7}, "permission", keyporter.Invalid},
	} {
		before := events(t, w, w.admin.OrganizationID)
		_, made := w.Control.CreateRole(ctx, admin, keyporter.Role{OrganizationID: w.admin.OrganizationID, Name: c.name, Effects: c.effects})
		_, changed := w.Control.UpdateRole(ctx, admin, keyporter.Role{ID: other.ID, Version: 1, Name: c.name, Effects: c.effects})
		for _, err := range []error{made, changed} {
			wantKind(t, err, c.kind)
			if fieldsOf(err) != c.field {
				t.Errorf("%q: %v", c.name, err)
			}
		}
		if events(t, w, w.admin.OrganizationID) != before {
			t.Errorf("%q: a refused change left an event", c.name)
		}
	}
	if _, err := w.Control.UpdateRole(ctx, admin, keyporter.Role{ID: taken.ID, Version: 1, Name: "TAKEN"}); err != nil {
		t.Errorf("its own name in another case: %v", err)
	}
	// Other organizations' names don't matter.
	if _, err := w.Control.CreateRole(ctx, keyportertest.Session(w.eve), keyporter.Role{OrganizationID: w.eve.OrganizationID, Name: "Taken"}); err != nil {
		t.Error(err)
	}
	predefined, _ := keyporter.PredefinedRole(keyporter.RoleAuditor)
	_, err := w.Control.UpdateRole(ctx, admin, keyporter.Role{ID: predefined.ID, Name: "Auditors"})
	wantKind(t, err, keyporter.Forbidden)
	wantKind(t, w.Control.DeleteRole(ctx, admin, predefined.ID, 0), keyporter.Forbidden)
}

func TestRoleLimit(t *testing.T) {
	t.Parallel()
	w := newWorld(t, keyportertest.Database(t))
	for i := range control.MaxRoles {
		w.role(t, fmt.Sprint("Role ", i))
	}
	_, err := w.Control.CreateRole(t.Context(), keyportertest.Session(w.admin), keyporter.Role{OrganizationID: w.admin.OrganizationID, Name: "One more"})
	wantKind(t, err, keyporter.Invalid)
}

func TestCustomRolesRequireTheFlag(t *testing.T) {
	t.Parallel()
	w := newWorld(t, keyportertest.Database(t))
	ctx, admin := t.Context(), keyportertest.Session(w.admin)
	r := w.role(t, "Interns", "-api.use")
	w.setRoles(t, w.ada, keyporter.RoleAPIUser, r.ID)
	if err := w.Control.WithdrawFlag(ctx, keyporter.Command(), w.admin.OrganizationID, keyporter.FlagCustomUserRoles); err != nil {
		t.Fatal(err)
	}
	_, err := w.Control.CreateRole(ctx, admin, keyporter.Role{OrganizationID: w.admin.OrganizationID, Name: "New"})
	wantKind(t, err, keyporter.Forbidden)
	if !strings.Contains(keyporter.MessageOf(err), "(CustomUserRoles)") {
		t.Errorf("the message without the feature is: %v", err)
	}
	_, err = w.Control.UpdateRole(ctx, admin, r)
	wantKind(t, err, keyporter.Forbidden)
	// What the role blocks stays blocked: withdrawing a feature mustn't let anyone do more.
	if access, err := w.Control.TokenAccess(ctx, keyportertest.Session(w.ada), keyporter.UserToken); err != nil || access.Allowed {
		t.Errorf("%+v, %v", access, err)
	}
	wantKind(t, w.Control.DeleteRole(ctx, admin, r.ID, 1), noError)
}

// TestGrantingRequiresHolding has an actor who manages users and roles, and has no other permissions.
func TestGrantingRequiresHolding(t *testing.T) {
	t.Parallel()
	w := newWorld(t, keyportertest.Database(t))
	ctx := t.Context()
	manages := w.role(t, "Manages", "+users.manage", "+roles.manage")
	blocks := w.role(t, "Blocks", "-events.read")
	grants := w.role(t, "Grants", "+events.read", "+api.use")
	quiet := w.role(t, "Quiet")
	u := keyportertest.User(t, w.Control, "Acme", "manager@acme.example", manages.ID)
	member := keyportertest.User(t, w.Control, "Acme", "member@acme.example", manages.ID)
	operator, err := w.Control.CreateUser(ctx, keyporter.Command(), control.NewUser{OrganizationID: u.OrganizationID, Login: "runs@acme.example", Password: keyportertest.Password, Operator: true})
	if err != nil {
		t.Fatal(err)
	}
	w.setRoles(t, w.grace, blocks.ID, keyporter.RoleAuditor)
	w.setRoles(t, w.ada, keyporter.RoleMember)
	me := keyportertest.Session(u)
	errOf := func(_ any, err error) error { return err }
	update := func(r keyporter.Role, words ...string) error {
		return w.updateRole(t, me, r, words...)
	}
	add := func(in control.NewUser) error {
		in.OrganizationID, in.Login, in.Password = u.OrganizationID, string(keyporter.NewID(time.Now()))+"@acme.example", keyportertest.Password
		return errOf(w.Control.CreateUser(ctx, me, in))
	}
	for what, do := range map[string]func() error{
		"creating a role that grants more": func() error {
			return errOf(w.Control.CreateRole(ctx, me, keyporter.Role{OrganizationID: u.OrganizationID, Name: "New", Effects: effects("+events.read")}))
		},
		"making a role grant more":         func() error { return update(quiet, "+events.read") },
		"making their own role grant more": func() error { return update(manages, "+users.manage", "+roles.manage", "+api.use") },
		"removing a block from a role":     func() error { return update(blocks) },
		"deleting a role that blocks":      func() error { return w.Control.DeleteRole(ctx, me, blocks.ID, 1) },
		"previewing that deletion":         func() error { return errOf(w.Control.PreviewRoleDeletion(ctx, me, blocks.ID)) },
		"taking a role that blocks from a user": func() error {
			return w.Control.SetUserRoles(ctx, me, w.grace.ID, []keyporter.ID{keyporter.RoleAuditor})
		},
		"giving a predefined role": func() error { return w.Control.SetUserRoles(ctx, me, w.ada.ID, []keyporter.ID{keyporter.RoleAuditor}) },
		"giving a custom role":     func() error { return w.Control.SetUserRoles(ctx, me, w.ada.ID, []keyporter.ID{grants.ID}) },
		"giving themselves a role": func() error {
			return w.Control.SetUserRoles(ctx, me, u.ID, []keyporter.ID{manages.ID, keyporter.RoleAdministrator})
		},
		"adding an administrator":             func() error { return add(control.NewUser{RoleIDs: []keyporter.ID{keyporter.RoleAdministrator}}) },
		"adding an operator":                  func() error { return add(control.NewUser{Operator: true}) },
		"setting an administrator's password": func() error { return w.Control.SetPassword(ctx, me, w.admin.ID, keyportertest.Password) },
		"switching an administrator off":      func() error { return w.Control.DisableUser(ctx, me, w.admin.ID) },
		"switching an administrator on":       func() error { return w.Control.EnableUser(ctx, me, w.admin.ID) },
		"taking an administrator's roles":     func() error { return w.Control.SetUserRoles(ctx, me, w.admin.ID, nil) },
		"setting an operator's password":      func() error { return w.Control.SetPassword(ctx, me, operator.ID, keyportertest.Password) },
		"switching an operator off":           func() error { return w.Control.DisableUser(ctx, me, operator.ID) },
	} {
		before := events(t, w, u.OrganizationID)
		if err := do(); keyporter.KindOf(err) != keyporter.Forbidden {
			t.Errorf("%s: %v", what, err)
		}
		if events(t, w, u.OrganizationID) != before {
			t.Errorf("%s: refused, but there is an event", what)
		}
	}
	// They can give what they have themselves, and block anything.
	wantKind(t, w.Control.SetUserRoles(ctx, me, w.ada.ID, []keyporter.ID{manages.ID, blocks.ID}), noError)
	wantKind(t, update(grants, "+events.read", "-api.use"), noError)
	wantKind(t, add(control.NewUser{RoleIDs: []keyporter.ID{manages.ID, keyporter.RoleMember, keyporter.RoleMember}}), noError)
	wantKind(t, w.Control.SetPassword(ctx, me, member.ID, keyportertest.Password), noError)
	wantKind(t, w.Control.DisableUser(ctx, me, member.ID), noError)
	// An administrator can do all of this, except to operators.
	admin := keyportertest.Session(w.admin)
	wantKind(t, w.Control.SetPassword(ctx, admin, operator.ID, keyportertest.Password), keyporter.Forbidden)
	wantKind(t, w.Control.DeleteRole(ctx, admin, blocks.ID, 1), noError)
	wantKind(t, w.Control.SetPassword(ctx, admin, u.ID, keyportertest.Password), noError)
}

func TestSomeoneAlwaysManagesUsersAndRoles(t *testing.T) {
	t.Parallel()
	w := newWorld(t, keyportertest.Database(t))
	ctx, me := t.Context(), keyportertest.Session(w.admin)
	none := w.role(t, "Quiet")
	grants := w.role(t, "Manages", "+users.manage", "+roles.manage")
	blocks := func(r keyporter.Role, words ...string) error {
		now, err := w.Control.Role(ctx, me, r.ID)
		if err != nil {
			t.Fatal(err)
		}
		now.Effects = effects(words...)
		_, err = w.Control.UpdateRole(ctx, me, now.Role)
		return err
	}
	w.setRoles(t, w.admin, keyporter.RoleAdministrator, none.ID)
	wantKind(t, w.Control.SetUserRoles(ctx, me, w.admin.ID, []keyporter.ID{keyporter.RoleAPIUser}), keyporter.Conflict)
	wantKind(t, w.Control.SetUserRoles(ctx, me, w.admin.ID, nil), keyporter.Conflict)
	wantKind(t, blocks(none, "-users.manage"), keyporter.Conflict)
	wantKind(t, blocks(none, "-roles.manage"), keyporter.Conflict)
	wantKind(t, blocks(none, "-events.read"), noError)
	wantKind(t, w.Control.DisableUser(ctx, me, w.admin.ID), keyporter.Forbidden)

	// Users who are switched off don't count, and neither do those of other organizations.
	w.setRoles(t, w.grace, grants.ID)
	wantKind(t, w.Control.DisableUser(ctx, me, w.grace.ID), noError)
	wantKind(t, blocks(none, "-events.read", "-users.manage"), keyporter.Conflict)
	wantKind(t, w.Control.EnableUser(ctx, me, w.grace.ID), noError)
	// A change can't take the permissions from the last two at once.
	both := w.role(t, "Both")
	w.setRoles(t, w.admin, keyporter.RoleAdministrator, both.ID)
	w.setRoles(t, w.grace, grants.ID, both.ID)
	wantKind(t, blocks(both, "-users.manage"), keyporter.Conflict)
	w.setRoles(t, w.grace, grants.ID)
	wantKind(t, blocks(both, "-users.manage"), noError)

	// Now grace is the last one, because of a custom role.
	her := keyportertest.Session(w.grace)
	wantKind(t, w.Control.DeleteRole(ctx, her, grants.ID, 1), keyporter.Conflict)
	_, err := w.Control.PreviewRoleDeletion(ctx, her, grants.ID)
	wantKind(t, err, keyporter.Conflict)
	operator := keyportertest.Session(w.operator(t))
	wantKind(t, w.Control.DisableUser(ctx, operator, w.grace.ID), keyporter.Conflict)
	wantKind(t, w.Control.DisableUser(ctx, keyporter.Command(), w.grace.ID), noError) // the machine's owner has other ways back in
}

func TestTwoAdministratorsCannotRemoveEachOtherAtOnce(t *testing.T) {
	t.Parallel()
	keyportertest.EachDatabase(t, func(t *testing.T, url string) {
		w := newWorld(t, url)
		second := keyportertest.User(t, w.Control, "Acme", "second@acme.example", keyporter.RoleAdministrator)
		pair := []keyporter.User{w.admin, second}
		for range 20 {
			var errs [2]error
			var all sync.WaitGroup
			for i := range pair {
				me, other := keyportertest.Session(pair[i]), pair[1-i]
				all.Go(func() {
					errs[i] = w.Control.SetUserRoles(t.Context(), me, other.ID, []keyporter.ID{keyporter.RoleMember})
				})
			}
			all.Wait()
			if (errs[0] == nil) == (errs[1] == nil) {
				t.Fatalf("both or neither were removed: %v", errs)
			}
			for _, u := range pair {
				w.setRoles(t, u, keyporter.RoleAdministrator)
			}
		}
		for range 20 {
			var errs [2]error
			var all sync.WaitGroup
			for i := range pair {
				me := keyportertest.Session(pair[i])
				all.Go(func() { errs[i] = w.Control.SetUserRoles(t.Context(), me, pair[i].ID, nil) })
			}
			all.Wait()
			if (errs[0] == nil) == (errs[1] == nil) {
				t.Fatalf("both or neither removed themselves: %v", errs)
			}
			for _, u := range pair {
				w.setRoles(t, u, keyporter.RoleAdministrator)
			}
		}
	})
}

func TestConcurrentChangesToARoleConflict(t *testing.T) {
	t.Parallel()
	keyportertest.EachDatabase(t, func(t *testing.T, url string) {
		w := newWorld(t, url)
		r := w.role(t, "Interns")
		var errs [8]error
		var all sync.WaitGroup
		for i := range errs {
			change := r
			change.Name = fmt.Sprint("Interns ", i)
			all.Go(func() { _, errs[i] = w.Control.UpdateRole(t.Context(), keyportertest.Session(w.admin), change) })
		}
		all.Wait()
		saved := 0
		for i, err := range errs {
			if err == nil {
				saved++
				if now, err := w.DB.RoleByID(t.Context(), r.ID); err != nil || now.Name != fmt.Sprint("Interns ", i) || now.Version != 2 {
					t.Errorf("%+v, %v", now, err)
				}
				continue
			}
			wantKind(t, err, keyporter.Conflict)
		}
		if saved != 1 {
			t.Errorf("%d changes to the same version were saved", saved)
		}
	})
}
