package introspection_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/introspection"
	"github.com/keyporter/keyporter/keyportertest"
)

func TestMain(m *testing.M) { keyportertest.Main(m) }

// gatewayWorld is an authorization server with three gateways: one in front of all APIs, one in
// front of esign only, and one in front of drive only.
type gatewayWorld struct {
	*keyportertest.AuthServer

	ada, grace        keyporter.User
	app               keyporter.App
	all, esign, drive keyporter.Secret
}

const driveResource = "https://drive.example/v1" // of keyportertest.Drive

func newGatewayWorld(t *testing.T, url string, configure ...func(*keyportertest.DoorsForApps)) *gatewayWorld {
	t.Helper()
	n := keyportertest.NewNode(t, url, keyportertest.Drive("http://127.0.0.1:1"))
	w := &gatewayWorld{
		all: keyporter.NewSecret(keyporter.SecretGateway), esign: keyporter.NewSecret(keyporter.SecretGateway), drive: keyporter.NewSecret(keyporter.SecretGateway),
	}
	configure = append([]func(*keyportertest.DoorsForApps){func(cfg *keyportertest.DoorsForApps) {
		cfg.Gateways = []introspection.Gateway{
			{Name: "all", Hash: w.all.Hash()}, {Name: "before esign", Hash: w.esign.Hash(), APIs: []string{"esign"}}, {Name: "before drive", Hash: w.drive.Hash(), APIs: []string{"drive"}},
		}
	}}, configure...)
	w.AuthServer = n.AuthServer(t, configure...)
	w.ada = keyportertest.User(t, n.Control, "Acme", "ada@acme.example", keyporter.RoleAPIUser)
	w.grace = keyportertest.User(t, n.Control, "Acme", "grace@acme.example", keyporter.RoleAPIUser)
	w.app = n.App(t, keyporter.App{OwnTokens: true, Scopes: keyportertest.Asks("file.read", "openid")})
	return w
}

func bearer(s keyporter.Secret) []string { return []string{"Authorization", "Bearer " + s.Reveal()} }

// ask asks as a gateway.
func (w *gatewayWorld) ask(t testing.TB, gateway, token keyporter.Secret, change ...string) keyportertest.Answer {
	t.Helper()
	return w.Post(t, "/oauth2/introspect", keyportertest.With(url.Values{"token": {token.Reveal()}}, change...), bearer(gateway)...)
}

// actorOf returns who acts for the subject.
func actorOf(a keyportertest.Answer) string {
	act, _ := a.Body["act"].(map[string]any)
	sub, _ := act["sub"].(string)
	return sub
}

func wantInactive(t testing.TB, what string, a keyportertest.Answer, reason keyporter.Reason) {
	t.Helper()
	values := 3
	if reason == "" {
		values = 1
	}
	if a.Status != http.StatusOK || len(a.Body) != values || a.Body["active"] != false || a.Text("keyporter_reason") != string(reason) || reason != "" && a.Text("keyporter_message") != reason.Refusal().Text {
		t.Errorf("%s: %d %v, want inactive for %q", what, a.Status, a.Body, reason)
	}
}

func wantText(t testing.TB, what string, a keyportertest.Answer, want map[string]string) {
	t.Helper()
	if a.Status != http.StatusOK || a.Body["active"] != true {
		t.Errorf("%s: %d %v", what, a.Status, a.Body)
	}
	for name, text := range want {
		if a.Text(name) != text {
			t.Errorf("%s: %s is %q, want %q", what, name, a.Text(name), text)
		}
	}
}

