package client_test

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/client"
	"github.com/keyporter/keyporter/keyportertest"
)

// line returns a network connection to Keyporter that a test can cut.
func (w *world) line(t testing.TB) *keyportertest.Line {
	t.Helper()
	return keyportertest.NewLine(t, w.URL)
}

// decide returns an API whose middleware is in the mode Decide and reaches Keyporter over l.
func (w *world) decide(t testing.TB, l *keyportertest.Line, configure ...func(*client.Config)) http.Handler {
	t.Helper()
	c := w.client(t, append(configure, func(cfg *client.Config) { cfg.Address, cfg.Mode = l.URL, client.Decide })...)
	return c.Handler(client.Rules{Version: 5, Scope: "file.read", Credentials: []string{"user_token", "organization_token", "access_token", "app_token"}}, echo)
}

// asks makes a call and reports whether the middleware asked Keyporter about it.
func (w *world) asks(t testing.TB, api http.Handler, headers ...string) (asked bool, status int) {
	t.Helper()
	before := w.Arrived.Load()
	status = call(t, api, headers...).Code
	return w.Arrived.Load() > before, status
}

// eventuallyKept waits until calls with a credential are allowed from memory.
func (w *world) eventuallyKept(t testing.TB, api http.Handler, headers ...string) {
	t.Helper()
	keyportertest.Eventually(t, "the decision is kept", func() bool {
		asked, status := w.asks(t, api, headers...)
		return !asked && status == http.StatusOK
	})
}

// TestStaleDecisionsAreForgotten makes every kind of change that ends or narrows a credential: on
// this node and, with PostgreSQL, on another one.
func TestStaleDecisionsAreForgotten(t *testing.T) {
	t.Parallel()
	keyportertest.EachDatabase(t, func(t *testing.T, url string) {
		w := newWorld(t, url)
		nodes := map[string]*keyportertest.Node{"here": w.Node}
		if strings.HasPrefix(url, "postgres") {
			nodes["there"] = keyportertest.NewNode(t, url)
		}
		api := w.decide(t, w.line(t))
		for where, n := range nodes {
			for name, c := range w.changes(t, n, where) {
				w.eventuallyKept(t, api, c.headers...)
				if err := c.change(); err != nil {
					t.Fatal(name, err)
				}
				keyportertest.Eventually(t, name+" "+where, func() bool { return call(t, api, c.headers...).Code == c.status })
				if asked, status := w.asks(t, api, c.headers...); status != c.status || !asked && status == http.StatusUnauthorized {
					t.Errorf("%s %s: %d after it was %d", name, where, status, c.status)
				}
			}
		}
	})
}

type change struct {
	headers []string
	change  func() error
	status  int
}

