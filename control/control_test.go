package control_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control"
	"github.com/keyporter/keyporter/keyportertest"
	"github.com/keyporter/keyporter/store"
)

// world has two organizations: Acme, with an administrator and the API users ada and grace, and Other,
// with the administrator eve.
type world struct {
	*keyportertest.Node

	admin, ada, grace, eve keyporter.User
}

func newWorld(t *testing.T, url string) *world {
	t.Helper()
	n := keyportertest.NewNode(t, url)
	return &world{
		Node:  n,
		admin: keyportertest.User(t, n.Control, "Acme", "olivia@acme.example", keyporter.RoleAdministrator),
		ada:   keyportertest.User(t, n.Control, "Acme", "ada@acme.example", keyporter.RoleAPIUser),
		grace: keyportertest.User(t, n.Control, "Acme", "grace@acme.example", keyporter.RoleAPIUser),
		eve:   keyportertest.User(t, n.Control, "Other", "eve@other.example", keyporter.RoleAdministrator),
	}
}

func wantKind(t *testing.T, err error, want keyporter.Kind) {
	t.Helper()
	if keyporter.KindOf(err) != want || (err == nil) != (want == keyporter.Unknown) {
		t.Errorf("error %v has kind %d, want %d", err, keyporter.KindOf(err), want)
	}
}

// noError is the kind of a nil error.
const noError = keyporter.Unknown

// fieldsOf returns the names of the fields that err is about, separated by spaces.
func fieldsOf(err error) string {
	var all []string
	for _, f := range keyporter.FieldsOf(err) {
		all = append(all, f.Field)
	}
	return strings.Join(all, " ")
}

func TestAllInvalidFieldsAreReportedAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, keyportertest.Database(t))
	ctx, command, acme := t.Context(), keyporter.Command(), w.ada.OrganizationID
	_, _, ofToken := w.Control.CreateToken(ctx, command, control.NewToken{OwnerID: w.ada.ID, ExpiresAt: w.Clock.Now()})
	_, ofUser := w.Control.CreateUser(ctx, command, control.NewUser{OrganizationID: acme, Login: "ada", Password: "short", RoleIDs: []keyporter.ID{"none"}})
	_, ofRole := w.Control.CreateRole(ctx, command, keyporter.Role{OrganizationID: acme, Effects: effects("+everything")})
	_, ofApp := w.Control.RegisterApp(ctx, command, keyporter.App{
		Name: "a\nb", HomePage: "http://a.example", Webhook: "a", Authentication: keyporter.AppKey, RedirectURIs: []string{"/a", "*"}, Scopes: []keyporter.AppScope{{Name: "none"}},
	})
	_, ofProvider := w.Control.SetIdentityProvider(ctx, command, keyporter.IdentityProvider{OrganizationID: acme, Issuer: "a", Domains: []string{"b"}, RoleID: "none"}, "")
	code, err := w.Control.SetupCode(ctx, command)
	if err != nil {
		t.Fatal(err)
	}
	_, ofSetup := w.Control.Setup(ctx, keyportertest.Nobody(), control.Setup{Code: code, Login: "ada", Password: "short"})
	for want, err := range map[string]error{
		"name expires":        ofToken,
		"role login password": ofUser,
		"name permission":     ofRole,
		"name publisher home_page webhook keys redirect_uris redirect_uris scopes": ofApp,
		"name issuer client domains secret role":                                   ofProvider,
		"organization login password":                                              ofSetup,
	} {
		wantKind(t, err, keyporter.Invalid)
		if got := fieldsOf(err); got != want {
			t.Errorf("errors about %q, want %q: %v", got, want, err)
		}
	}
}

