package console_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/keyporter/keyporter/control"
	"github.com/keyporter/keyporter/keyportertest"
)

// TestABrowserThatSignedInBeforeIsNotLockedOut signs out first, which the browser remembers nothing of.
func TestABrowserThatSignedInBeforeIsNotLockedOut(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.Clock.Stop()
	ada, v := s.ada(t)
	v.post("/sign-out")
	stranger := s.nobody(t)
	guess := func(v *visitor) answer {
		return v.submit(v.get("/sign-in"), "/sign-in", "login", ada.Login, "password", "a wrong password")
	}
	for range 10 {
		guess(stranger).want(t, http.StatusUnauthorized, "The login name or password is wrong.")
	}
	guess(stranger).want(t, http.StatusTooManyRequests, "Try again in 30 seconds.")
	if a := v.submit(v.get("/sign-in"), "/sign-in", "login", ada.Login, "password", keyportertest.Password); a.location != "/tokens" {
		t.Errorf("the person is locked out: %d %s", a.status, a.body)
	}
}

// TestTheSignInPageSaysWhyItRefuses has the limits on guesses and on hashes reached.
func TestTheSignInPageSaysWhyItRefuses(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ada, _ := s.ada(t)
	var pages []string
	for _, login := range []string{ada.Login, "nobody@acme.example"} {
		for range 101 {
			s.Clock.Advance(30 * time.Second)
			_, _ = s.Control.SignIn(t.Context(), keyportertest.Nobody(), control.SignIn{Login: login, Password: "a wrong password"})
		}
		s.Clock.Advance(30 * time.Second)
		v := s.nobody(t)
		a := v.submit(v.get("/sign-in"), "/sign-in", "login", login, "password", keyportertest.Password)
		a.want(t, http.StatusForbidden, "too many wrong passwords", "an administrator")
		pages = append(pages, strings.ReplaceAll(a.body, login, ""))
	}
	if pages[0] != pages[1] {
		t.Error("the page tells logins that exist from others")
	}
}