// TestAGatewayAsksAboutEveryKindOfCredential requires what a middleware needs to know about each.
func TestAGatewayAsksAboutEveryKindOfCredential(t *testing.T) {
	t.Parallel()
	keyportertest.EachDatabase(t, func(t *testing.T, url string) {
		w := newGatewayWorld(t, url)
		token, user := keyportertest.Token(t, w.Control, w.ada, "Mine")
		ours, organization := keyportertest.OrganizationToken(t, w.Control, w.ada, "Ours")
		connection := w.Connect(t, w.ada, w.app, "file.read", "openid")
		issued, access := w.AccessToken(t, connection, keyporter.AccessToken{Scopes: []string{"file.read"}, KeyHash: "thumbprint"})
		_, own := w.AccessToken(t, keyporter.Connection{AppID: w.app.ID}, keyporter.AccessToken{Scopes: []string{"file.read"}})
		ada, grace, acme := string(w.ada.ID), string(w.grace.ID), string(w.ada.OrganizationID)

		a := w.ask(t, w.all, user)
		wantText(t, "a user token", a, map[string]string{
			"sub": ada, "username": w.ada.Login, "jti": string(token.ID), "keyporter_kind": "user_token", "keyporter_organization": acme, "client_id": "",
			"keyporter_connection": "", "keyporter_reason": "", "keyporter_message": "", "scope": "", "iss": w.URL, "token_type": "Bearer",
		})
		if actorOf(a) != "" || a.Header.Get("Cache-Control") != "no-store" || a.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%v", a)
		}
		wantText(t, "beside its owner's name", w.ask(t, w.all, user, "login", "ADA@acme.example"), map[string]string{"sub": ada})
		wantInactive(t, "beside another's name", w.ask(t, w.all, user, "login", w.grace.Login), keyporter.ReasonLoginName)

		a = w.ask(t, w.all, organization)
		wantText(t, "an organization token", a, map[string]string{"sub": "", "username": "", "jti": string(ours.ID), "keyporter_kind": "organization_token", "keyporter_organization": acme})
		if actorOf(a) != ada {
			t.Errorf("an organization token: %v", a.Body)
		}
		a = w.ask(t, w.all, organization, "login", "Grace@acme.example")
		wantText(t, "an organization token for grace", a, map[string]string{"sub": grace, "username": w.grace.Login, "jti": string(ours.ID)})
		if actorOf(a) != ada {
			t.Errorf("an organization token for grace: %v", a.Body)
		}

		a = w.ask(t, w.all, access)
		wantText(t, "an access token", a, map[string]string{
			"sub": ada, "jti": string(issued.ID), "client_id": string(w.app.ID), "scope": "file.read", "keyporter_connection": string(connection.ID), "keyporter_kind": "access_token", "token_type": "DPoP",
		})
		if cnf, _ := a.Body["cnf"].(map[string]any); cnf["jkt"] != "thumbprint" || a.Body["exp"] == nil || a.Body["iat"] == nil {
			t.Errorf("an access token: %v", a.Body)
		}
		wantText(t, "an app's own", w.ask(t, w.all, own), map[string]string{
			"sub": string(w.app.ID), "client_id": string(w.app.ID), "username": "", "keyporter_kind": "app_token", "keyporter_connection": "", "keyporter_organization": "",
		})
	})
}

// TestAGatewayLearnsWhy requires the reason for a right secret that doesn't work, and nothing for a wrong one.
func TestAGatewayLearnsWhy(t *testing.T) {
	t.Parallel()
	keyportertest.EachDatabase(t, func(t *testing.T, url string) {
		w := newGatewayWorld(t, url)
		me := keyporter.Command()
		token, user := keyportertest.Token(t, w.Control, w.ada, "Mine")
		_, organization := keyportertest.OrganizationToken(t, w.Control, w.ada, "Ours")
		_, access := w.AccessToken(t, w.Connect(t, w.ada, w.app, "file.read"), keyporter.AccessToken{Scopes: []string{"file.read"}})
		other := keyportertest.User(t, w.Control, "Globex", "eve@globex.example", keyporter.RoleAPIUser)

		wantInactive(t, "nobody's name", w.ask(t, w.all, organization, "login", "nobody@acme.example"), keyporter.ReasonNamedUnknown)
		wantInactive(t, "the name of another organization's user", w.ask(t, w.all, organization, "login", other.Login), keyporter.ReasonNamedUnknown)
		wantInactive(t, "a name that is too long", w.ask(t, w.all, organization, "login", strings.Repeat("a", 5000)), keyporter.ReasonNamedUnknown)
		for _, unknown := range []string{"x", keyporter.NewSecret(keyporter.SecretUserToken).Reveal(), keyporter.NewSecret(keyporter.SecretRefreshToken).Reveal(), w.all.Reveal(), w.AppSecret(t, w.app.ID).Reveal()} {
			wantInactive(t, "unknown", w.Post(t, "/oauth2/introspect", map[string][]string{"token": {unknown}}, bearer(w.all)...), "")
		}
		if _, err := w.Control.DisableToken(t.Context(), me, token.ID); err != nil {
			t.Fatal(err)
		}
		wantInactive(t, "switched off", w.ask(t, w.all, user), keyporter.ReasonDisabled)
		w.SetAppState(t, w.app.ID, keyporter.AppSuspended)
		wantInactive(t, "of a suspended app", w.ask(t, w.all, access), keyporter.ReasonAppSuspended)
		if err := w.Control.SetUserRoles(t.Context(), me, w.grace.ID, nil); err != nil {
			t.Fatal(err)
		}
		wantInactive(t, "for a user who may not", w.ask(t, w.all, organization, "login", w.grace.Login), keyporter.ReasonNamedNotGranted)
		if err := w.Control.WithdrawFlag(t.Context(), me, w.ada.OrganizationID, keyporter.FlagOrganizationAPIToken); err != nil {
			t.Fatal(err)
		}
		wantInactive(t, "without the feature", w.ask(t, w.all, organization), keyporter.ReasonNoOrganizationTokens)
		w.Clock.Advance(2 * time.Hour)
		w.SetAppState(t, w.app.ID, keyporter.AppActive)
		wantInactive(t, "expired", w.ask(t, w.all, access), keyporter.ReasonExpired)
	})
}