// TestWhoMayManageAToken tries every operation on a token of ada's with every kind of actor.
func TestWhoMayManageAToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t, keyportertest.Database(t))
	operations := map[string]func(actor keyporter.Actor, id keyporter.ID) error{
		"see": func(a keyporter.Actor, id keyporter.ID) error {
			_, err := w.Control.TokenWithUse(t.Context(), a, id)
			return err
		},
		"rename": func(a keyporter.Actor, id keyporter.ID) error {
			_, err := w.Control.RenameToken(t.Context(), a, id, string(keyporter.NewID(time.Now())))
			return err
		},
		"enable": func(a keyporter.Actor, id keyporter.ID) error {
			_, err := w.Control.EnableToken(t.Context(), a, id)
			return err
		},
		"disable": func(a keyporter.Actor, id keyporter.ID) error {
			_, err := w.Control.DisableToken(t.Context(), a, id)
			return err
		},
		"expire": func(a keyporter.Actor, id keyporter.ID) error {
			_, err := w.Control.SetTokenExpiry(t.Context(), a, id, time.Time{})
			return err
		},
		"delete": func(a keyporter.Actor, id keyporter.ID) error { return w.Control.DeleteToken(t.Context(), a, id) },
	}
	for who, c := range map[string]struct {
		actor keyporter.Actor
		want  keyporter.Kind
	}{
		"the owner":                   {keyportertest.Session(w.ada), noError},
		"an administrator":            {keyportertest.Session(w.admin), noError},
		"the command line":            {keyporter.Command(), noError},
		"another user":                {keyportertest.Session(w.grace), keyporter.NotFound},
		"an administrator elsewhere":  {keyportertest.Session(w.eve), keyporter.NotFound},
		"nobody":                      {keyporter.Actor{}, keyporter.NotFound},
		"nobody, posing as the owner": {keyporter.Actor{User: w.ada}, keyporter.NotFound},
		"only the organization's ID":  {keyportertest.Session(keyporter.User{OrganizationID: w.ada.OrganizationID}), keyporter.NotFound},
	} {
		for what, do := range operations {
			token, _ := keyportertest.Token(t, w.Control, w.ada, string(keyporter.NewID(time.Now())))
			before := events(t, w, w.ada.OrganizationID)
			t.Run(who+" may "+what, func(t *testing.T) { wantKind(t, do(c.actor, token.ID), c.want) })
			if _, err := w.DB.TokenByID(t.Context(), token.ID); c.want != noError && err != nil {
				t.Errorf("%s could %s: %v", who, what, err)
			}
			if after := events(t, w, w.ada.OrganizationID); c.want != noError && after != before {
				t.Errorf("%s: a refused %s left an event", who, what)
			}
		}
		wantKind(t, operations["see"](c.actor, "01jnosuchtoken"), keyporter.NotFound)
	}
}

func events(t *testing.T, w *world, organization keyporter.ID) int {
	t.Helper()
	all, err := w.DB.Events(t.Context(), organization, "", 10_000)
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}

func TestWhoMayAddTokens(t *testing.T) {
	t.Parallel()
	w := newWorld(t, keyportertest.Database(t))
	add := func(actor keyporter.Actor, owner keyporter.User) error {
		_, _, err := w.Control.CreateToken(t.Context(), actor, control.NewToken{OwnerID: owner.ID, Name: string(keyporter.NewID(time.Now()))})
		return err
	}
	wantKind(t, add(keyportertest.Session(w.ada), w.ada), noError)
	wantKind(t, add(keyporter.Command(), w.ada), noError)
	wantKind(t, add(keyportertest.Session(w.admin), w.ada), keyporter.Forbidden)
	wantKind(t, add(keyportertest.Session(w.eve), w.ada), keyporter.Forbidden)
	wantKind(t, add(keyporter.Actor{}, w.ada), keyporter.Forbidden)

	if err := w.Control.WithdrawFlag(t.Context(), keyporter.Command(), w.ada.OrganizationID, keyporter.FlagAPI); err != nil {
		t.Fatal(err)
	}
	err := add(keyportertest.Session(w.ada), w.ada)
	wantKind(t, err, keyporter.Forbidden)
	if !strings.Contains(keyporter.MessageOf(err), "(Api)") {
		t.Errorf("the message without the feature is: %v", err)
	}
	wantKind(t, add(keyportertest.Session(w.eve), w.eve), noError) // the other organization still has the feature
}

