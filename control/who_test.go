package control_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control"
	"github.com/keyporter/keyporter/keyportertest"
)

// provider gives the organization of Acme a provider for the domain acme.example.
func (w *world) provider(t *testing.T, change func(*keyporter.IdentityProvider)) keyporter.IdentityProvider {
	t.Helper()
	p := keyporter.IdentityProvider{
		OrganizationID: w.ada.OrganizationID, Name: "Acme login", Issuer: "https://login.acme.example", ClientID: "keyporter",
		Domains: []string{"acme.example"}, RoleID: keyporter.RoleAPIUser,
	}
	if change != nil {
		change(&p)
	}
	p, err := w.Control.SetIdentityProvider(t.Context(), keyporter.Command(), p, "very secret")
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// byProvider signs somebody in at a provider.
func (w *world) byProvider(t *testing.T, p keyporter.IdentityProvider, subject, email string) (cookie string, err error) {
	t.Helper()
	session, err := w.Control.SignInByProvider(t.Context(), keyportertest.Nobody(), control.Identity{Provider: p, Subject: subject, Email: email, Verified: true, ProvedAt: w.Clock.Now()})
	return session.Cookie, err
}

// TestASessionEndsWithWhatOpenedIt has someone keep a session after the way they signed in was closed.
func TestASessionEndsWithWhatOpenedIt(t *testing.T) {
	t.Parallel()
	keyportertest.EachOfBoth(t, func(t *testing.T, url string) {
		w := newWorld(t, url)
		ctx, command, acme := t.Context(), keyporter.Command(), w.ada.OrganizationID
		session := func(cookie string) error {
			_, err := w.Control.Session(ctx, keyportertest.Nobody(), cookie)
			return err
		}
		p := w.provider(t, nil)
		byPassword, err := w.Control.SignIn(ctx, keyportertest.Nobody(), control.SignIn{Login: w.ada.Login, Password: keyportertest.Password})
		wantKind(t, err, noError)
		fromProvider := func() string {
			cookie, err := w.byProvider(t, p, "1", "new@acme.example")
			wantKind(t, err, noError)
			wantKind(t, session(cookie), noError)
			return cookie
		}
		atProvider := fromProvider()

		w.provider(t, func(p *keyporter.IdentityProvider) { p.Name, p.RoleID = "Another name", "" })
		wantKind(t, session(byPassword.Cookie), noError)
		wantKind(t, session(atProvider), noError)
		wantKind(t, w.Control.SetPasswords(ctx, command, acme, false), noError)
		wantKind(t, session(byPassword.Cookie), keyporter.Unauthorized)
		wantKind(t, session(atProvider), noError)
		wantKind(t, w.Control.SetPasswords(ctx, command, acme, true), noError)
		wantKind(t, session(byPassword.Cookie), keyporter.Unauthorized) // it doesn't come back

		for what, change := range map[string]func(*keyporter.IdentityProvider){
			"issuer":    func(p *keyporter.IdentityProvider) { p.Issuer += "/other" },
			"client ID": func(p *keyporter.IdentityProvider) { p.ClientID += "-other" },
		} {
			p = w.provider(t, nil)
			cookie := fromProvider()
			w.provider(t, change)
			if keyporter.KindOf(session(cookie)) != keyporter.Unauthorized {
				t.Errorf("a session goes on after the %s of its provider changed", what)
			}
			w.provider(t, nil)
			if keyporter.KindOf(session(cookie)) != keyporter.Unauthorized {
				t.Errorf("a session comes back after the %s of its provider changed back", what)
			}
		}
		p = w.provider(t, nil)
		cookie := fromProvider()
		wantKind(t, w.Control.DeleteIdentityProvider(ctx, command, acme), noError)
		wantKind(t, session(cookie), keyporter.Unauthorized)
		w.provider(t, nil) // the same settings, and yet another provider
		wantKind(t, session(cookie), keyporter.Unauthorized)
	})
}

// TestADomainBelongsToOneOrganization has the administrator of another organization add a login that
// everyone would take for Acme's chief executive.
func TestADomainBelongsToOneOrganization(t *testing.T) {
	t.Parallel()
	keyportertest.EachOfBoth(t, func(t *testing.T, url string) {
		w := newWorld(t, url)
		ctx, command, other := t.Context(), keyporter.Command(), w.eve.OrganizationID
		add := func(actor keyporter.Actor, login string) error {
			_, err := w.Control.CreateUser(ctx, actor, control.NewUser{OrganizationID: other, Login: login, Password: keyportertest.Password})
			return err
		}
		p := w.provider(t, nil)
		taken := add(keyportertest.Session(w.eve), w.ada.Login)
		wantKind(t, taken, keyporter.Conflict)
		for _, login := range []string{"ceo@acme.example", "ceo@ACME.Example", "ceo@acme.example.", "ceo@ａｃｍｅ.example"} {
			for _, actor := range []keyporter.Actor{keyportertest.Session(w.eve), command} {
				err := add(actor, login)
				if fieldsOf(err) != "login" {
					t.Errorf("%s is added: %v", login, err)
				}
				if keyporter.KindOf(err) == keyporter.Conflict && err.Error() != taken.Error() {
					t.Errorf("the answer %q tells that nobody has this login: for others it is %q", err, taken)
				}
			}
		}
		code, err := w.Control.SetupCode(ctx, command)
		wantKind(t, err, noError)
		_, err = w.Control.Setup(ctx, keyportertest.Nobody(), control.Setup{Code: code, Organization: "New", Login: "ceo@acme.example", Password: keyportertest.Password})
		wantKind(t, err, keyporter.Conflict)
		_, err = w.byProvider(t, p, "1", "ceo@acme.example")
		wantKind(t, err, noError)
	})
}

func TestADomainWithUsersOfOthersIsNotAssigned(t *testing.T) {
	t.Parallel()
	keyportertest.EachOfBoth(t, func(t *testing.T, url string) {
		w := newWorld(t, url)
		ctx, command := t.Context(), keyporter.Command()
		w.provider(t, nil)
		for i := range 5 {
			w.Insert(t, keyporter.User{ID: keyporter.ID(fmt.Sprint("squatter", i)), OrganizationID: w.eve.OrganizationID, Login: fmt.Sprintf("S%d@Acme.test", i), Active: true})
		}
		// Earlier releases took logins whose key has another @.
		w.Insert(t, keyporter.User{ID: "squatter5", OrganizationID: w.eve.OrganizationID, Login: "T\uff20@ACME.TEST", Active: true})
		w.Insert(t, keyporter.User{ID: "squatter6", OrganizationID: w.eve.OrganizationID, Login: "T\ufe6bx@acme.test", Active: true})
		assign := func() error {
			_, err := w.Control.SetIdentityProvider(ctx, command, keyporter.IdentityProvider{
				OrganizationID: w.ada.OrganizationID, Name: "Acme login", Issuer: "https://login.acme.example", ClientID: "keyporter", Domains: []string{"acme.example", "acme.test"},
			}, "")
			return err
		}
		err := assign()
		wantKind(t, err, keyporter.Conflict)
		if fieldsOf(err) != "domains" || !strings.Contains(err.Error(), "S0@Acme.test, S1@Acme.test, S2@Acme.test, and 4 more") {
			t.Errorf("the error is %v", err)
		}
		for i := range 7 {
			wantKind(t, assign(), keyporter.Conflict)
			wantKind(t, w.Control.DisableUser(ctx, command, keyporter.ID(fmt.Sprint("squatter", i))), noError)
		}
		wantKind(t, assign(), noError)
		wantKind(t, w.Control.EnableUser(ctx, command, "squatter0"), keyporter.Conflict)
	})
}

// TestADomainIsNotTakenWhileItIsAssigned adds a login in a domain at the instant in which an operator
// assigns the domain to another organization.
func TestADomainIsNotTakenWhileItIsAssigned(t *testing.T) {
	t.Parallel()
	keyportertest.EachOfBoth(t, func(t *testing.T, url string) {
		w := newWorld(t, url)
		for i := range 8 {
			domain := fmt.Sprintf("d%d.example", i)
			var both sync.WaitGroup
			var assigned, added error
			both.Go(func() {
				_, assigned = w.Control.SetIdentityProvider(t.Context(), keyporter.Command(), keyporter.IdentityProvider{
					OrganizationID: w.ada.OrganizationID, Name: "Acme login", Issuer: "https://login.acme.example", ClientID: "keyporter", Domains: []string{domain},
				}, "very secret")
			})
			both.Go(func() {
				_, added = w.Control.CreateUser(t.Context(), keyportertest.Session(w.eve), control.NewUser{OrganizationID: w.eve.OrganizationID, Login: "ceo@" + domain, Password: keyportertest.Password})
			})
			both.Wait()
			if (assigned == nil) == (added == nil) {
				t.Errorf("assigned: %v; added: %v", assigned, added)
			}
		}
	})
}

// TestAddingUsersTellsLittleAboutOthers has an administrator try which logins exist elsewhere.
func TestAddingUsersTellsLittleAboutOthers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, keyportertest.Database(t))
	w.Clock.Stop()
	for i := range 200 {
		_, err := w.Control.CreateUser(t.Context(), keyportertest.Session(w.eve), control.NewUser{OrganizationID: w.eve.OrganizationID, Login: w.ada.Login, Password: keyportertest.Password})
		if keyporter.KindOf(err) == keyporter.TooMany {
			return
		}
		if i == 199 {
			t.Errorf("still answered: %v", err)
		}
	}
}

