package control_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control"
	"github.com/keyporter/keyporter/keyportertest"
)

// TestNoSessionOutlivesAPasswordChange has an attacker who knows the old password keep signing in while
// the user changes it. None of the attacker's sessions may survive.
func TestNoSessionOutlivesAPasswordChange(t *testing.T) {
	t.Parallel()
	keyportertest.EachDatabase(t, func(t *testing.T, url string) {
		w := newWorld(t, url)
		cookies := make(chan string, 10)
		var all sync.WaitGroup
		for i := range cap(cookies) {
			all.Go(func() {
				session, err := w.Control.SignIn(t.Context(), keyporter.Actor{Address: fmt.Sprintf("192.0.2.%d", i)}, control.SignIn{Login: w.ada.Login, Password: keyportertest.Password})
				if err != nil && keyporter.KindOf(err) != keyporter.Unauthorized {
					t.Error(err)
				}
				cookies <- session.Cookie
			})
		}
		opened := []string{<-cookies} // by now, the others have read the old hash and wait for a CPU to compare it
		if err := w.Control.SetPassword(t.Context(), keyporter.Command(), w.ada.ID, "another long password"); err != nil {
			t.Fatal(err)
		}
		all.Wait()
		close(cookies)
		for cookie := range cookies {
			opened = append(opened, cookie)
		}
		for _, cookie := range opened {
			if _, err := w.Control.Session(t.Context(), keyportertest.Nobody(), cookie); err == nil {
				t.Error("a session from the old password is still valid")
			}
		}
	})
}

// TestTheFirstOperatorEndsTheSetupLink creates the operator on the command line. Anyone who finds the
// setup link in a log afterward mustn't become another one.
func TestTheFirstOperatorEndsTheSetupLink(t *testing.T) {
	t.Parallel()
	keyportertest.EachDatabase(t, func(t *testing.T, url string) {
		w := newWorld(t, url)
		code, err := w.Control.SetupCode(t.Context(), keyporter.Command())
		if err != nil || code == "" {
			t.Fatal(err)
		}
		_, err = w.Control.CreateUser(t.Context(), keyporter.Command(), control.NewUser{
			OrganizationID: w.ada.OrganizationID, Login: "otto@acme.example", Password: keyportertest.Password, Operator: true,
		})
		wantKind(t, err, noError)
		wantKind(t, w.Control.SetupOpen(t.Context(), keyportertest.Nobody(), code), keyporter.NotFound)
		_, err = w.Control.Setup(t.Context(), keyportertest.Nobody(), control.Setup{Code: code, Organization: "Evil", Login: "mallory@evil.example", Password: keyportertest.Password})
		wantKind(t, err, keyporter.NotFound)
	})
}

