package control_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control"
	"github.com/keyporter/keyporter/keyportertest"
)

// enters signs in, and returns what the browser remembers then.
func (w *world) enters(t *testing.T, in control.SignIn) (browser string) {
	t.Helper()
	session, err := w.Control.SignIn(t.Context(), keyportertest.Nobody(), in)
	if err != nil {
		t.Fatal(err)
	}
	return session.Browser
}

// guess enters a wrong password as often as it may, in many networks.
func (w *world) guess(t *testing.T, login, browser string, times int) (err error) {
	t.Helper()
	for i := range times {
		w.Clock.Advance(30 * time.Second)
		_, err = w.Control.SignIn(t.Context(), keyporter.Actor{Address: fmt.Sprintf("198.51.100.%d", i%200)}, control.SignIn{Login: login, Password: "a wrong password", Browser: browser})
	}
	return err
}

func (w *world) countEvents(t *testing.T, name keyporter.EventName) (n int) {
	t.Helper()
	all, err := w.DB.Events(t.Context(), w.ada.OrganizationID, "", 10_000)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range all {
		if e.Name == name {
			n++
		}
	}
	return n
}

// TestStrangersCannotLockAPersonOut has strangers enter wrong passwords all the time.
func TestStrangersCannotLockAPersonOut(t *testing.T) {
	t.Parallel()
	keyportertest.EachDatabase(t, func(t *testing.T, url string) {
		w := newWorld(t, url)
		w.Clock.Stop()
		me := control.SignIn{Login: w.ada.Login, Password: keyportertest.Password}
		try := func(in control.SignIn, want keyporter.Kind) {
			t.Helper()
			_, err := w.Control.SignIn(t.Context(), keyportertest.Nobody(), in)
			if keyporter.KindOf(err) != want || (err == nil) != (want == noError) {
				t.Errorf("%v, not of kind %v", err, want)
			}
		}
		with := func(browser string) control.SignIn {
			return control.SignIn{Login: me.Login, Password: me.Password, Browser: browser}
		}
		graces := w.enters(t, control.SignIn{Login: w.grace.Login, Password: keyportertest.Password})
		adas := w.enters(t, me)
		shared := w.enters(t, with(graces))
		lock := func() {
			for i := range 60 { // of them, 50 use up the person's own network
				_, _ = w.Control.SignIn(t.Context(), keyportertest.Nobody(), control.SignIn{Login: []string{w.ada.Login, "other@acme.example"}[i%2], Password: "a wrong password"})
			}
		}
		lock()
		try(me, keyporter.TooMany)
		for _, stranger := range []string{graces, "", "x", strings.ToUpper(adas), adas[:len(adas)-4], strings.Repeat("A", 1<<16)} {
			try(with(stranger), keyporter.TooMany)
		}
		vera := keyporter.User{ID: keyporter.NewID(w.Clock.Now()), OrganizationID: w.ada.OrganizationID, Login: "vera@acme.example", Active: true}
		w.Insert(t, vera)
		p := w.provider(t, nil)
		w.Vouch(t, p, "vera", vera)
		session, err := w.Control.SignInByProvider(t.Context(), keyportertest.Nobody(), control.Identity{Provider: p, Subject: "vera", Email: vera.Login, Verified: true})
		if err != nil {
			t.Fatal(err)
		}
		veras := session.Browser // who has no password, like a login that doesn't exist
		try(control.SignIn{Login: "other@acme.example", Password: "a wrong password", Browser: veras}, keyporter.TooMany)
		for range 3 {
			try(with(adas), noError)
			lock()
		}
		shared = w.enters(t, with(shared))
		lock()
		try(control.SignIn{Login: w.grace.Login, Password: keyportertest.Password, Browser: shared}, noError)

		// The browser's own limit: whoever takes it can't guess more.
		adas = w.enters(t, with(adas))
		guess := control.SignIn{Login: me.Login, Password: "a wrong password", Browser: adas}
		for range 10 {
			try(guess, keyporter.Unauthorized)
		}
		try(guess, keyporter.TooMany)
		try(with(adas), keyporter.TooMany)

		lock()
		w.Clock.Advance(control.BrowserLifetime)
		lock()
		try(with(adas), keyporter.TooMany)
		w.Clock.Advance(time.Hour)
		adas = w.enters(t, me)
		if err := w.Control.SetPassword(t.Context(), keyporter.Command(), w.ada.ID, "another long password"); err != nil {
			t.Fatal(err)
		}
		lock()
		me.Password = "another long password"
		try(with(adas), keyporter.TooMany)
	})
}