func TestTokenAccessSaysWhyNot(t *testing.T) {
	t.Parallel()
	w := newWorld(t, keyportertest.Database(t))
	block := keyporter.Role{ID: "r", OrganizationID: w.ada.OrganizationID, Name: "Interns", Effects: map[keyporter.Permission]keyporter.Effect{keyporter.PermissionUseAPI: keyporter.EffectBlock}}
	err := w.DB.Do(t.Context(), func(tx *store.Tx) error {
		return errors.Join(tx.InsertRole(t.Context(), block, time.Now()), tx.SetUserRoles(t.Context(), w.ada.ID, []keyporter.ID{keyporter.RoleAPIUser, "r"}), tx.SetUserRoles(t.Context(), w.grace.ID, nil))
	})
	if err != nil {
		t.Fatal(err)
	}
	for user, want := range map[*keyporter.User]string{&w.admin: "", &w.ada: "“Interns” blocks", &w.grace: "none of your roles"} {
		access, err := w.Control.TokenAccess(t.Context(), keyportertest.Session(*user), keyporter.UserToken)
		if err != nil || access.Allowed != (want == "") || !strings.Contains(access.Why, want) {
			t.Errorf("%s: %+v, %v", user.Login, access, err)
		}
	}
}

func TestTokensStartDisabledAndSecretsAreNotStored(t *testing.T) {
	t.Parallel()
	keyportertest.EachDatabase(t, func(t *testing.T, url string) {
		w := newWorld(t, url)
		me := keyportertest.Session(w.ada)
		token, secret, err := w.Control.CreateToken(t.Context(), me, control.NewToken{OwnerID: w.ada.ID, Name: " Nightly export "})
		if err != nil || token.Enabled || token.Name != "Nightly export" || !token.ExpiresAt.IsZero() {
			t.Fatalf("%+v, %v", token, err)
		}
		listed, err := w.Control.Tokens(t.Context(), me, keyporter.UserToken, "")
		if err != nil || len(listed) != 1 || listed[0].Name != token.Name {
			t.Fatalf("%+v, %v", listed, err)
		}
		all, err := w.DB.Events(t.Context(), w.ada.OrganizationID, "", 100)
		if err != nil {
			t.Fatal(err)
		}
		shown := fmt.Sprintf("%+v %+v", listed, all)
		if hash := secret.Hash(); strings.Contains(shown, secret.Reveal()) || strings.Contains(shown, fmt.Sprintf("%x", hash[:8])) {
			t.Errorf("the secret or its hash is in %s", shown)
		}
		if e := all[0]; e.Name != keyporter.EventTokenCreate || e.TokenID != token.ID || e.Actor.User.ID != w.ada.ID || e.Actor.Address != "192.0.2.1" || e.Detail["name"] != "Nightly export" {
			t.Errorf("event %+v", e)
		}
	})
}

func TestBadTokens(t *testing.T) {
	t.Parallel()
	w := newWorld(t, keyportertest.Database(t))
	me := keyportertest.Session(w.ada)
	taken, _ := keyportertest.Token(t, w.Control, w.ada, "Taken")
	other, _ := keyportertest.Token(t, w.Control, w.ada, "Other")
	if _, err := w.Control.RenameToken(t.Context(), me, taken.ID, "TAKEN"); err != nil {
		t.Errorf("its own name in another case: %v", err)
	}
	keyportertest.Token(t, w.Control, w.grace, "Taken") // other users' names don't matter
	for name, want := range map[string]keyporter.Kind{
		"": keyporter.Invalid, "  ": keyporter.Invalid, strings.Repeat("x", 101): keyporter.Invalid, "a\nb": keyporter.Invalid,
		"taken": keyporter.Conflict, " TaKeN ": keyporter.Conflict,
	} {
		before := events(t, w, w.ada.OrganizationID)
		_, secret, err := w.Control.CreateToken(t.Context(), me, control.NewToken{OwnerID: w.ada.ID, Name: name})
		wantKind(t, err, want)
		if fieldsOf(err) != "name" || secret.Reveal() != "" {
			t.Errorf("%q: %v, secret %v", name, err, secret)
		}
		_, err = w.Control.RenameToken(t.Context(), me, other.ID, name)
		wantKind(t, err, want)
		if events(t, w, w.ada.OrganizationID) != before {
			t.Errorf("%q: a refused change left an event", name)
		}
	}
	for _, at := range []time.Time{w.Clock.Now(), w.Clock.Now().Add(-time.Hour), time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC)} {
		_, err := w.Control.SetTokenExpiry(t.Context(), me, other.ID, at)
		wantKind(t, err, keyporter.Invalid)
	}
}