// changes returns changes to make on a node, each with its own users, apps, and tokens.
func (w *world) changes(t *testing.T, n *keyportertest.Node, where string) map[string]change {
	t.Helper()
	me, ctx := keyporter.Command(), t.Context()
	user := func(name string) keyporter.User {
		return keyportertest.User(t, w.Control, name+" "+where, strings.ReplaceAll(name, " ", "-")+"@"+where+".example", keyporter.RoleAPIUser)
	}
	token := func(u keyporter.User) (keyporter.Token, []string) {
		token, secret := keyportertest.Token(t, w.Control, u, "Export")
		return token, []string{"ApiToken", secret.Reveal()}
	}
	app := func(u keyporter.User) (keyporter.App, keyporter.Connection, []string) {
		a := w.App(t, keyporter.App{Name: u.Login, Scopes: keyportertest.Asks("file.read", "file.write")})
		c := w.Connect(t, u, a)
		_, secret := w.AccessToken(t, c, keyporter.AccessToken{Scopes: []string{"file.read", "file.write"}})
		return a, c, []string{"Authorization", "Bearer " + secret.Reveal()}
	}
	off, offHeaders := token(user("disabled"))
	deleted, deletedHeaders := token(user("deleted"))
	inactive := user("inactive")
	_, inactiveHeaders := token(inactive)
	roleless := user("without a role")
	_, rolelessHeaders := token(roleless)
	suspended := user("suspended organization")
	_, suspendedHeaders := token(suspended)
	flagless := user("without the flag")
	_, flaglessHeaders := token(flagless)
	owner, named := user("owner"), keyportertest.User(t, w.Control, "owner "+where, "named@"+where+".example", keyporter.RoleAPIUser)
	_, organization := keyportertest.OrganizationToken(t, w.Control, owner, "Ours")
	suspendedApp, _, suspendedAppHeaders := app(user("suspended app"))
	_, connection, connectionHeaders := app(user("disconnected"))
	_, narrowed, narrowedHeaders := app(user("scope"))
	policy := user("policy")
	_, _, policyHeaders := app(policy)
	return map[string]change{
		"token off":              {offHeaders, func() error { _, err := n.Control.DisableToken(ctx, me, off.ID); return err }, 401},
		"token deleted":          {deletedHeaders, func() error { return n.Control.DeleteToken(ctx, me, deleted.ID) }, 401},
		"user switched off":      {inactiveHeaders, func() error { return n.Control.DisableUser(ctx, me, inactive.ID) }, 401},
		"role taken away":        {rolelessHeaders, func() error { return n.Control.SetUserRoles(ctx, me, roleless.ID, nil) }, 403},
		"organization suspended": {suspendedHeaders, func() error { return n.Control.DisableOrganization(ctx, me, suspended.OrganizationID) }, 401},
		"flag withdrawn":         {flaglessHeaders, func() error { return n.Control.WithdrawFlag(ctx, me, flagless.OrganizationID, keyporter.FlagAPI) }, 403},
		"named user switched off": {
			[]string{"OrganizationKey", organization.Reveal(), "UserLoginName", named.Login},
			func() error { return n.Control.DisableUser(ctx, me, named.ID) }, 401,
		},
		"app suspended":    {suspendedAppHeaders, func() error { return n.Control.SuspendApp(ctx, me, suspendedApp.ID) }, 401},
		"disconnected":     {connectionHeaders, func() error { return n.Control.Disconnect(ctx, me, connection.ID) }, 401},
		"scope taken away": {narrowedHeaders, func() error { n.SetScopes(t, narrowed, "file.write"); return nil }, 403},
		"app policy": {policyHeaders, func() error {
			n.SetAppPolicy(t, policy.OrganizationID, keyporter.NoApps)
			return nil
		}, 403},
	}
}

func TestKeptDecisionsExpire(t *testing.T) {
	t.Parallel()
	// On PostgreSQL, nothing is kept in the seconds after the change that issues the token.
	w := newWorld(t, keyportertest.SQLite(t))
	const left = 3 * time.Second
	api := w.decide(t, w.line(t))
	w.eventuallyKept(t, api, "ApiToken", w.secret.Reveal()) // the stream is up, so the next decision is kept soon enough
	secret := w.expiring(t, left)
	w.eventuallyKept(t, api, "ApiToken", secret.Reveal())
	keyportertest.Eventually(t, "the token expires", func() bool { return call(t, api, "ApiToken", secret.Reveal()).Code == http.StatusUnauthorized })
}

// expiring issues an access token that works for this long.
func (w *world) expiring(t *testing.T, left time.Duration) keyporter.Secret {
	t.Helper()
	c := w.Connect(t, w.ada, w.App(t, keyporter.App{Scopes: keyportertest.Asks("file.read")}))
	w.Clock.Advance(left - time.Hour) // an access token works for an hour
	_, secret := w.AccessToken(t, c, keyporter.AccessToken{Scopes: []string{"file.read"}})
	w.Clock.Advance(time.Hour - left)
	return secret
}

// TestASlowClockDoesNotExtendTokens asks a Keyporter whose clock is almost an hour ahead of the API's.
func TestASlowClockDoesNotExtendTokens(t *testing.T) {
	t.Parallel()
	// On PostgreSQL, nothing is kept in the seconds after the change that issues the token.
	w := newWorld(t, keyportertest.SQLite(t))
	const left = 4 * time.Second
	w.Clock.Advance(time.Hour)
	at, err := url.Parse(w.URL)
	if err != nil {
		t.Fatal(err)
	}
	keys := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) { p.SetURL(at) }, FlushInterval: -1,
		ModifyResponse: func(res *http.Response) error {
			res.Header.Set("Date", w.Clock.Now().UTC().Format(http.TimeFormat))
			return nil
		},
	})
	t.Cleanup(keys.Close)
	api := w.decide(t, keyportertest.NewLine(t, keys.URL))
	w.eventuallyKept(t, api, "ApiToken", w.secret.Reveal()) // the stream is up, so the next decision is kept soon enough
	secret := w.expiring(t, left)
	w.eventuallyKept(t, api, "ApiToken", secret.Reveal())
	keyportertest.Eventually(t, "the token expires", func() bool { return call(t, api, "ApiToken", secret.Reveal()).Code == http.StatusUnauthorized })
}