// TestGuessingEnds guesses as slowly as the limits ask for.
func TestGuessingEnds(t *testing.T) {
	t.Parallel()
	keyportertest.EachDatabase(t, func(t *testing.T, url string) {
		w := newWorld(t, url)
		w.Clock.Stop()
		me := control.SignIn{Login: w.ada.Login, Password: keyportertest.Password}
		enters := func(in control.SignIn) error {
			w.Clock.Advance(30 * time.Second)
			_, err := w.Control.SignIn(t.Context(), keyportertest.Nobody(), in)
			return err
		}
		browser := w.enters(t, me)
		wantKind(t, w.guess(t, me.Login, "", 99), keyporter.Unauthorized)
		wantKind(t, enters(me), noError) // 100 in a row
		wantKind(t, w.guess(t, me.Login, "", 100), keyporter.Unauthorized)
		wantKind(t, w.guess(t, "nobody@acme.example", "", 100), keyporter.Unauthorized)
		locked := enters(me)
		wantKind(t, locked, keyporter.Forbidden)
		unknown := enters(control.SignIn{Login: "nobody@acme.example", Password: keyportertest.Password})
		if unknown == nil || unknown.Error() != locked.Error() {
			t.Errorf("a login that exists: %v; one that doesn't: %v", locked, unknown)
		}
		w.Clock.Advance(30 * 24 * time.Hour) // it doesn't end by itself
		if err := w.Control.Prune(t.Context(), keyporter.System()); err != nil {
			t.Fatal(err)
		}
		wantKind(t, enters(me), keyporter.Forbidden)
		if n := w.countEvents(t, keyporter.EventUserLock); n != 1 {
			t.Errorf("%d events of a lock", n)
		}

		// What ends it: a browser that is known, a new password, a provider.
		wantKind(t, enters(control.SignIn{Login: me.Login, Password: me.Password, Browser: browser}), noError)
		wantKind(t, enters(me), noError)
		wantKind(t, w.guess(t, me.Login, "", 101), keyporter.Forbidden)
		wantKind(t, w.Control.SetPassword(t.Context(), keyporter.Command(), w.ada.ID, me.Password), noError)
		wantKind(t, enters(me), noError)
		p := w.provider(t, nil)
		n := keyporter.User{ID: keyporter.NewID(w.Clock.Now()), OrganizationID: w.ada.OrganizationID, Login: "vera@acme.example", Active: true}
		w.Insert(t, n)
		w.Vouch(t, p, "vera", n)
		wantKind(t, w.guess(t, n.Login, "", 101), keyporter.Forbidden)
		if _, err := w.byProvider(t, p, "vera", n.Login); err != nil {
			t.Fatal(err)
		}
		wantKind(t, w.guess(t, n.Login, "", 1), keyporter.Unauthorized)
		if locks, unlocks := w.countEvents(t, keyporter.EventUserLock), w.countEvents(t, keyporter.EventUserUnlock); locks != 3 || unlocks != 3 {
			t.Errorf("%d locks, %d unlocks", locks, unlocks)
		}
	})
}

// TestGuessingFromAKnownBrowserEnds has a thief of a browser, and one of a session, guess.
func TestGuessingFromAKnownBrowserEnds(t *testing.T) {
	t.Parallel()
	w := newWorld(t, keyportertest.Database(t))
	w.Clock.Stop()
	browser := w.enters(t, control.SignIn{Login: w.ada.Login, Password: keyportertest.Password})
	// First those that the browser has, and then those that everybody shares.
	wantKind(t, w.guess(t, w.ada.Login, browser, 200), keyporter.Unauthorized)
	wantKind(t, w.guess(t, w.ada.Login, browser, 1), keyporter.Forbidden)

	var err error
	for range 101 {
		w.Clock.Advance(30 * time.Second)
		err = w.Control.ChangePassword(t.Context(), keyporter.Session(w.grace, w.Clock.Now()), "a wrong password", "another long password")
	}
	wantKind(t, err, keyporter.Forbidden)
	w.Clock.Advance(time.Hour)
	wantKind(t, w.Control.ChangePassword(t.Context(), keyporter.Session(w.grace, w.Clock.Now()), keyportertest.Password, "another long password"), keyporter.Forbidden)
	if _, err := w.Control.SignIn(t.Context(), keyportertest.Nobody(), control.SignIn{Login: w.grace.Login, Password: keyportertest.Password}); err != nil {
		t.Errorf("guesses in a session keep the person out: %v", err)
	}
}