// TestPowerTakesAFreshSignIn has someone find a browser that has been signed in for hours: they can't
// appoint themselves, set a password, or point a provider elsewhere.
func TestPowerTakesAFreshSignIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, keyportertest.Database(t))
	ctx, operator, acme := t.Context(), w.operator(t), w.ada.OrganizationID
	p := w.provider(t, nil)
	gives, err := w.Control.CreateRole(ctx, keyporter.Command(), keyporter.Role{OrganizationID: acme, Name: "Gives", Effects: effects("+users.manage")})
	wantKind(t, err, noError)
	stops, err := w.Control.CreateRole(ctx, keyporter.Command(), keyporter.Role{OrganizationID: acme, Name: "Stops", Effects: effects("-users.manage")})
	wantKind(t, err, noError)
	wantKind(t, w.Control.SetUserRoles(ctx, keyporter.Command(), w.ada.ID, []keyporter.ID{gives.ID, stops.ID}), noError)
	away := keyportertest.User(t, w.Control, "Acme", "away@acme.example", keyporter.RoleAdministrator)
	wantKind(t, w.Control.DisableUser(ctx, keyporter.Command(), away.ID), noError)
	second, third := keyportertest.User(t, w.Control, "Acme", "second@acme.example"), keyportertest.User(t, w.Control, "Acme", "third@acme.example")
	wantKind(t, w.Control.AppointOperator(ctx, keyporter.Command(), third.ID), noError)
	old, fresh := keyporter.Session(w.admin, w.Clock.Now().Add(-keyporter.FreshFor)), keyportertest.Session(w.admin)
	oldOperator, freshOperator := keyporter.Session(operator, w.Clock.Now().Add(-keyporter.FreshFor)), keyportertest.Session(operator)

	update := func(actor keyporter.Actor, r keyporter.Role, more ...string) error {
		r.Effects = effects(more...)
		_, err := w.Control.UpdateRole(ctx, actor, r)
		return err
	}
	for what, do := range map[string]func(person, operator keyporter.Actor) error{
		"appoint an operator": func(_, operator keyporter.Actor) error { return w.Control.AppointOperator(ctx, operator, second.ID) },
		"dismiss an operator": func(_, operator keyporter.Actor) error { return w.Control.DismissOperator(ctx, operator, third.ID) },
		"set a provider": func(_, operator keyporter.Actor) error {
			_, err := w.Control.SetIdentityProvider(ctx, operator, p, "very secret")
			return err
		},
		"let passwords in": func(_, operator keyporter.Actor) error { return w.Control.SetPasswords(ctx, operator, acme, true) },
		"set a password": func(person, _ keyporter.Actor) error {
			return w.Control.SetPassword(ctx, person, w.grace.ID, "another long password")
		},
		"give a powerful role": func(person, _ keyporter.Actor) error {
			return w.Control.SetUserRoles(ctx, person, w.grace.ID, []keyporter.ID{gives.ID})
		},
		"enable an administrator": func(person, _ keyporter.Actor) error { return w.Control.EnableUser(ctx, person, away.ID) },
		"lift a block":            func(person, _ keyporter.Actor) error { return update(person, stops, "-api.use") },
		"add an administrator": func(person, _ keyporter.Actor) error {
			_, err := w.Control.CreateUser(ctx, person, control.NewUser{OrganizationID: acme, Login: "fourth@acme.example", Password: keyportertest.Password, RoleIDs: []keyporter.ID{keyporter.RoleAdministrator}})
			return err
		},
	} {
		if err := do(old, oldOperator); keyporter.KindOf(err) != keyporter.Unauthorized {
			t.Errorf("%s: %v", what, err)
		}
		if err := do(fresh, freshOperator); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	wantKind(t, w.Control.DeleteIdentityProvider(ctx, oldOperator, acme), keyporter.Unauthorized)
	wantKind(t, w.Control.SetUserRoles(ctx, old, w.ada.ID, []keyporter.ID{keyporter.RoleAPIUser}), noError) // which gives nothing
}