// TestACutOrStalledStream checks that the middleware asks about each call until the stream is back,
// and so learns what changed in the meantime.
func TestACutOrStalledStream(t *testing.T) {
	t.Parallel()
	for name, disrupt := range map[string]func(*keyportertest.Line){
		"cut":    func(l *keyportertest.Line) { l.Cut() },
		"stalls": (*keyportertest.Line).Stall,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, keyportertest.Database(t))
			l := w.line(t)
			const silence = time.Second
			api := w.decide(t, l, func(cfg *client.Config) { cfg.Silence = silence })
			headers := []string{"ApiToken", w.secret.Reveal()}
			w.eventuallyKept(t, api, headers...)
			disrupt(l)
			began := time.Now()
			if _, err := w.Control.DisableToken(t.Context(), keyporter.Command(), w.token.ID); err != nil {
				t.Fatal(err)
			}
			keyportertest.Eventually(t, "the kept decision isn't used anymore", func() bool { return call(t, api, headers...).Code != http.StatusOK })
			t.Logf("%s: no longer allowed after %v; the limit is %v, plus up to 3s for a question", name, time.Since(began).Round(time.Millisecond), silence)
			keyportertest.Eventually(t, "the change takes effect", func() bool { return call(t, api, headers...).Code == http.StatusUnauthorized })
			if _, err := w.Control.EnableToken(t.Context(), keyporter.Command(), w.token.ID); err != nil {
				t.Fatal(err)
			}
			w.eventuallyKept(t, api, headers...) // the stream is back
		})
	}
}

func TestGraceWhileKeyporterIsDown(t *testing.T) {
	t.Parallel()
	for _, grace := range []time.Duration{0, 4 * time.Second} {
		t.Run(grace.String(), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, keyportertest.Database(t))
			l := w.line(t)
			api := w.decide(t, l, func(cfg *client.Config) { cfg.Silence, cfg.Grace = time.Second, grace })
			headers := []string{"ApiToken", w.secret.Reveal()}
			w.eventuallyKept(t, api, headers...)
			other, otherSecret := keyportertest.Token(t, w.Control, w.grace, "Never seen")
			l.Down()
			began := time.Now()
			if grace > 0 {
				keyportertest.Eventually(t, "a credential that isn't kept is refused", func() bool {
					return call(t, api, "ApiToken", otherSecret.Reveal()).Code == http.StatusServiceUnavailable
				})
				for time.Since(began) < 2*time.Second { // longer than cfg.Silence
					if rec := call(t, api, headers...); rec.Code != http.StatusOK {
						t.Fatalf("after %v: %d", time.Since(began), rec.Code)
					}
				}
			}
			keyportertest.Eventually(t, "the kept credential is refused", func() bool { return call(t, api, headers...).Code == http.StatusServiceUnavailable })
			t.Logf("refused after %v; silence is 1s, grace %v", time.Since(began).Round(time.Millisecond), grace)
			l.Mend()
			w.eventuallyKept(t, api, headers...)
			if read(t, call(t, api, "ApiToken", otherSecret.Reveal())).Caller.Credential != string(other.ID) {
				t.Error("another token is refused")
			}
		})
	}
}

// TestAFloodOfTokensEvictsNothing sends made-up tokens, which must not displace decisions about real ones.
func TestAFloodOfTokensEvictsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, keyportertest.Database(t))
	api := w.decide(t, w.line(t), func(cfg *client.Config) { cfg.Size = 1 })
	w.eventuallyKept(t, api, "ApiToken", w.secret.Reveal())
	for range 200 {
		if rec := call(t, api, "ApiToken", keyporter.NewSecret(keyporter.SecretUserToken).Reveal()); rec.Code != http.StatusUnauthorized {
			t.Fatal(rec.Code)
		}
	}
	if asked, status := w.asks(t, api, "ApiToken", w.secret.Reveal()); asked || status != http.StatusOK {
		t.Error("made-up tokens evicted the decision")
	}
}

