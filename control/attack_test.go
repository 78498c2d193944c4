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
	keyportertest.EachDatabase(t, func(t *testing.T, url string) {
		w := newWorld(t, url)
		cookies := make(chan string, 10)
		var all sync.WaitGroup
		for range cap(cookies) {
			all.Go(func() {
				cookie, err := w.Control.SignIn(t.Context(), control.SignIn{Login: w.ada.Login, Password: keyportertest.Password, Address: "192.0.2.1"})
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
			if _, err := w.Control.Session(t.Context(), cookie); err == nil {
				t.Error("a session that the old password opened outlives it")
			}
		}
	})
}

// TestTheSetupLinkEndsWithTheFirstOperator has the command line make the operator. Who
// finds the link in a log afterwards must not become another one.
func TestTheSetupLinkEndsWithTheFirstOperator(t *testing.T) {
	keyportertest.EachDatabase(t, func(t *testing.T, url string) {
		w := newWorld(t, url)
		code, err := w.Control.SetupCode(t.Context())
		if err != nil || code == "" {
			t.Fatal(err)
		}
		_, err = w.Control.CreateUser(t.Context(), keyporter.Command(), control.NewUser{
			OrganizationID: w.ada.OrganizationID, Login: "otto@acme.example", Password: keyportertest.Password, Operator: true,
		})
		kindOf(t, err, fine)
		kindOf(t, w.Control.SetupOpen(t.Context(), code), keyporter.NotFound)
		_, err = w.Control.Setup(t.Context(), control.Setup{Code: code, Organization: "Evil", Login: "mallory@evil.example", Password: keyportertest.Password})
		kindOf(t, err, keyporter.NotFound)
	})
}

// TestTwoOperatorsCannotLockEachOtherOut has two operators, of two organizations, each
// switch off the other, or the other's organization, at the same moment. One of them has to remain.
func TestTwoOperatorsCannotLockEachOtherOut(t *testing.T) {
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