// TestOnesOwnPasswordTakesTheOldOne has someone use a browser that was left open.
func TestOnesOwnPasswordTakesTheOldOne(t *testing.T) {
	t.Parallel()
	w := newWorld(t, keyportertest.Database(t))
	w.Clock.Stop()
	ctx, me := t.Context(), keyportertest.Session(w.admin)
	wantKind(t, w.Control.SetPassword(ctx, me, w.admin.ID, "another long password"), keyporter.Invalid)
	wantKind(t, w.Control.ChangePassword(ctx, keyporter.Session(w.admin, w.Clock.Now().Add(-keyporter.FreshFor)), keyportertest.Password, "another long password"), keyporter.Unauthorized)
	if err := w.Control.ChangePassword(ctx, me, "a wrong password", "short"); fieldsOf(err) != "old password" {
		t.Errorf("the error is %v", err)
	}
	wantKind(t, w.Control.ChangePassword(ctx, me, keyportertest.Password, "another long password"), noError)
	var err error
	for range 20 {
		err = w.Control.ChangePassword(ctx, me, "a guess", "another long password")
	}
	wantKind(t, err, keyporter.TooMany)
}

// TestAFirstSignInJoinsNoAccountOfOthers has whoever controls a provider sign in with the addresses of
// people who have accounts with passwords.
func TestAFirstSignInJoinsNoAccountOfOthers(t *testing.T) {
	t.Parallel()
	keyportertest.EachOfBoth(t, func(t *testing.T, url string) {
		w := newWorld(t, url)
		w.Clock.Stop()
		ctx, operator, p := t.Context(), w.operator(t), w.provider(t, nil)
		join := func(sealed, password string) error {
			_, err := w.Control.JoinByPassword(ctx, keyportertest.Nobody(), control.Join{Sealed: sealed, Password: password})
			return err
		}
		needed := func(subject string, login ...string) string {
			t.Helper()
			cookie, err := w.byProvider(t, p, subject, append(login, w.ada.Login)[0])
			e, ok := errors.AsType[*control.PasswordNeeded](err)
			if !ok || cookie != "" {
				t.Fatalf("the answer is %q, %v", cookie, err)
			}
			return e.Sealed
		}
		w.Insert(t, keyporter.User{ID: "own", OrganizationID: w.ada.OrganizationID, Login: "own@acme.example", Active: true, Operator: true})
		for _, login := range []string{operator.Login, "own@acme.example"} {
			_, err := w.byProvider(t, p, login, login)
			wantKind(t, err, keyporter.Forbidden)
		}

		sealed := needed("1")
		wantKind(t, join(sealed, "a wrong password"), keyporter.Unauthorized)
		wantKind(t, join(sealed+"x", keyportertest.Password), keyporter.Invalid)
		wantKind(t, join("", keyportertest.Password), keyporter.Invalid)
		w.Clock.Advance(10 * time.Minute)
		wantKind(t, join(sealed, keyportertest.Password), keyporter.Invalid)

		sealed = needed("2")
		var err error
		for range 20 {
			err = join(sealed, "a guess")
		}
		wantKind(t, err, keyporter.TooMany)
		w.Clock.Advance(5 * time.Minute)
		w.SetUserActive(t, "own", false)
		wantKind(t, w.Control.SetPasswords(ctx, keyporter.Command(), w.ada.OrganizationID, false), noError)
		wantKind(t, join(sealed, keyportertest.Password), noError) // which proves who they are, and lets nobody in by itself
		_, err = w.byProvider(t, p, "2", w.ada.Login)
		wantKind(t, err, noError)
		_, err = w.byProvider(t, p, "3", w.ada.Login)
		wantKind(t, err, keyporter.Forbidden)

		// Whoever has that subject at another issuer is someone else.
		sealed = needed("5", w.grace.Login)
		other := w.provider(t, func(p *keyporter.IdentityProvider) { p.Issuer += "/other" })
		_, err = w.byProvider(t, other, "5", "victim@acme.example")
		wantKind(t, err, noError)
		wantKind(t, w.Control.SetPasswords(ctx, keyporter.Command(), w.ada.OrganizationID, true), noError)
		joined, err := w.Control.JoinByPassword(ctx, keyportertest.Nobody(), control.Join{Sealed: sealed, Password: keyportertest.Password})
		if joined.Cookie != "" {
			t.Errorf("a sign-in at the issuer before opened a session, %v", err)
		}
		p = w.provider(t, nil)

		// An account that an administrator added for the address, without a password, is nobody's yet.
		w.Insert(t, keyporter.User{ID: "new", OrganizationID: w.ada.OrganizationID, Login: "new@acme.example", Active: true})
		_, err = w.byProvider(t, p, "4", "NEW@acme.example")
		wantKind(t, err, noError)
	})
}