func TestRepeatedDisablesWriteOneEvent(t *testing.T) {
	t.Parallel()
	w := newWorld(t, keyportertest.Database(t))
	token, _ := keyportertest.Token(t, w.Control, w.ada, "Export")
	before := events(t, w, w.ada.OrganizationID)
	for range 3 {
		if got, err := w.Control.DisableToken(t.Context(), keyportertest.Session(w.ada), token.ID); err != nil || got.Enabled {
			t.Errorf("%+v, %v", got, err)
		}
	}
	if n := events(t, w, w.ada.OrganizationID) - before; n != 1 {
		t.Errorf("%d events", n)
	}
}

func TestSessions(t *testing.T) {
	t.Parallel()
	keyportertest.EachDatabase(t, func(t *testing.T, url string) {
		w := newWorld(t, url)
		in := control.SignIn{Login: " ADA@acme.example", Password: keyportertest.Password}
		in.Login = strings.TrimSpace(in.Login)
		browser := keyporter.Actor{Address: "192.0.2.1", Agent: "\xffbrowser"}
		enter := func() string {
			t.Helper()
			session, err := w.Control.SignIn(t.Context(), browser, in)
			if err != nil {
				t.Fatal(err)
			}
			return session.Cookie
		}
		valid := func(cookie string) bool {
			t.Helper()
			actor, err := w.Control.Session(t.Context(), browser, cookie)
			if err != nil && keyporter.KindOf(err) != keyporter.Unauthorized {
				t.Fatal(err)
			}
			return err == nil && actor.Is(w.ada.ID)
		}
		cookie := enter()
		for c, want := range map[string]bool{cookie: true, "": false, cookie[1:]: false, cookie + "A": false, strings.Repeat("A", 1<<16): false, "\x00\xff": false} {
			if valid(c) != want {
				t.Errorf("cookie %.60q: valid %v", c, !want)
			}
		}
		other := enter()
		if err := w.Control.SignOut(t.Context(), keyportertest.Session(w.ada), cookie); err != nil || valid(cookie) || !valid(other) {
			t.Errorf("after signing out: %v, valid %v, the other browser's %v", err, valid(cookie), valid(other))
		}
		before := events(t, w, w.ada.OrganizationID)
		if err := w.Control.SignOut(t.Context(), keyportertest.Session(w.ada), cookie); err != nil || events(t, w, w.ada.OrganizationID) != before {
			t.Errorf("signing out of a session that has ended: %v, or it left an event", err)
		}
		if err := w.Control.DisableUser(t.Context(), keyporter.Command(), w.ada.ID); err != nil || valid(other) {
			t.Errorf("a user who was switched off: %v, valid %v", err, valid(other))
		}
		_, err := w.Control.SignIn(t.Context(), browser, in)
		wantKind(t, err, keyporter.Forbidden)
		if err := w.Control.EnableUser(t.Context(), keyporter.Command(), w.ada.ID); err != nil {
			t.Fatal(err)
		}
		cookie = enter()
		if err := w.Control.SetPassword(t.Context(), keyporter.Command(), w.ada.ID, "another long password"); err != nil || valid(cookie) {
			t.Errorf("after a new password: %v, valid %v", err, valid(cookie))
		}
		in.Password = "another long password"
		cookie = enter()
		for range 7 {
			w.Clock.Advance(23 * time.Hour)
			if !valid(cookie) {
				t.Fatal("a session that is used every day ends within a week")
			}
		}
		w.Clock.Advance(7*time.Hour + time.Minute)
		if valid(cookie) {
			t.Error("a session outlives a week")
		}
		cookie = enter()
		w.Clock.Advance(24 * time.Hour)
		if valid(cookie) {
			t.Error("a session outlives a day without use")
		}
		if err := w.Control.Prune(t.Context(), keyporter.System()); err != nil {
			t.Error(err)
		}
	})
}

