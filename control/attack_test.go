package control_test

import (
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