// TestPowerIsNotConnectedByAddress changes the provider of an administrator who has always signed in there,
// and has anybody come from the new one with their address.
func TestPowerIsNotConnectedByAddress(t *testing.T) {
	t.Parallel()
	keyportertest.EachOfBoth(t, func(t *testing.T, url string) {
		w := newWorld(t, url)
		ctx, command, acme := t.Context(), keyporter.Command(), w.ada.OrganizationID
		gives, err := w.Control.CreateRole(ctx, command, keyporter.Role{OrganizationID: acme, Name: "Gives", Effects: effects("+tokens.manage")})
		wantKind(t, err, noError)
		stops, err := w.Control.CreateRole(ctx, command, keyporter.Role{OrganizationID: acme, Name: "Stops", Effects: effects("-tokens.manage")})
		wantKind(t, err, noError)
		p, boss := w.provider(t, nil), keyporter.User{}
		for login, roles := range map[string][]keyporter.ID{
			"boss@acme.example": {keyporter.RoleAdministrator}, "gives@acme.example": {gives.ID},
			"stopped@acme.example": {gives.ID, stops.ID}, "user@acme.example": {keyporter.RoleAPIUser},
		} {
			_, err := w.byProvider(t, p, login, login)
			wantKind(t, err, noError)
			u, err := w.DB.UserByLogin(ctx, login)
			wantKind(t, err, noError)
			wantKind(t, w.Control.SetUserRoles(ctx, command, u.ID, roles), noError)
			if login == "boss@acme.example" {
				boss = u
			}
		}
		p = w.provider(t, func(p *keyporter.IdentityProvider) { p.Issuer += "/other" })
		for login, want := range map[string]keyporter.Kind{
			"boss@acme.example": keyporter.Forbidden, "gives@acme.example": keyporter.Forbidden, "stopped@acme.example": noError, "user@acme.example": noError,
		} {
			cookie, err := w.byProvider(t, p, login, login)
			if keyporter.KindOf(err) != want || (cookie == "") != (want != noError) {
				t.Errorf("%s: %q, %v", login, cookie, err)
			}
			if err != nil && !strings.Contains(err.Error(), "Ask an administrator to set a password for it") {
				t.Errorf("%s doesn't learn what to do: %v", login, err)
			}
		}

		// What the refusal says to do.
		wantKind(t, w.Control.SetPasswords(ctx, command, acme, false), noError)
		wantKind(t, w.Control.SetPassword(ctx, command, boss.ID, keyportertest.Password), noError)
		_, err = w.byProvider(t, p, "boss", boss.Login)
		needed, ok := errors.AsType[*control.PasswordNeeded](err)
		if !ok {
			t.Fatal(err)
		}
		_, err = w.Control.JoinByPassword(ctx, keyportertest.Nobody(), control.Join{Sealed: needed.Sealed, Password: keyportertest.Password})
		wantKind(t, err, noError)
		_, err = w.byProvider(t, p, "boss", boss.Login)
		wantKind(t, err, noError)
	})
}