// TestAGatewaySeesWhatItsAPIsAreFor uses access tokens for one API, another, both, and any.
func TestAGatewaySeesWhatItsAPIsAreFor(t *testing.T) {
	t.Parallel()
	w := newGatewayWorld(t, keyportertest.Database(t))
	connection := w.Connect(t, w.ada, w.app, "file.read")
	_, user := keyportertest.Token(t, w.Control, w.ada, "Mine")
	seenBy := func(token keyporter.Secret) (who []string) {
		for name, gateway := range map[string]keyporter.Secret{"all": w.all, "esign": w.esign, "drive": w.drive} {
			a := w.ask(t, gateway, token)
			if a.Body["active"] == true {
				who = append(who, name)
				continue
			}
			wantInactive(t, name, a, keyporter.ReasonAudience)
		}
		slices.Sort(who)
		return who
	}
	const everybody = "[all drive esign]"
	if got := fmt.Sprint(seenBy(user)); got != everybody {
		t.Errorf("a user token is seen by %s", got)
	}
	for _, c := range []struct {
		resources []string
		want      string
	}{
		{nil, everybody},
		{[]string{driveResource}, "[all drive]"},
		{[]string{"https://another.example", driveResource}, "[all drive]"},
		{[]string{"https://another.example"}, "[all]"},
	} {
		_, access := w.AccessToken(t, connection, keyporter.AccessToken{Scopes: []string{"file.read"}, Resources: c.resources})
		if got := fmt.Sprint(seenBy(access)); got != c.want {
			t.Errorf("a token for %v is seen by %s, want %s", c.resources, got, c.want)
		}
	}
}