// TestAnotherCostKeepsBrowsersKnown has strangers use up what a login has, after the cost of a hash was
// changed and the person has signed in with one of their browsers.
func TestAnotherCostKeepsBrowsersKnown(t *testing.T) {
	t.Parallel()
	w := newWorld(t, keyportertest.Database(t))
	w.Clock.Stop()
	in := control.SignIn{Login: w.ada.Login, Password: keyportertest.Password}
	laptop, phone := in, in
	laptop.Browser, phone.Browser = w.enters(t, in), w.enters(t, in)
	w.Control = control.New(w.DB, control.Options{Now: w.Clock.Now, Sealer: keyportertest.Sealer(t), PasswordCost: control.PasswordCost{Memory: 16, Passes: 1}})
	w.enters(t, laptop)
	wantKind(t, w.guess(t, w.ada.Login, "", 101), keyporter.Forbidden)
	w.enters(t, phone)
	if err := w.Control.SetPassword(t.Context(), keyporter.Session(w.admin, w.Clock.Now()), w.ada.ID, keyportertest.Password); err != nil {
		t.Fatal(err)
	}
	wantKind(t, w.guess(t, w.ada.Login, "", 101), keyporter.Forbidden)
	_, err := w.Control.SignIn(t.Context(), keyportertest.Nobody(), phone)
	wantKind(t, err, keyporter.Forbidden)
}

// TestHashesWaitInABoundedQueue has no hash run until the end.
func TestHashesWaitInABoundedQueue(t *testing.T) {
	t.Parallel()
	w := newWorld(t, keyportertest.Database(t))
	browser := w.enters(t, control.SignIn{Login: w.ada.Login, Password: keyportertest.Password})
	another := w.enters(t, control.SignIn{Login: w.ada.Login, Password: keyportertest.Password})
	free := control.OccupyHashing(w.Control)
	results := make(chan error, 100)
	started := 0
	start := func(ctx context.Context, from string, in control.SignIn) {
		t.Helper()
		waiting := control.WaitingHashes(w.Control)
		started++
		done := make(chan struct{})
		go func() {
			_, err := w.Control.SignIn(ctx, keyporter.Actor{Address: from}, in)
			results <- err
			close(done)
		}()
		keyportertest.Eventually(t, "it waits or is refused", func() bool {
			select {
			case <-done:
				return true
			default:
				return control.WaitingHashes(w.Control) > waiting
			}
		})
	}
	refused := func(what string, want bool) {
		t.Helper()
		select {
		case err := <-results:
			started--
			e, ok := errors.AsType[*keyporter.Error](err)
			if !want || !ok || e.Kind != keyporter.Unavailable || e.RetryAfter <= 0 {
				t.Errorf("%s: %v", what, err)
			}
		default:
			if want {
				t.Errorf("%s waits, too", what)
			}
		}
	}
	login := func(i int) control.SignIn {
		return control.SignIn{Login: fmt.Sprintf("user%d@acme.example", i), Password: "a wrong password"}
	}
	for i := range 8 {
		start(t.Context(), "198.51.100.1", login(i))
	}
	refused("the first eight from one network", false)
	start(t.Context(), "198.51.100.1", login(8))
	refused("the ninth from one network", true)
	gone, leave := context.WithCancel(t.Context())
	for i := range 8 {
		start(gone, fmt.Sprintf("198.51.100.%d", 10+i), login(20+i))
	}
	refused("sixteen strangers", false)
	start(t.Context(), "198.51.100.99", login(99))
	refused("the next stranger", true)
	start(t.Context(), "198.51.100.99", control.SignIn{Login: w.ada.Login, Password: keyportertest.Password, Browser: browser})
	refused("someone who has signed in before", false)
	for range 3 {
		start(t.Context(), "198.51.100.99", control.SignIn{Login: w.ada.Login, Password: "a wrong password", Browser: another})
	}
	refused("the same person, four times in all", false)
	start(t.Context(), "198.51.100.99", control.SignIn{Login: w.ada.Login, Password: "a wrong password", Browser: another})
	refused("the same person once more", true)
	leave()
	keyportertest.Eventually(t, "whoever is gone waits no longer", func() bool { return control.WaitingHashes(w.Control) == 12 })
	start(t.Context(), "198.51.100.99", login(99))
	free()
	var in, wrong, left int
	for range started {
		switch err := <-results; {
		case err == nil:
			in++
		case keyporter.KindOf(err) == keyporter.Unauthorized:
			wrong++
		case errors.Is(err, context.Canceled):
			left++
		}
	}
	if in != 1 || wrong != 12 || left != 8 || control.WaitingHashes(w.Control) != 0 {
		t.Errorf("%d got in, %d entered a wrong password, %d left", in, wrong, left)
	}
}

// TestSignInsAtAProviderAreLimitedByNetwork has strangers begin sign-ins with someone's address.
func TestSignInsAtAProviderAreLimitedByNetwork(t *testing.T) {
	t.Parallel()
	w := newWorld(t, keyportertest.Database(t))
	w.Clock.Stop()
	w.provider(t, nil)
	begin := func(address string) error {
		_, _, err := w.Control.BeginProviderSignIn(t.Context(), keyporter.Actor{Address: address}, control.ProviderSignIn{Login: w.ada.Login})
		return err
	}
	for range 50 {
		wantKind(t, begin("198.51.100.1"), noError)
	}
	wantKind(t, begin("198.51.100.1"), keyporter.TooMany)
	wantKind(t, begin("198.51.100.2"), noError)
}