// TestNoOperatorIsLockedOut leaves an operator without a password and without a provider that knows
// them, in every way there is.
func TestNoOperatorIsLockedOut(t *testing.T) {
	t.Parallel()
	keyportertest.EachOfBoth(t, func(t *testing.T, url string) {
		w := newWorld(t, url)
		ctx, command, acme := t.Context(), keyporter.Command(), w.ada.OrganizationID
		p := w.provider(t, nil)
		passwords := func(on bool) error { return w.Control.SetPasswords(ctx, command, acme, on) }
		add := func(login string) (keyporter.User, error) {
			return w.Control.CreateUser(ctx, command, control.NewUser{OrganizationID: acme, Login: login, Password: keyportertest.Password, Operator: true})
		}

		byPassword, err := add("otto@acme.example")
		wantKind(t, err, noError)
		wantKind(t, passwords(false), keyporter.Conflict)
		wantKind(t, w.Control.DisableUser(ctx, command, byPassword.ID), noError)
		wantKind(t, passwords(false), noError)
		wantKind(t, w.Control.EnableUser(ctx, command, byPassword.ID), keyporter.Conflict)
		_, err = add("olga@acme.example")
		wantKind(t, err, keyporter.Conflict)
		wantKind(t, w.Control.AppointOperator(ctx, command, w.admin.ID), keyporter.Conflict)

		_, err = w.byProvider(t, p, "olaf", "olaf@acme.example")
		wantKind(t, err, noError)
		atProvider, err := w.DB.UserByLogin(ctx, "olaf@acme.example")
		wantKind(t, err, noError)
		wantKind(t, w.Control.AppointOperator(ctx, command, atProvider.ID), noError)
		p.ClientID = "another"
		_, err = w.Control.SetIdentityProvider(ctx, command, p, "very secret")
		wantKind(t, err, keyporter.Conflict)
		wantKind(t, passwords(true), noError) // which doesn't help: olaf has none
		_, err = w.Control.SetIdentityProvider(ctx, command, p, "very secret")
		wantKind(t, err, keyporter.Conflict)
		wantKind(t, w.Control.DeleteIdentityProvider(ctx, command, acme), keyporter.Conflict)
		wantKind(t, w.Control.SetPassword(ctx, command, atProvider.ID, keyportertest.Password), noError)
		_, err = w.Control.SetIdentityProvider(ctx, command, p, "very secret")
		wantKind(t, err, noError)
		wantKind(t, w.Control.DeleteIdentityProvider(ctx, command, acme), noError)
	})
}

// TestALookAlikeJoinsNoAccount has a provider vouch for addresses that only look like a user's.
func TestALookAlikeJoinsNoAccount(t *testing.T) {
	t.Parallel()
	w := newWorld(t, keyportertest.Database(t))
	p := w.provider(t, nil)
	w.Insert(t, keyporter.User{ID: "kelvin", OrganizationID: w.ada.OrganizationID, Login: "kelvin@acme.example", Active: true})
	for _, email := range []string{"\u212aelvin@acme.example", "ｋelvin@acme.example", "kel\u200dvin@acme.example", "kelvin@\u0430cme.example", "kelvin@acme.example\u3164"} {
		if _, err := w.byProvider(t, p, email, email); keyporter.KindOf(err) != keyporter.Forbidden {
			t.Errorf("%q is let in: %v", email, err)
		}
	}
	found, err := w.Control.ListUsers(t.Context(), keyportertest.Session(w.admin), control.UserSearch{OrganizationID: w.ada.OrganizationID, Match: "elvin"})
	if err != nil || len(found.Users) != 1 {
		t.Errorf("there are %v, %v", found.Users, err)
	}
	_, err = w.byProvider(t, p, "1", "Kelvin@ACME.example")
	wantKind(t, err, noError)
}