// TestAGatewaySaysWhichAPIItIs has a gateway in front of several APIs name the wrong one for an access token.
func TestAGatewaySaysWhichAPIItIs(t *testing.T) {
	t.Parallel()
	w := newGatewayWorld(t, keyportertest.Database(t))
	_, user := keyportertest.Token(t, w.Control, w.ada, "Mine")
	_, access := w.AccessToken(t, w.Connect(t, w.ada, w.app, "file.read"), keyporter.AccessToken{Scopes: []string{"file.read"}, Resources: []string{driveResource}})
	wantText(t, "before drive", w.ask(t, w.all, access, "api", "drive"), nil)
	wantInactive(t, "before esign", w.ask(t, w.all, access, "api", "esign"), keyporter.ReasonAudience)
	wantText(t, "a user token", w.ask(t, w.all, user, "api", "esign"), nil)
	rows := each(t, post(t, w.URL+"/oauth2/introspect/batch", `{"tokens":[{"token":"`+access.Reveal()+`","api":"esign"},{"token":"`+access.Reveal()+`","api":"drive"}]}`, bearer(w.all)...))
	wantInactive(t, "before esign, in a batch", rows[0], keyporter.ReasonAudience)
	wantText(t, "before drive, in a batch", rows[1], nil)

	w.PutApp(t, keyporter.App{ID: "rs", Authentication: keyporter.AppSecret, Introspects: true})
	asApp := url.Values{"token": {user.Reveal()}, "client_id": {"rs"}, "client_secret": {w.AppSecret(t, "rs").Reveal()}, "api": {"esign"}}
	for what, a := range map[string]keyportertest.Answer{
		"another's":             w.ask(t, w.esign, user, "api", "drive"),
		"none":                  w.ask(t, w.all, user, "api", "shop"),
		"in other letters":      w.ask(t, w.all, user, "api", "Drive"),
		"of an app":             w.Post(t, "/oauth2/introspect", asApp),
		"in a batch":            post(t, w.URL+"/oauth2/introspect/batch", `{"tokens":[{"token":"x","api":"drive"},{"token":"x","api":"shop"}]}`, bearer(w.all)...),
		"a version of no API":   w.ask(t, w.all, user, "api", "drive", "method", "GET", "version", "1000"),
		"a version less than 0": w.ask(t, w.all, user, "api", "drive", "method", "GET", "version", "-1"),
		"a proof of no call":    w.ask(t, w.all, user, "dpop", "x"),
		"a proof of no API":     w.ask(t, w.all, user, "dpop", "x", "method", "GET"),
		"no version":            w.ask(t, w.all, user, "api", "drive", "method", "GET", "version", "six"),
	} {
		if a.Status != http.StatusBadRequest || a.Text("error") != "invalid_request" || a.Body["active"] != nil {
			t.Errorf("%s: %d %v", what, a.Status, a.Body)
		}
	}
}

// TestAQuestionIsNotACall requires only calls to be counted: refused ones that a gateway describes, at an
// API of its own.
func TestAQuestionIsNotACall(t *testing.T) {
	t.Parallel()
	keyportertest.EachDatabase(t, func(t *testing.T, database string) {
		w := newGatewayWorld(t, database)
		on, user := keyportertest.Token(t, w.Control, w.ada, "On")
		disabled, off := keyportertest.Token(t, w.Control, w.ada, "Off")
		if _, err := w.Control.DisableToken(t.Context(), keyporter.Command(), disabled.ID); err != nil {
			t.Fatal(err)
		}
		w.ask(t, w.all, off)
		w.ask(t, w.all, off, "api", "drive")
		w.ask(t, w.all, off, "method", "GET", "path", "/x")
		w.ask(t, w.all, user, "api", "drive", "method", "GET", "path", "/x")
		w.ask(t, w.all, off, "api", "drive", "method", strings.Repeat("M", 1000), "path", "/"+strings.Repeat("x", 5000), "agent", strings.Repeat("ü", 1000), "address", "a"+strings.Repeat("\U0001F600", 1000), "version", "2")
		if err := w.Usage.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		use, err := w.DB.UseOf(t.Context(), disabled.ID, w.Clock.Now())
		if err != nil || use.Refused != 1 || len(use.Clients) != 1 || use.Clients[0].Version != "drive 2" || len(use.Clients[0].Address) > 70 {
			t.Errorf("%+v %v", use, err)
		}
		if kept, err := w.DB.RefusalsOf(t.Context(), disabled.ID); err != nil || len(kept) != 1 || len(kept[0].Path) > 500 || len(kept[0].Agent) > 210 || len(kept[0].Address) > 70 {
			t.Errorf("%+v %v", kept, err)
		}
		if use, err = w.DB.UseOf(t.Context(), on.ID, w.Clock.Now()); err != nil || use.Allowed+use.Refused != 0 {
			t.Errorf("%+v %v", use, err)
		}
	})
}