// TestDecisionsAreKeptPerLoginName calls with the same organization token for two users, and for none.
func TestDecisionsAreKeptPerLoginName(t *testing.T) {
	t.Parallel()
	w := newWorld(t, keyportertest.Database(t))
	_, ours := keyportertest.OrganizationToken(t, w.Control, w.ada, "Ours")
	api := w.decide(t, w.line(t))
	for range 2 {
		for _, u := range []keyporter.User{w.ada, w.grace} {
			w.eventuallyKept(t, api, "OrganizationKey", ours.Reveal(), "UserLoginName", u.Login)
			if got := read(t, call(t, api, "OrganizationKey", ours.Reveal(), "UserLoginName", u.Login)).Caller.Login; got != u.Login {
				t.Errorf("%s, want %s", got, u.Login)
			}
		}
		if code := call(t, api, "OrganizationKey", ours.Reveal()).Code; code != http.StatusUnauthorized {
			t.Error("without a login name:", code)
		}
	}
}

// TestUsesAreCounted checks that Keyporter learns of calls that were decided from memory.
func TestUsesAreCounted(t *testing.T) {
	t.Parallel()
	w := newWorld(t, keyportertest.Database(t))
	c := w.client(t, func(cfg *client.Config) { cfg.Mode = client.Decide })
	api := c.Handler(client.Rules{Version: 6}, echo)
	apps := c.Handler(client.Rules{Credentials: []string{"access_token"}}, echo)
	w.eventuallyKept(t, api, "ApiToken", w.secret.Reveal(), "User-Agent", "warm-up")
	for range 30 {
		call(t, api, "ApiToken", w.secret.Reveal(), "User-Agent", "export/1.0")
	}
	call(t, apps, "ApiToken", w.secret.Reveal(), "User-Agent", "export/1.0")
	c.Close()
	use, err := w.DB.UseOf(t.Context(), w.token.ID, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(use.Clients, func(u keyporter.ClientUse) bool { return u.Agent == "export/1.0" })
	if i < 0 || use.Clients[i].Allowed != 30 || use.Clients[i].Refused != 1 || use.Clients[i].Address != "192.0.2.1" || !strings.HasPrefix(use.Clients[i].Version, "drive") {
		t.Errorf("%+v", use.Clients)
	}
	if rec := call(t, api, "ApiToken", w.secret.Reveal()); rec.Code != http.StatusOK {
		t.Error("a closed client doesn't ask:", rec.Code)
	}
}

// TestHowLongUntilADisabledTokenIsRefused measures the time over the stream, 200 times on each database.
func TestHowLongUntilADisabledTokenIsRefused(t *testing.T) {
	keyportertest.EachDatabase(t, func(t *testing.T, url string) {
		w := newWorld(t, url)
		api := w.decide(t, w.line(t))
		const tries = 200
		headers, took := make([][]string, tries), make([]time.Duration, tries)
		ids := make([]keyporter.ID, tries)
		for i := range tries {
			token, secret := keyportertest.Token(t, w.Control, w.ada, "Token "+time.Duration(i).String())
			ids[i], headers[i] = token.ID, []string{"ApiToken", secret.Reveal()}
		}
		for _, h := range headers {
			w.eventuallyKept(t, api, h...)
		}
		for i := range tries {
			if _, err := w.Control.DisableToken(t.Context(), keyporter.Command(), ids[i]); err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			for call(t, api, headers[i]...).Code == http.StatusOK && time.Since(began) < 10*time.Second {
				time.Sleep(50 * time.Microsecond)
			}
			took[i] = time.Since(began)
		}
		slices.Sort(took)
		if took[tries-1] >= 10*time.Second {
			t.Error("a disabled token still works")
		}
		t.Logf("from the end of DisableToken to the first refused call: p50 %v, p99 %v, longest %v", took[tries/2], took[tries*99/100], took[tries-1])
	})
}