// TestTwoOperatorsCannotLockEachOtherOut has two operators from different organizations each switch off
// the other, or the other's organization, at the same time. One of them must remain.
func TestTwoOperatorsCannotLockEachOtherOut(t *testing.T) {
	t.Parallel()
	keyportertest.EachDatabase(t, func(t *testing.T, url string) {
		w := newWorld(t, url)
		ctx, command := t.Context(), keyporter.Command()
		second, err := w.Control.CreateUser(ctx, command, control.NewUser{
			OrganizationID: w.ada.OrganizationID, Login: "otto@acme.example", Password: keyportertest.Password, Operator: true,
		})
		if err != nil {
			t.Fatal(err)
		}
		pair := []keyporter.User{w.operator(t), second}
		for what, off := range map[string]func(keyporter.Actor, keyporter.User) error{
			"users": func(me keyporter.Actor, other keyporter.User) error { return w.Control.DisableUser(ctx, me, other.ID) },
			"organizations": func(me keyporter.Actor, other keyporter.User) error {
				return w.Control.DisableOrganization(ctx, me, other.OrganizationID)
			},
			"a user and an organization": func(me keyporter.Actor, other keyporter.User) error {
				if other.ID == second.ID {
					return w.Control.DisableUser(ctx, me, other.ID)
				}
				return w.Control.DisableOrganization(ctx, me, other.OrganizationID)
			},
		} {
			for range 20 {
				var errs [2]error
				var all sync.WaitGroup
				for i := range pair {
					me, other := keyportertest.Session(pair[i]), pair[1-i]
					all.Go(func() { errs[i] = off(me, other) })
				}
				all.Wait()
				if (errs[0] == nil) == (errs[1] == nil) {
					t.Fatalf("%s: both or neither were locked out: %v", what, errs)
				}
				for i, u := range pair {
					if k := keyporter.KindOf(errs[i]); errs[i] != nil && k != keyporter.Forbidden {
						t.Errorf("%s: the second gets %v", what, errs[i])
					}
					if err := errors.Join(w.Control.EnableUser(ctx, command, u.ID), w.Control.EnableOrganization(ctx, command, u.OrganizationID)); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
	})
}

// TestRoleChangesCannotReachUsersWithMorePermissions has an attacker who can only manage roles try to take
// permissions from an administrator by changing and deleting roles that the administrator has.
func TestRoleChangesCannotReachUsersWithMorePermissions(t *testing.T) {
	t.Parallel()
	w := newWorld(t, keyportertest.Database(t))
	ctx := t.Context()
	makes := w.role(t, "Makes roles", "+roles.manage")
	everyone := w.role(t, "Everyone", "+api.use")
	lead := w.role(t, "Lead", "+tokens.manage")
	mallory := keyportertest.User(t, w.Control, "Acme", "mallory@acme.example", makes.ID, everyone.ID)
	w.setRoles(t, w.admin, keyporter.RoleAdministrator, everyone.ID)
	w.setRoles(t, w.ada, lead.ID)
	w.setRoles(t, w.grace, everyone.ID)
	me := keyportertest.Session(mallory)
	change := func(r keyporter.Role, words ...string) error {
		return w.updateRole(t, me, r, words...)
	}
	remove := func(r keyporter.Role) error {
		_, preview := w.Control.PreviewRoleDeletion(ctx, me, r.ID)
		err := w.Control.DeleteRole(ctx, me, r.ID, r.Version)
		if keyporter.KindOf(preview) != keyporter.KindOf(err) {
			t.Errorf("the preview returns %v, but the deletion %v", preview, err)
		}
		return err
	}
	before := events(t, w, w.admin.OrganizationID)
	for what, err := range map[string]error{
		"a block for an administrator":    change(everyone, "+api.use", "-organization_tokens.manage"),
		"a block of their own permission": change(everyone, "-api.use"),
		"a grant taken from a lead":       change(lead),
		"a lead's role deleted":           remove(lead),
		"a block in a lead's role":        change(lead, "+api.use", "-tokens.manage"),
	} {
		if keyporter.KindOf(err) != keyporter.Forbidden {
			t.Errorf("%s: %v", what, err)
		}
	}
	if events(t, w, w.admin.OrganizationID) != before {
		t.Error("refused, but there is an event")
	}
	// Changes are allowed if they don't affect users with more permissions.
	wantKind(t, change(everyone, "+api.use", "-events.read"), keyporter.Forbidden)
	everyone.Name = "All"
	wantKind(t, change(everyone, "+api.use"), noError)
	everyone.Version++
	wantKind(t, remove(everyone), noError) // the administrator has api.use from another role
	wantKind(t, change(w.role(t, "Nobody's", "+events.read"), "-events.read"), noError)
	if got, err := w.Control.Profile(ctx, keyportertest.Session(w.admin), w.ada.ID); err != nil || !got.Permissions[3].Held() {
		t.Errorf("ada has %+v, %v", got.Permissions, err)
	}
	// Role changes do affect operators in the organization, like its other users.
	operator, err := w.Control.CreateUser(ctx, keyporter.Command(), control.NewUser{
		OrganizationID: mallory.OrganizationID, Login: "otto@acme.example", Password: keyportertest.Password, Operator: true, RoleIDs: []keyporter.ID{lead.ID},
	})
	if err != nil {
		t.Fatal(err)
	}
	lead.Effects = effects("-api.use")
	_, err = w.Control.UpdateRole(ctx, keyportertest.Session(w.admin), lead)
	wantKind(t, err, noError)
	if access, err := w.Control.TokenAccess(ctx, keyportertest.Session(operator), keyporter.UserToken); err != nil || access.Allowed {
		t.Errorf("%+v, %v", access, err)
	}
}
