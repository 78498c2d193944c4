package control_test

import (
	"errors"
	"sync"
	"testing"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control"
	"github.com/keyporter/keyporter/keyportertest"
)

// TestAnOldPasswordOpensNoSessionBesideItsChange has an attacker who knows the password
// sign in again and again while it is changed. None of his sessions may outlive the change.
func TestAnOldPasswordOpensNoSessionBesideItsChange(t *testing.T) {
	t.Parallel()
	keyportertest.EachDatabase(t, func(t *testing.T, url string) {
		w := newWorld(t, url)
		cookies := make(chan string, 10)
		var all sync.WaitGroup
		for range cap(cookies) {
			all.Go(func() {
				cookie, err := w.Control.SignIn(t.Context(), keyportertest.Nobody(), control.SignIn{Login: w.ada.Login, Password: keyportertest.Password})
				if err != nil && keyporter.KindOf(err) != keyporter.Unauthorized {
					t.Error(err)
				}
				cookies <- cookie
			})
		}
		opened := []string{<-cookies} // by now the others have read the old hash, and wait for a processor to compare it
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
				t.Error("a session that the old password opened outlives it")
			}
		}
	})
}

// TestTheSetupLinkEndsWithTheFirstOperator has the command line make the operator. Who
// finds the link in a log afterwards must not become another one.
func TestTheSetupLinkEndsWithTheFirstOperator(t *testing.T) {
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
		kindOf(t, err, fine)
		kindOf(t, w.Control.SetupOpen(t.Context(), keyportertest.Nobody(), code), keyporter.NotFound)
		_, err = w.Control.Setup(t.Context(), keyportertest.Nobody(), control.Setup{Code: code, Organization: "Evil", Login: "mallory@evil.example", Password: keyportertest.Password})
		kindOf(t, err, keyporter.NotFound)
	})
}

// TestTwoOperatorsCannotLockEachOtherOut has two operators, of two organizations, each
// switch off the other, or the other's organization, at the same moment. One of them has to remain.
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
					t.Fatalf("%s: both locked each other out, or neither: %v", what, errs)
				}
				for i, u := range pair {
					if k := keyporter.KindOf(errs[i]); errs[i] != nil && k != keyporter.Forbidden {
						t.Errorf("%s: the second is told %v", what, errs[i])
					}
					if err := errors.Join(w.Control.EnableUser(ctx, command, u.ID), w.Control.EnableOrganization(ctx, command, u.OrganizationID)); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
	})
}

// TestNobodyTakesFromWhoHoldsMore has an attacker who manages roles and holds nothing else
// take an administrator's permissions by changing and deleting a role of his.
func TestNobodyTakesFromWhoHoldsMore(t *testing.T) {
	t.Parallel()
	w := newWorld(t, keyportertest.SQLite(t))
	ctx := t.Context()
	makes := w.role(t, "Makes roles", "+roles.manage")
	everybody := w.role(t, "Everybody", "+api.use")
	lead := w.role(t, "Lead", "+tokens.manage")
	mallory := keyportertest.User(t, w.Control, "Acme", "mallory@acme.example", makes.ID, everybody.ID)
	w.give(t, w.admin, keyporter.RoleAdministrator, everybody.ID)
	w.give(t, w.ada, lead.ID)
	w.give(t, w.grace, everybody.ID)
	me := keyportertest.Session(mallory)
	change := func(r keyporter.Role, words ...string) error {
		r.Effects = effects(words...)
		_, looked := w.Control.PreviewRole(ctx, me, r)
		_, err := w.Control.UpdateRole(ctx, me, r)
		if keyporter.KindOf(looked) != keyporter.KindOf(err) {
			t.Errorf("the preview says %v, and then %v", looked, err)
		}
		return err
	}
	remove := func(r keyporter.Role) error {
		_, looked := w.Control.PreviewRoleDeletion(ctx, me, r.ID)
		err := w.Control.DeleteRole(ctx, me, r.ID, r.Version)
		if keyporter.KindOf(looked) != keyporter.KindOf(err) {
			t.Errorf("the preview says %v, and then %v", looked, err)
		}
		return err
	}
	before := events(t, w, w.admin.OrganizationID)
	for what, err := range map[string]error{
		"a block for an administrator":        change(everybody, "+api.use", "-organization_tokens.manage"),
		"a block of what he holds himself":    change(everybody, "-api.use"),
		"a grant taken from who holds more":   change(lead),
		"a role deleted from who holds more":  remove(lead),
		"a block in a role of who holds more": change(lead, "+api.use", "-tokens.manage"),
	} {
		if keyporter.KindOf(err) != keyporter.Forbidden {
			t.Errorf("%s: %v", what, err)
		}
	}
	if events(t, w, w.admin.OrganizationID) != before {
		t.Error("refused, and an event")
	}
	// What changes nothing for them he may, and what changes something for those who hold no more than he does.
	kindOf(t, change(everybody, "+api.use", "-events.read"), keyporter.Forbidden)
	everybody.Name = "All"
	kindOf(t, change(everybody, "+api.use"), fine)
	everybody.Version++
	kindOf(t, remove(everybody), fine) // the administrator has api.use from his other role
	kindOf(t, change(w.role(t, "Nobody's", "+events.read"), "-events.read"), fine)
	if got, err := w.Control.Profile(ctx, keyportertest.Session(w.admin), w.ada.ID); err != nil || !got.Permissions[3].Held() {
		t.Errorf("ada holds %+v, %v", got.Permissions, err)
	}
	// An operator in the organization is one of its users as far as its roles go.
	operator, err := w.Control.CreateUser(ctx, keyporter.Command(), control.NewUser{
		OrganizationID: mallory.OrganizationID, Login: "otto@acme.example", Password: keyportertest.Password, Operator: true, RoleIDs: []keyporter.ID{lead.ID},
	})
	if err != nil {
		t.Fatal(err)
	}
	lead.Effects = effects("-api.use")
	_, err = w.Control.UpdateRole(ctx, keyportertest.Session(w.admin), lead)
	kindOf(t, err, fine)
	if access, err := w.Control.TokenAccess(ctx, keyportertest.Session(operator), keyporter.UserToken); err != nil || access.Allowed {
		t.Errorf("%+v, %v", access, err)
	}
}