func TestSignInRevealsNothingAndIsLimited(t *testing.T) {
	t.Parallel()
	keyportertest.EachDatabase(t, func(t *testing.T, url string) {
		w := newWorld(t, url)
		w.Clock.Stop()
		try := func(login, password, address string) error {
			_, err := w.Control.SignIn(t.Context(), keyporter.Actor{Address: address}, control.SignIn{Login: login, Password: password})
			return err
		}
		wrong := try("ada@acme.example", "wrong", "192.0.2.1")
		for _, login := range []string{"nobody@acme.example", "", "\x00", "\xff", "' OR 1=1 --", strings.Repeat("x", 1<<16)} {
			if err := try(login, keyportertest.Password, "192.0.2.2"); err == nil || err.Error() != wrong.Error() {
				t.Errorf("%.30q: %v, but for an existing login name: %v", login, err, wrong)
			}
		}
		wantKind(t, wrong, keyporter.Unauthorized)
		wantKind(t, try("ada@acme.example", strings.Repeat("x", 1<<20), "192.0.2.1"), keyporter.Unauthorized)

		var limited atomic.Int32
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				if keyporter.KindOf(try("grace@acme.example", "wrong", "198.51.100.1")) == keyporter.TooMany {
					limited.Add(1)
				}
			})
		}
		all.Wait()
		if limited.Load() != 10 {
			t.Errorf("%d of 20 concurrent attempts were refused", limited.Load())
		}
		wantKind(t, try("grace@acme.example", keyportertest.Password, "198.51.100.2"), keyporter.TooMany)
		wantKind(t, try("ada@acme.example", keyportertest.Password, "198.51.100.1"), noError)
		w.Clock.Advance(5 * time.Minute)
		wantKind(t, try("grace@acme.example", keyportertest.Password, "198.51.100.1"), noError)
		for i := range 50 {
			_ = try(fmt.Sprintf("user%d@acme.example", i), "x", fmt.Sprintf("2001:db8::%x", i))
		}
		wantKind(t, try("ada@acme.example", keyportertest.Password, "2001:db8::ffff"), keyporter.TooMany)
	})
}

func TestBadUsers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, keyportertest.Database(t))
	for _, c := range []struct {
		control.NewUser
		field string
		kind  keyporter.Kind
	}{
		{control.NewUser{Login: "ADA@acme.example", Password: keyportertest.Password}, "login", keyporter.Conflict},
		{control.NewUser{Login: "nobody", Password: keyportertest.Password}, "login", keyporter.Invalid},
		{control.NewUser{Login: "new@acme.example", Password: "short"}, "password", keyporter.Invalid},
		{control.NewUser{Login: "new@acme.example", Password: strings.Repeat("x", 2000)}, "password", keyporter.Invalid},
		{control.NewUser{Login: "new@acme.example", Password: keyportertest.Password, RoleIDs: []keyporter.ID{"root"}}, "role", keyporter.Invalid},
	} {
		c.OrganizationID = w.ada.OrganizationID
		_, err := w.Control.CreateUser(t.Context(), keyporter.Command(), c.NewUser)
		wantKind(t, err, c.kind)
		if fieldsOf(err) != c.field || strings.Contains(err.Error(), "short") {
			t.Errorf("%s: %v", c.Login, err)
		}
	}
}