// TestWrongSecretsOfGateways presents wrong secrets, none, and more than one.
func TestWrongSecretsOfGateways(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	w := newGatewayWorld(t, keyportertest.Database(t), func(cfg *keyportertest.DoorsForApps) { cfg.Log = slog.New(slog.NewTextHandler(&log, nil)) })
	_, user := keyportertest.Token(t, w.Control, w.ada, "Mine")
	wrong, mine := keyporter.NewSecret(keyporter.SecretGateway).Reveal(), w.all.Reveal()
	form := url.Values{"token": {user.Reveal()}}
	for what, header := range map[string][]string{
		"no secret":                 {},
		"another secret":            {"Authorization", "Bearer " + wrong},
		"a token":                   {"Authorization", "Bearer " + user.Reveal()},
		"nothing after the scheme":  {"Authorization", "Bearer "},
		"two secrets in one header": {"Authorization", "Bearer " + mine + " " + mine},
		"cut":                       {"Authorization", "Bearer " + mine[:len(mine)-1]},
		"as the password of an app": {"Authorization", "Basic " + mine},
		"another scheme":            {"Authorization", "DPoP " + mine},
		"another header":            {"ApiToken", mine},
	} {
		a := w.Post(t, "/oauth2/introspect", form, header...)
		if a.Status != http.StatusUnauthorized || a.Body["active"] != nil || a.Header.Get("WWW-Authenticate") == "" {
			t.Errorf("%s: %d %v, %q", what, a.Status, a.Body, a.Header.Get("WWW-Authenticate"))
		}
	}
	for _, path := range []string{"/oauth2/introspect", "/oauth2/introspect?token=" + user.Reveal()} {
		a := w.Post(t, path, form, "Authorization", "Bearer "+wrong)
		if got := a.Header.Get("WWW-Authenticate"); !strings.HasPrefix(got, `Bearer realm="Keyporter", error="invalid_token"`) {
			t.Errorf("%s", got)
		}
	}
	twice := []string{"Authorization", "Bearer " + mine, "Authorization", "Bearer " + wrong}
	keyportertest.Refused(t, w.Post(t, "/oauth2/introspect", form, twice...), 400, "invalid_request")
	keyportertest.Refused(t, w.Post(t, "/oauth2/introspect", form, twice[2], twice[3], twice[0], twice[1]), 400, "invalid_request")
	keyportertest.Refused(t, w.ask(t, w.all, user, "client_id", string(w.app.ID)), 400, "invalid_request")
	keyportertest.Refused(t, w.ask(t, w.all, user, "token", ""), 400, "invalid_request")
	wantText(t, "the scheme in other letters", w.Post(t, "/oauth2/introspect", form, "Authorization", "bearer  "+mine), nil)
	if strings.Contains(log.String(), "kpg_") || strings.Contains(log.String(), "kpu_") {
		t.Errorf("a secret is in the log: %s", log.String())
	}
}

// TestAnAppAsksAboutAnOrganizationToken expects an app to learn who the token acts for, but
// never why it doesn't work.
func TestAnAppAsksAboutAnOrganizationToken(t *testing.T) {
	t.Parallel()
	keyportertest.EachDatabase(t, func(t *testing.T, database string) {
		w := newGatewayWorld(t, database)
		_, organization := keyportertest.OrganizationToken(t, w.Control, w.ada, "Ours")
		w.PutApp(t, keyporter.App{ID: "rs", Authentication: keyporter.AppSecret, Introspects: true})
		form := url.Values{"token": {organization.Reveal()}, "client_id": {"rs"}, "client_secret": {w.AppSecret(t, "rs").Reveal()}}
		a := w.Post(t, "/oauth2/introspect", keyportertest.With(form, "login", w.grace.Login))
		wantText(t, "for grace", a, map[string]string{"sub": string(w.grace.ID), "keyporter_actor": "", "keyporter_kind": "organization_token"})
		if actorOf(a) != string(w.ada.ID) {
			t.Errorf("%v", a.Body)
		}
		if a = w.Post(t, "/oauth2/introspect", keyportertest.With(form, "login", "")); a.Body["active"] != true || a.Body["sub"] != nil || actorOf(a) != string(w.ada.ID) {
			t.Errorf("for nobody: %v", a.Body)
		}
		wantInactive(t, "for who isn't there", w.Post(t, "/oauth2/introspect", keyportertest.With(form, "login", "nobody@acme.example")), "")
	})
}

func TestMetadataSaysThatGatewaysMayAsk(t *testing.T) {
	t.Parallel()
	w := newGatewayWorld(t, keyportertest.Database(t))
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.URL+"/.well-known/oauth-authorization-server", nil)
	if err != nil {
		t.Fatal(err)
	}
	methods, _ := keyportertest.Do(t, req).Body["introspection_endpoint_auth_methods_supported"].([]any)
	if !slices.Contains(methods, any("Bearer")) || !slices.Contains(methods, any("private_key_jwt")) {
		t.Errorf("%v", methods)
	}
}
