package control_test

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control"
	"github.com/keyporter/keyporter/keyportertest"
)

// developers adds to the world dev and devi, who develop apps at Acme, and otto, an operator in Other.
type developers struct {
	*world

	dev, devi, otto keyporter.User
}

func newDevelopers(t *testing.T, url string) *developers {
	t.Helper()
	w := newWorld(t, url)
	d := &developers{
		world: w,
		dev:   keyportertest.User(t, w.Control, "Acme", "dev@acme.example", keyporter.RoleDeveloper),
		devi:  keyportertest.User(t, w.Control, "Acme", "devi@acme.example", keyporter.RoleDeveloper),
	}
	var err error
	d.otto, err = w.Control.CreateUser(t.Context(), keyporter.Command(), control.NewUser{
		OrganizationID: w.eve.OrganizationID, Login: "otto@other.example", Password: keyportertest.Password, Operator: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// app registers an app of Acme. dev is responsible for it.
func (d *developers) app(t *testing.T) keyporter.App {
	t.Helper()
	a, err := d.Control.RegisterApp(t.Context(), keyportertest.Session(d.dev), keyporter.App{
		OrganizationID: d.dev.OrganizationID, Name: "DMS", Publisher: "Acme", Authentication: keyporter.AppSecret,
		RedirectURIs: []string{"https://app.example/cb"}, Scopes: []keyporter.AppScope{{Name: "envelope.read"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// TestWhoMayChangeAnApp tries every operation on an app of dev's with every kind of actor.
func TestWhoMayChangeAnApp(t *testing.T) {
	t.Parallel()
	d := newDevelopers(t, keyportertest.Database(t))
	ctx := t.Context()
	operations := map[string]func(keyporter.Actor, keyporter.App) error{
		"update": func(a keyporter.Actor, app keyporter.App) error {
			app.Name = "Renamed"
			_, err := d.Control.UpdateApp(ctx, a, app)
			return err
		},
		"suspend": func(a keyporter.Actor, app keyporter.App) error { return d.Control.SuspendApp(ctx, a, app.ID) },
		"resume":  func(a keyporter.Actor, app keyporter.App) error { return d.Control.ResumeApp(ctx, a, app.ID) },
		"delete":  func(a keyporter.Actor, app keyporter.App) error { return d.Control.DeleteApp(ctx, a, app.ID) },
		"secret": func(a keyporter.Actor, app keyporter.App) error {
			_, secret, err := d.Control.AddAppSecret(ctx, a, app.ID)
			if (err == nil) != (secret.Reveal() != "") {
				t.Errorf("error %v, secret returned: %v", err, secret.Reveal() != "")
			}
			return err
		},
		"people": func(a keyporter.Actor, app keyporter.App) error {
			return d.Control.SetAppPeople(ctx, a, control.AppPeople{AppID: app.ID, Logins: []string{"devi@acme.example"}, Shown: []keyporter.ID{d.dev.ID}})
		},
		"image": func(a keyporter.Actor, app keyporter.App) error {
			return d.Control.SetAppImage(ctx, a, app.ID, picture(t, "png", 8, 8))
		},
		"no image": func(a keyporter.Actor, app keyporter.App) error { return d.Control.RemoveAppImage(ctx, a, app.ID) },
	}
	for who, c := range map[string]struct {
		actor keyporter.Actor
		want  keyporter.Kind
	}{
		"a developer responsible for it":        {keyportertest.Session(d.dev), noError},
		"an administrator of the organization":  {keyportertest.Session(d.admin), noError},
		"an operator":                           {keyportertest.Session(d.otto), noError},
		"the command line":                      {keyporter.Command(), noError},
		"another developer of the organization": {keyportertest.Session(d.devi), keyporter.Forbidden},
		"a user of the organization":            {keyportertest.Session(d.ada), keyporter.NotFound},
		"an administrator elsewhere":            {keyportertest.Session(d.eve), keyporter.NotFound},
		"nobody":                                {keyporter.Actor{SignedInAt: time.Now()}, keyporter.Unauthorized},
		"nobody, posing as dev":                 {keyporter.Actor{User: d.dev, SignedInAt: time.Now()}, keyporter.Unauthorized},
		"only the organization's ID":            {keyportertest.Session(keyporter.User{OrganizationID: d.dev.OrganizationID}), keyporter.Unauthorized},
	} {
		for what, do := range operations {
			app := d.app(t)
			before := events(t, d.world, app.OrganizationID)
			t.Run(who+" may "+what, func(t *testing.T) { wantKind(t, do(c.actor, app), c.want) })
			after, err := d.DB.AppByID(ctx, app.ID)
			if c.want != noError && (err != nil || after.Version != app.Version || !after.ImageAt.IsZero() || events(t, d.world, app.OrganizationID) != before) {
				t.Errorf("%s could %s: %+v, %v", who, what, after, err)
			}
		}
		_, err := d.Control.App(ctx, c.actor, d.app(t).ID)
		if want := c.want; want != keyporter.Forbidden {
			wantKind(t, err, want)
		} else {
			wantKind(t, err, noError) // they can see it
		}
		wantKind(t, d.Control.SuspendApp(ctx, c.actor, "01jnosuchapp"), keyporter.NotFound)
	}
}

func TestWhoMayRegisterApps(t *testing.T) {
	t.Parallel()
	d := newDevelopers(t, keyportertest.Database(t))
	acme, other := d.dev.OrganizationID, d.eve.OrganizationID
	for _, c := range []struct {
		who          string
		actor        keyporter.Actor
		organization keyporter.ID
		verified     bool
		want         keyporter.Kind
	}{
		{"a developer", keyportertest.Session(d.dev), acme, false, noError},
		{"a developer who verifies it", keyportertest.Session(d.dev), acme, true, keyporter.Forbidden},
		{"a developer for the instance", keyportertest.Session(d.dev), "", false, keyporter.Forbidden},
		{"a developer for another organization", keyportertest.Session(d.dev), other, false, keyporter.Forbidden},
		{"an administrator", keyportertest.Session(d.admin), acme, false, noError},
		{"a user", keyportertest.Session(d.ada), acme, false, keyporter.Forbidden},
		{"an operator for their organization", keyportertest.Session(d.otto), other, true, noError},
		{"an operator for the instance", keyportertest.Session(d.otto), "", true, noError},
		{"an operator for another organization", keyportertest.Session(d.otto), acme, true, noError},
		{"an operator for an unknown organization", keyportertest.Session(d.otto), "nosuch", true, keyporter.NotFound},
		{"the command line", keyporter.Command(), "", true, noError},
		{"nobody", keyporter.Actor{}, "", false, keyporter.Unauthorized},
		{"nobody, posing as dev", keyporter.Actor{User: d.dev}, acme, false, keyporter.Unauthorized},
	} {
		t.Run(c.who, func(t *testing.T) {
			a, err := d.Control.RegisterApp(t.Context(), c.actor, keyporter.App{
				OrganizationID: c.organization, Name: "A", Publisher: "P", Verified: c.verified, WithoutPKCE: c.verified, Authentication: keyporter.AppSecret,
				RedirectURIs: []string{"https://app.example/cb"}, Scopes: []keyporter.AppScope{{Name: "openid"}},
				State: keyporter.AppSuspended, SuspendedByOperator: true, Dynamic: true, Version: 7, ID: "mine",
			})
			wantKind(t, err, c.want)
			if err != nil {
				return
			}
			if a.State != keyporter.AppActive || a.SuspendedByOperator || a.Dynamic || a.ID == "mine" || a.Version != 1 {
				t.Errorf("%+v", a)
			}
			p, err := d.Control.App(t.Context(), keyporter.Command(), a.ID)
			if err != nil || !c.actor.Trusted() && (len(p.People) != 1 || p.People[0].ID != c.actor.User.ID) {
				t.Errorf("the people responsible are %+v, %v", p.People, err)
			}
		})
	}
}

func TestBadApps(t *testing.T) {
	t.Parallel()
	d := newDevelopers(t, keyportertest.Database(t))
	const ec = `{"keys":[{"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"`
	for what, c := range map[string]struct {
		change func(*keyporter.App)
		field  string // the invalid field; empty: the app is valid
	}{
		"valid":                  {func(*keyporter.App) {}, ""},
		"no name":                {func(a *keyporter.App) { a.Name = " " }, "name"},
		"a long name":            {func(a *keyporter.App) { a.Name = strings.Repeat("ä", 101) }, "name"},
		"a bidirectional name":   {func(a *keyporter.App) { a.Name = "a\u202eb" }, "name"},
		"no publisher":           {func(a *keyporter.App) { a.Publisher = "" }, "publisher"},
		"a long description":     {func(a *keyporter.App) { a.Description = strings.Repeat("x", 501) }, "description"},
		"control characters":     {func(a *keyporter.App) { a.Description = "a\x07" }, "description"},
		"a line break":           {func(a *keyporter.App) { a.Description = "a\r\nb" }, ""},
		"a script as home page":  {func(a *keyporter.App) { a.HomePage = "javascript:alert(1)" }, "home_page"},
		"a webhook without TLS":  {func(a *keyporter.App) { a.Webhook = "http://app.example/hook" }, "webhook"},
		"no redirect URI":        {func(a *keyporter.App) { a.RedirectURIs = []string{" "} }, "redirect_uris"},
		"no redirect URI needed": {func(a *keyporter.App) { a.RedirectURIs, a.OwnTokens = nil, true }, ""},
		"a device":               {func(a *keyporter.App) { a.RedirectURIs, a.Device = nil, true }, ""},
		"a fragment":             {func(a *keyporter.App) { a.RedirectURIs = []string{"https://app.example/cb#x"} }, "redirect_uris"},
		"a private scheme":       {func(a *keyporter.App) { a.RedirectURIs = []string{"com.example.app:/cb"} }, "redirect_uris"},
		"too many redirect URIs": {func(a *keyporter.App) { a.RedirectURIs = many(21) }, "redirect_uris"},
		"a private scheme, public": {func(a *keyporter.App) {
			a.Authentication, a.RedirectURIs = keyporter.AppPublic, []string{"com.example.app:/cb"}
		}, ""},
		"no scope":                  {func(a *keyporter.App) { a.Scopes = nil }, "scopes"},
		"an unknown scope":          {func(a *keyporter.App) { a.Scopes = []keyporter.AppScope{{Name: "everything"}} }, "scopes"},
		"an unknown authentication": {func(a *keyporter.App) { a.Authentication = "password" }, "authentication"},
		"public, own tokens": {func(a *keyporter.App) {
			a.Authentication, a.OwnTokens = keyporter.AppPublic, true
		}, "own_tokens"},
		"public without PKCE": {func(a *keyporter.App) { a.Authentication, a.WithoutPKCE = keyporter.AppPublic, true }, "without_pkce"},
		"no keys":             {withKeys(""), "keys"},
		"not JSON":            {withKeys("-----BEGIN PUBLIC KEY-----"), "keys"},
		"an empty set":        {withKeys(`{"keys":[]}`), "keys"},
		"a key without a set": {withKeys(strings.TrimPrefix(ec, `{"keys":[`) + "}"), "keys"},
		"a public key":        {withKeys(ec + "}]}"), ""},
		"a private key":       {withKeys(ec + `,"d":"870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE"}]}`), "keys"},
		"a shared key":        {withKeys(`{"keys":[{"kty":"oct","k":"AAAA"}]}`), "keys"},
		"not on the curve":    {withKeys(strings.Replace(ec, "MKBC", "MKBD", 1) + "}]}"), "keys"},
		"a short RSA key":     {withKeys(`{"keys":[{"kty":"RSA","e":"AQAB","n":"` + strings.Repeat("A", 3) + `_` + strings.Repeat("w", 160) + `"}]}`), "keys"},
		"a URL for a key":     {withKeys(`https://app.example/jwks`), "keys"},
	} {
		t.Run(what, func(t *testing.T) {
			a := keyporter.App{
				Name: "A", Publisher: "P", Authentication: keyporter.AppSecret,
				RedirectURIs: []string{"https://app.example/cb"}, Scopes: []keyporter.AppScope{{Name: "envelope.read"}},
			}
			c.change(&a)
			made, err := d.Control.RegisterApp(t.Context(), keyporter.Command(), a)
			if c.field == "" {
				if err != nil || strings.Contains(made.Description, "\r") {
					t.Error(made, err)
				}
				return
			}
			wantKind(t, err, keyporter.Invalid)
			if fieldsOf(err) != c.field {
				t.Errorf("%v, want an error about %s", err, c.field)
			}
		})
	}
}

func withKeys(keys string) func(*keyporter.App) {
	return func(a *keyporter.App) { a.Authentication, a.Keys = keyporter.AppKey, keys }
}

func many(n int) (uris []string) {
	for i := range n {
		uris = append(uris, "https://app.example/"+strings.Repeat("x", i+1))
	}
	return uris
}

func TestConcurrentChangesToAnAppConflict(t *testing.T) {
	t.Parallel()
	keyportertest.EachDatabase(t, func(t *testing.T, url string) {
		d := newDevelopers(t, url)
		app := d.app(t)
		var saved, conflicts atomic.Int32
		var all sync.WaitGroup
		for _, name := range []string{"One", "Two", "Three", "Four"} {
			all.Go(func() {
				mine := app
				mine.Name = name
				_, err := d.Control.UpdateApp(t.Context(), keyportertest.Session(d.dev), mine)
				switch keyporter.KindOf(err) {
				case keyporter.Unknown:
					saved.Add(1)
				case keyporter.Conflict:
					conflicts.Add(1)
				}
			})
		}
		all.Wait()
		after, err := d.DB.AppByID(t.Context(), app.ID)
		if saved.Load() != 1 || conflicts.Load() != 3 || err != nil || after.Version != 2 {
			t.Errorf("%d changes were saved, %d conflicted: %+v, %v", saved.Load(), conflicts.Load(), after, err)
		}
	})
}

// TestAnAppNeverHasThreeSecrets adds sixteen at the same time.
func TestAnAppNeverHasThreeSecrets(t *testing.T) {
	t.Parallel()
	keyportertest.EachDatabase(t, func(t *testing.T, url string) {
		d := newDevelopers(t, url)
		app := d.app(t)
		var added atomic.Int32
		var all sync.WaitGroup
		for range 16 {
			all.Go(func() {
				_, secret, err := d.Control.AddAppSecret(t.Context(), keyportertest.Session(d.dev), app.ID)
				if err == nil {
					added.Add(1)
				} else if keyporter.KindOf(err) != keyporter.Conflict || secret.Reveal() != "" {
					t.Error(err)
				}
			})
		}
		all.Wait()
		p, err := d.Control.App(t.Context(), keyportertest.Session(d.dev), app.ID)
		if added.Load() != 2 || err != nil || len(p.Secrets) != 2 {
			t.Fatalf("%d were added: %+v, %v", added.Load(), p.Secrets, err)
		}
		if err := d.Control.DeleteAppSecret(t.Context(), keyportertest.Session(d.dev), app.ID, p.Secrets[0].ID); err != nil {
			t.Error(err)
		}
		wantKind(t, d.Control.DeleteAppSecret(t.Context(), keyportertest.Session(d.dev), app.ID, p.Secrets[0].ID), keyporter.NotFound)
		wantKind(t, d.Control.DeleteAppSecret(t.Context(), keyportertest.Session(d.dev), d.app(t).ID, p.Secrets[1].ID), keyporter.NotFound)
		_, _, err = d.Control.AddAppSecret(t.Context(), keyportertest.Session(d.dev), app.ID)
		wantKind(t, err, noError)
	})
}

func TestAddingASecretRequiresAFreshSignIn(t *testing.T) {
	t.Parallel()
	d := newDevelopers(t, keyportertest.Database(t))
	app := d.app(t)
	d.Clock.Advance(keyporter.FreshFor)
	_, secret, err := d.Control.AddAppSecret(t.Context(), keyportertest.Session(d.dev), app.ID)
	if keyporter.KindOf(err) != keyporter.Unauthorized || secret.Reveal() != "" {
		t.Errorf("%v", err)
	}
	_, _, err = d.Control.AddAppSecret(t.Context(), keyporter.Command(), app.ID)
	wantKind(t, err, noError)
}

func TestChangingAuthenticationDeletesSecrets(t *testing.T) {
	t.Parallel()
	d := newDevelopers(t, keyportertest.Database(t))
	app, me := d.app(t), keyportertest.Session(d.dev)
	_, secret, err := d.Control.AddAppSecret(t.Context(), me, app.ID)
	wantKind(t, err, noError)
	app.Authentication = keyporter.AppPublic
	app, err = d.Control.UpdateApp(t.Context(), me, app)
	wantKind(t, err, noError)
	if _, itsOwn, err := d.DB.AppWithSecret(t.Context(), app.ID, secret.Hash()); err != nil || itsOwn {
		t.Errorf("the app still has the secret, %v", err)
	}
	_, _, err = d.Control.AddAppSecret(t.Context(), me, app.ID)
	wantKind(t, err, keyporter.Conflict)
}

// TestOnlyOperatorsResumeWhatOperatorsSuspended has the developer of an app try to get around its suspension.
func TestOnlyOperatorsResumeWhatOperatorsSuspended(t *testing.T) {
	t.Parallel()
	d := newDevelopers(t, keyportertest.Database(t))
	ctx, app, me, operator := t.Context(), d.app(t), keyportertest.Session(d.dev), keyportertest.Session(d.otto)
	wantState := func(want keyporter.AppState) {
		t.Helper()
		if a, err := d.DB.AppByID(ctx, app.ID); err != nil || a.State != want {
			t.Errorf("the state is %s, want %s (%v)", a.State, want, err)
		}
	}
	wantKind(t, d.Control.SuspendApp(ctx, me, app.ID), noError)
	wantState(keyporter.AppSuspended)
	wantKind(t, d.Control.ResumeApp(ctx, me, app.ID), noError)
	wantState(keyporter.AppActive)
	wantKind(t, d.Control.SuspendApp(ctx, me, app.ID), noError)
	wantKind(t, d.Control.SuspendApp(ctx, operator, app.ID), noError) // even if it is already suspended
	wantKind(t, d.Control.ResumeApp(ctx, me, app.ID), keyporter.Forbidden)
	wantKind(t, d.Control.SuspendApp(ctx, me, app.ID), noError)
	wantKind(t, d.Control.ResumeApp(ctx, me, app.ID), keyporter.Forbidden)
	now, err := d.DB.AppByID(ctx, app.ID)
	wantKind(t, err, noError)
	now.State, now.SuspendedByOperator, now.Name = keyporter.AppActive, false, "Mine"
	_, err = d.Control.UpdateApp(ctx, me, now)
	wantKind(t, err, noError)
	wantState(keyporter.AppSuspended)
	wantKind(t, d.Control.ResumeApp(ctx, operator, app.ID), noError)
	wantState(keyporter.AppActive)
	wantKind(t, d.Control.ApproveApp(ctx, me, app.ID, app.Version), keyporter.Forbidden)
	wantKind(t, d.Control.ApproveApp(ctx, operator, app.ID, app.Version), noError)
}

// TestRebrandingAnAppEndsItsVerification changes a verified app, both in ways that people recognize it
// by and in others.
func TestRebrandingAnAppEndsItsVerification(t *testing.T) {
	t.Parallel()
	d := newDevelopers(t, keyportertest.Database(t))
	ctx, me := t.Context(), keyportertest.Session(d.dev)
	verified := func() keyporter.App {
		t.Helper()
		app := d.app(t)
		app.Verified, app.WithoutPKCE = true, true
		app, err := d.Control.UpdateApp(ctx, keyportertest.Session(d.otto), app)
		if err != nil || !app.Verified {
			t.Fatal(err)
		}
		return app
	}
	for what, c := range map[string]struct {
		change        func(*keyporter.App)
		staysVerified bool
	}{
		"description": {func(a *keyporter.App) { a.Description = "New" }, true},
		"scopes":      {func(a *keyporter.App) { a.Scopes = append(a.Scopes, keyporter.AppScope{Name: "template.read"}) }, true},
		"name":        {func(a *keyporter.App) { a.Name = "Your bank" }, false},
		"publisher":   {func(a *keyporter.App) { a.Publisher = "Your bank" }, false},
		"home page":   {func(a *keyporter.App) { a.HomePage = "https://bank.example" }, false},
	} {
		app := verified()
		c.change(&app)
		app, err := d.Control.UpdateApp(ctx, me, app)
		if err != nil || app.Verified != c.staysVerified || !app.WithoutPKCE {
			t.Errorf("with a new %s: %+v, %v", what, app, err)
		}
	}
	app := verified()
	wantKind(t, d.Control.SetAppImage(ctx, me, app.ID, picture(t, "png", 4, 4)), noError)
	if now, err := d.DB.AppByID(ctx, app.ID); err != nil || now.Verified {
		t.Errorf("with a new image: %+v, %v", now, err)
	}
	app = verified()
	wantKind(t, d.Control.SetAppImage(ctx, keyportertest.Session(d.otto), app.ID, picture(t, "png", 4, 4)), noError)
	if now, err := d.DB.AppByID(ctx, app.ID); err != nil || !now.Verified {
		t.Errorf("with an image from an operator: %+v, %v", now, err)
	}
}

func TestPeopleResponsibleForAnApp(t *testing.T) {
	t.Parallel()
	keyportertest.EachDatabase(t, func(t *testing.T, url string) {
		d := newDevelopers(t, url)
		ctx, app, me := t.Context(), d.app(t), keyportertest.Session(d.dev)
		set := func(actor keyporter.Actor, app keyporter.ID, shown []keyporter.ID, logins ...string) error {
			return d.Control.SetAppPeople(ctx, actor, control.AppPeople{AppID: app, Logins: logins, Shown: shown})
		}
		wantKind(t, set(me, app.ID, []keyporter.ID{d.dev.ID}), keyporter.Invalid)                                                    // nobody
		wantKind(t, set(me, app.ID, []keyporter.ID{d.dev.ID}, "dev@acme.example", "eve@other.example"), keyporter.Invalid)           // of another organization
		wantKind(t, set(me, app.ID, []keyporter.ID{d.dev.ID}, "nobody@acme.example"), keyporter.Invalid)                             // no such user
		wantKind(t, set(me, app.ID, []keyporter.ID{d.devi.ID}, "dev@acme.example"), keyporter.Conflict)                              // outdated
		wantKind(t, set(me, app.ID, []keyporter.ID{d.dev.ID}, "DEV@acme.example", "devi@acme.example", "dev@acme.example"), noError) // duplicates don't matter
		both := []keyporter.ID{d.dev.ID, d.devi.ID}
		wantKind(t, set(keyportertest.Session(d.devi), app.ID, both, "devi@acme.example"), noError) // devi may change it now, too
		wantKind(t, set(me, app.ID, []keyporter.ID{d.devi.ID}, "dev@acme.example"), keyporter.Forbidden)

		// If two people remove each other at the same time, only one succeeds.
		wantKind(t, set(keyportertest.Session(d.devi), app.ID, []keyporter.ID{d.devi.ID}, "dev@acme.example", "devi@acme.example"), noError)
		var all sync.WaitGroup
		for _, u := range []keyporter.User{d.dev, d.devi} {
			all.Go(func() { _ = set(keyportertest.Session(u), app.ID, both, u.Login) })
		}
		all.Wait()
		if p, err := d.DB.AppPeople(ctx, app.ID); err != nil || len(p) != 1 {
			t.Errorf("the people responsible are %v, %v", p, err)
		}

		// For an app of the instance, operators can name any user. The people responsible can't find out
		// who uses Keyporter in other organizations.
		instance := d.App(t, keyporter.App{})
		wantKind(t, set(keyportertest.Session(d.otto), instance.ID, nil, "dev@acme.example", "eve@other.example"), noError)
		shown := []keyporter.ID{d.dev.ID, d.eve.ID}
		slices.Sort(shown)
		wantKind(t, set(me, instance.ID, shown, "dev@acme.example", "eve@other.example", "otto@other.example"), keyporter.Invalid)
		wantKind(t, set(me, instance.ID, shown, "dev@acme.example", "eve@other.example", "ada@acme.example"), noError)
	})
}

func TestWhoSeesWhichApps(t *testing.T) {
	t.Parallel()
	d := newDevelopers(t, keyportertest.Database(t))
	own := d.app(t)
	instance := d.App(t, keyporter.App{})
	other := d.App(t, keyporter.App{OrganizationID: d.eve.OrganizationID})
	wantKind(t, d.Control.SetAppPeople(t.Context(), keyporter.Command(), control.AppPeople{AppID: instance.ID, Logins: []string{d.ada.Login}}), noError)
	for user, want := range map[*keyporter.User][]keyporter.ID{
		&d.dev: {own.ID}, &d.devi: {own.ID}, &d.admin: {own.ID}, &d.grace: nil, &d.ada: {instance.ID}, &d.eve: {other.ID}, &d.otto: {other.ID, instance.ID, own.ID},
	} {
		list, err := d.Control.ListApps(t.Context(), keyportertest.Session(*user), control.AppList{})
		var got []keyporter.ID
		for _, a := range list.Apps {
			got = append(got, a.ID)
		}
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s sees %v, want %v (%v)", user.Login, got, want, err)
		}
		p, err := d.Control.Powers(t.Context(), keyportertest.Session(*user))
		if err != nil || p.SeeApps != (len(want) > 0) {
			t.Errorf("%s: %+v, %v", user.Login, p, err)
		}
	}
	// A credential of someone responsible for an app sees it only if it can register apps.
	for p, want := range map[keyporter.Permission]int{keyporter.PermissionManageTokens: 0, keyporter.PermissionRegisterApps: 1} {
		for _, user := range []keyporter.User{d.dev, d.ada} {
			actor := keyporter.Actor{Kind: keyporter.ActorCredential, User: user, CredentialID: "01token", Rights: keyporter.Rights{Management: []keyporter.Permission{p}}}
			list, err := d.Control.ListApps(t.Context(), actor, control.AppList{})
			powers, perr := d.Control.Powers(t.Context(), actor)
			if err != nil || perr != nil || len(list.Apps) != want || powers.SeeApps != (want > 0) {
				t.Errorf("a credential of %s with %s sees %v, %v, %v, %v", user.Login, p, list, powers.SeeApps, err, perr)
			}
		}
	}
}