func TestSetupCreatesOneOperator(t *testing.T) {
	t.Parallel()
	keyportertest.EachDatabase(t, func(t *testing.T, url string) {
		nodes := []*keyportertest.Node{keyportertest.NewNode(t, url), keyportertest.NewNode(t, url)}
		c := nodes[0].Control
		var links, late atomic.Int32
		var first string
		var starts sync.WaitGroup
		for i := range 8 { // nodes that start at once
			starts.Go(func() {
				code, err := nodes[i%2].Control.SetupCode(context.WithoutCancel(t.Context()), keyporter.System())
				switch {
				case err == nil:
					first = code
					links.Add(1)
				case keyporter.KindOf(err) == keyporter.TooMany:
					late.Add(1)
				}
			})
		}
		starts.Wait()
		if links.Load() != 1 || late.Load() != 7 {
			t.Fatalf("8 starts got %d links, and %d were late", links.Load(), late.Load())
		}
		wantKind(t, c.SetupOpen(t.Context(), keyportertest.Nobody(), first), noError)
		nodes[0].Clock.Advance(time.Minute)
		code, err := c.SetupCode(t.Context(), keyporter.System())
		if err != nil || code == first {
			t.Fatal(err)
		}
		wantKind(t, c.SetupOpen(t.Context(), keyportertest.Nobody(), first), keyporter.NotFound) // a new link replaces the previous one
		wantKind(t, c.SetupOpen(t.Context(), keyportertest.Nobody(), code), noError)
		in := control.Setup{Code: code, Organization: "Acme", Login: "olivia@acme.example", Password: "short"}
		_, err = c.Setup(t.Context(), keyportertest.Nobody(), in)
		wantKind(t, err, keyporter.Invalid)
		wantKind(t, c.SetupOpen(t.Context(), keyportertest.Nobody(), code), noError) // the link survives a mistake
		var made atomic.Int32
		var all sync.WaitGroup
		for i := range 8 {
			all.Go(func() {
				in := in
				in.Organization, in.Login, in.Password = fmt.Sprint("Org ", i), fmt.Sprintf("o%d@acme.example", i), keyportertest.Password
				if user, err := c.Setup(context.WithoutCancel(t.Context()), keyportertest.Nobody(), in); err == nil && user.Operator {
					made.Add(1)
				}
			})
		}
		all.Wait()
		if made.Load() != 1 {
			t.Errorf("one link created %d operators", made.Load())
		}
		if err := c.SetupOpen(t.Context(), keyportertest.Nobody(), code); !strings.Contains(keyporter.MessageOf(err), "there is an operator already. Sign in.") {
			t.Errorf("the link then says: %v", err)
		}
		if again, err := c.SetupCode(t.Context(), keyporter.System()); again != "" || err != nil {
			t.Errorf("there is already an operator, but also the link %q, %v", again, err)
		}
	})
}

func TestPagingThroughTokens(t *testing.T) {
	t.Parallel()
	w := newWorld(t, keyportertest.Database(t))
	for i := range control.MaxPage + 5 {
		if _, _, err := w.Control.CreateToken(t.Context(), keyporter.Command(), control.NewToken{OwnerID: w.ada.ID, Name: fmt.Sprint(i)}); err != nil {
			t.Fatal(err)
		}
	}
	first, err := w.Control.Tokens(t.Context(), keyportertest.Session(w.ada), keyporter.UserToken, "")
	if err != nil || len(first) != control.MaxPage {
		t.Fatalf("%d tokens, %v", len(first), err)
	}
	second, err := w.Control.Tokens(t.Context(), keyportertest.Session(w.ada), keyporter.UserToken, first[len(first)-1].ID)
	if err != nil || len(second) != 5 {
		t.Errorf("%d tokens, %v", len(second), err)
	}
}

// TestTokenLimit adds the last tokens from several browsers at the same time.
func TestTokenLimit(t *testing.T) {
	t.Parallel()
	keyportertest.EachDatabase(t, func(t *testing.T, url string) {
		w := newWorld(t, url)
		const room = 3
		err := w.DB.Do(t.Context(), func(tx *store.Tx) error {
			for i := range control.MaxTokens - room {
				token := keyporter.Token{ID: keyporter.NewID(time.Now()), OrganizationID: w.ada.OrganizationID, OwnerID: w.ada.ID, Kind: keyporter.UserToken, Name: fmt.Sprint(i)}
				if err := tx.InsertToken(t.Context(), token, keyporter.HashSecret(token.Name)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		add := func(actor keyporter.Actor, owner keyporter.User) error {
			_, _, err := w.Control.CreateToken(context.WithoutCancel(t.Context()), actor, control.NewToken{OwnerID: owner.ID, Name: string(keyporter.NewID(time.Now()))})
			return err
		}
		var added atomic.Int32
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				switch err := add(keyportertest.Session(w.ada), w.ada); {
				case err == nil:
					added.Add(1)
				case !strings.Contains(keyporter.MessageOf(err), "the limit of 1000 tokens"):
					t.Error(err)
				}
			})
		}
		all.Wait()
		if added.Load() != room {
			t.Errorf("added %d tokens with room for %d", added.Load(), room)
		}
		wantKind(t, add(keyportertest.Session(w.ada), w.ada), keyporter.Conflict)
		wantKind(t, add(keyportertest.Session(w.grace), w.grace), noError)
		wantKind(t, add(keyporter.Command(), w.ada), noError)
	})
}
