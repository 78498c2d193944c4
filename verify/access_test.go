package verify_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/keyportertest"
	"github.com/keyporter/keyporter/store"
	"github.com/keyporter/keyporter/verify"
)

func TestAnAppActsForTheUserWhoConnectedIt(t *testing.T) {
	t.Parallel()
	keyportertest.EachDatabase(t, func(t *testing.T, url string) {
		w := newAccessWorld(t, url)
		token, secret := w.AccessToken(t, w.connection, keyporter.AccessToken{Scopes: []string{"file.read", "openid"}})
		d := w.ask(t, w.call(secret), keyporter.Allowed)
		identity := map[string]string{}
		for _, h := range d.Identity() {
			identity[h.Name] = h.Values[0]
		}
		want := map[string]string{
			"X-Keyporter-User": string(w.ada.ID), "X-Keyporter-Login": w.ada.Login, "X-Keyporter-Organization": string(w.ada.OrganizationID),
			"X-Keyporter-Credential": string(token.ID), "X-Keyporter-Credential-Kind": "access_token",
			"X-Keyporter-App": string(w.app.ID), "X-Keyporter-Scopes": "file.read",
		}
		if fmt.Sprint(identity) != fmt.Sprint(want) {
			t.Errorf("identity %v, want %v", identity, want)
		}
		// Every version accepts it, in either header.
		for _, path := range []string{"/Api/v4/envelope/1", "/Api/v5.0/envelope/1", whoAmI, "/Api.asmx"} {
			for _, req := range []verify.Request{{Authorization: []string{"Bearer " + secret.Reveal()}}, {APIToken: []string{secret.Reveal()}}} {
				req.Method, req.Path = "GET", path
				w.ask(t, &req, keyporter.Allowed)
			}
		}
		req := w.call(secret)
		req.UserLoginName = []string{"ADA@acme.example"}
		w.ask(t, req, keyporter.Allowed)
		req.UserLoginName = []string{"grace@acme.example"}
		w.ask(t, req, keyporter.ReasonLoginName)
		w.Clock.Advance(time.Hour)
		w.ask(t, w.call(secret), keyporter.ReasonExpired)
	})
}

// TestWhatEndsAnAccessToken expects the node that makes the change to refuse the very next
// call, and another node to do so soon.
func TestWhatEndsAnAccessToken(t *testing.T) {
	t.Parallel()
	keyportertest.EachDatabase(t, func(t *testing.T, url string) {
		there := newAccessWorld(t, url)
		here := accessWorld{Node: keyportertest.NewNode(t, url, keyportertest.Drive("http://127.0.0.1:1")), key: there.key}
		token, secret := there.AccessToken(t, there.connection, keyporter.AccessToken{Scopes: []string{"file.read"}})
		_, second := there.AccessToken(t, there.connection, keyporter.AccessToken{Scopes: []string{"file.read"}})
		becomes := func(secret keyporter.Secret, want keyporter.Reason) {
			t.Helper()
			there.ask(t, there.call(secret), want)
			keyportertest.Eventually(t, "the other node says "+string(want), func() bool { return here.Checker.Check(t.Context(), here.call(secret)).Reason == want })
		}
		becomes(secret, keyporter.Allowed)
		becomes(second, keyporter.Allowed)
		there.SetAppState(t, there.app.ID, keyporter.AppSuspended)
		becomes(secret, keyporter.ReasonAppSuspended)
		there.SetAppState(t, there.app.ID, keyporter.AppActive)
		becomes(secret, keyporter.Allowed)
		there.SetAppPolicy(t, there.ada.OrganizationID, keyporter.NoApps)
		becomes(secret, keyporter.ReasonAppNotAllowed)
		there.SetAppPolicy(t, there.ada.OrganizationID, keyporter.AllApps)
		there.SetScopes(t, there.connection, "file.write")
		becomes(secret, keyporter.ReasonScope)
		there.SetScopes(t, there.connection, "file.read")
		becomes(secret, keyporter.Allowed)
		if err := there.Control.DisableUser(t.Context(), keyporter.Command(), there.ada.ID); err != nil {
			t.Fatal(err)
		}
		becomes(secret, keyporter.ReasonUserInactive)
		if err := there.Control.EnableUser(t.Context(), keyporter.Command(), there.ada.ID); err != nil {
			t.Fatal(err)
		}
		becomes(secret, keyporter.Allowed)
		there.RevokeGrant(t, there.connection, token.GrantID)
		becomes(secret, keyporter.ReasonUnknown)
		becomes(second, keyporter.Allowed)
		there.Disconnect(t, there.connection)
		becomes(second, keyporter.ReasonUnknown)
	})
}

// TestAChangeDropsWhatItTouchesAndNothingElse counts lookups: a credential that wasn't touched
// isn't looked up again.
func TestAChangeDropsWhatItTouchesAndNothingElse(t *testing.T) {
	t.Parallel()
	w := newAccessWorld(t, keyportertest.Database(t))
	grace := keyportertest.User(t, w.Control, "Acme", "grace@acme.example", keyporter.RoleAPIUser)
	_, mine := keyportertest.Token(t, w.Control, w.ada, "Mine")
	_, ada := w.AccessToken(t, w.connection, keyporter.AccessToken{Scopes: []string{"file.read"}})
	_, graces := w.AccessToken(t, w.Connect(t, grace, w.app, "file.read"), keyporter.AccessToken{Scopes: []string{"file.read"}})
	_, others := w.AccessToken(t, w.Connect(t, w.ada, w.other, "file.read"), keyporter.AccessToken{Scopes: []string{"file.read"}})
	all := map[string]keyporter.Secret{"mine": mine, "ada": ada, "grace": graces, "other": others}
	looked := func() (asked []string) {
		for name, secret := range all {
			before := w.Checker.Lookups()
			w.ask(t, w.call(secret), keyporter.Allowed)
			if w.Checker.Lookups() != before {
				asked = append(asked, name)
			}
		}
		slices.Sort(asked)
		return asked
	}
	looked()
	for _, c := range []struct {
		what   string
		change store.Change
		want   string
	}{
		{"an app made", store.Change{Name: keyporter.EventAppCreate, AppID: w.app.ID}, "[]"},
		{"an app changed", store.Change{Name: keyporter.EventAppUpdate, AppID: w.app.ID}, "[ada grace]"},
		{"a connection", store.Change{Name: keyporter.EventConnectionScopes, AppID: w.app.ID, ConnectionID: w.connection.ID}, "[ada]"},
		{"a replay", store.Change{Name: keyporter.EventConnectionReplay, AppID: w.app.ID, ConnectionID: w.connection.ID}, "[ada]"},
		{"a grant", store.Change{Name: keyporter.EventGrantRevoke, AppID: w.app.ID, ConnectionID: w.connection.ID}, "[ada]"},
		{"a grant of an app itself", store.Change{Name: keyporter.EventGrantRevoke, AppID: w.other.ID}, "[other]"},
		{"an access token deleted", store.Change{Name: keyporter.EventAccessTokenDelete, TokenID: "another", AppID: w.app.ID, ConnectionID: w.connection.ID}, "[]"},
		{"the organization's apps", store.Change{Name: keyporter.EventOrganizationApps, OrganizationID: w.ada.OrganizationID}, "[ada grace other]"},
		{"another organization's", store.Change{Name: keyporter.EventOrganizationApps, OrganizationID: "another"}, "[]"},
		{"the user", store.Change{Name: keyporter.EventUserRoles, OrganizationID: w.ada.OrganizationID, UserID: w.ada.ID}, "[ada mine other]"},
		{"something that it doesn't name", store.Change{Name: keyporter.EventConnectionDelete}, "[ada grace mine other]"},
	} {
		w.Checker.Changed(c.change)
		if got := fmt.Sprint(looked()); got != c.want {
			t.Errorf("%s: %s were looked up again, want %s", c.what, got, c.want)
		}
	}
}

func TestCallsOfAnAppAreCountedByConnection(t *testing.T) {
	t.Parallel()
	keyportertest.EachDatabase(t, func(t *testing.T, url string) {
		w := newAccessWorld(t, url)
		for range 3 { // with a new token each time
			_, secret := w.AccessToken(t, w.connection, keyporter.AccessToken{Scopes: []string{"file.read"}})
			w.ask(t, w.call(secret), keyporter.Allowed)
			req := w.call(secret)
			req.Method = "POST"
			w.ask(t, req, keyporter.ReasonScope)
		}
		_, secret := w.AccessToken(t, keyporter.Connection{AppID: w.app.ID}, keyporter.AccessToken{Scopes: []string{"file.read"}})
		w.ask(t, w.call(secret), keyporter.Allowed)
		if err := w.Usage.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		use, err := w.DB.UseOf(t.Context(), w.connection.ID, w.Clock.Now())
		if err != nil || use.Allowed != 3 || use.Refused != 3 || len(use.Clients) != 1 || use.Clients[0].Agent != "tagger/1.0" || use.Clients[0].Version != "drive" {
			t.Errorf("of the connection: %+v, %v", use.Clients, err)
		}
		if use, err := w.DB.UseOf(t.Context(), w.app.ID, w.Clock.Now()); err != nil || use.Allowed != 1 {
			t.Errorf("of the app itself: %d, %v", use.Allowed, err)
		}
		refusals, err := w.DB.RefusalsOf(t.Context(), w.connection.ID)
		if err != nil || len(refusals) != 3 || refusals[0].Reason != keyporter.ReasonScope || !strings.Contains(refusals[0].Cause, "file.write") || refusals[0].OrganizationID != w.ada.OrganizationID {
			t.Errorf("refusals: %+v, %v", refusals, err)
		}
		w.Disconnect(t, w.connection)
		if use, _ := w.DB.UseOf(t.Context(), w.connection.ID, w.Clock.Now()); len(use.Clients) > 0 {
			t.Error("the counts remain after the connection is gone")
		}
	})
}

// TestAccessTokenReasonsAreExplained checks the words for each reason and what they refer to,
// in the explanation of a call and in that of a connection.
func TestAccessTokenReasonsAreExplained(t *testing.T) {
	t.Parallel()
	w := newAccessWorld(t, keyportertest.Database(t))
	tokens := w.tokens(t)
	suspend, quarantine := func() { w.SetAppState(t, w.app.ID, keyporter.AppSuspended) }, func() { w.SetAppState(t, w.app.ID, keyporter.AppQuarantined) }
	for _, c := range []struct {
		accessSituation

		set   func()
		words string
		refs  string
		alike bool // the explanation of the connection has the same words
	}{
		{accessSituation{scope: "has", audience: "any", binding: "bearer"}, nil, "It has file.read.", "", true},
		{accessSituation{scope: "has", audience: "this", binding: "bound"}, nil, "signed with the key", "", false},
		{accessSituation{scope: "has", audience: "any", binding: "stolen"}, nil, "may have been stolen", "app", false},
		{accessSituation{scope: "has", audience: "any", binding: "needless"}, nil, "isn’t bound to a key", "", false},
		{accessSituation{scope: "has", audience: "another", binding: "bearer"}, nil, "issued for https://drive.example, but this API is https://drive.example/v1", "app", false},
		{accessSituation{scope: "lacks", audience: "any", binding: "bearer"}, nil, "issued with others: file.write. The app “Tagger” has to ask for it", "app user", false},
		{accessSituation{scope: "has", audience: "any", binding: "bearer"}, func() { w.setScope(t)("taken") }, "removed from the connection of ada@acme.example", "app user", false},
		{accessSituation{scope: "has", audience: "any", binding: "bearer"}, func() { w.setApps(t)("none") }, "The organization “Acme” doesn’t let its users connect the app “Tagger”", "app organization", true},
		{accessSituation{scope: "has", audience: "any", binding: "bearer"}, suspend, "The app “Tagger” is suspended", "app", true},
		{accessSituation{scope: "has", audience: "any", binding: "bearer"}, quarantine, "no operator has approved it", "app", true},
	} {
		if c.set != nil {
			c.set()
		}
		req := w.request(c.accessSituation, tokens)
		x, err := w.Checker.Explain(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		mustSay(t, x, c.words, c.refs)
		if c.alike {
			x, err := w.Checker.ExplainConnection(t.Context(), w.connection.ID, &verify.Request{Method: req.Method, Host: req.Host, Path: req.Path})
			if err != nil {
				t.Fatal(err)
			}
			mustSay(t, x, c.words, c.refs)
		}
		// Explaining isn't a call: it doesn't use up the proof.
		if d := w.Checker.Check(t.Context(), req); d.Reason != x.Reason {
			t.Errorf("%+v: %q, but explained as %q", c.accessSituation, d.Reason, x.Reason)
		}
	}
}

// mustSay requires a step with these words that refers to these nouns. In the explanation of a
// refusal, it must be the step that failed.
func mustSay(t *testing.T, x keyporter.Explanation, words, refs string) {
	t.Helper()
	for _, s := range x.Steps {
		if s.Outcome != keyporter.NotAsked && strings.Contains(s.Cause, words) && (s.Outcome == keyporter.Failed) == !x.Allowed {
			nouns := ""
			for _, r := range s.About {
				nouns += r.Noun + " "
			}
			if refs != "" && strings.TrimSpace(nouns) != refs {
				t.Errorf("%q is about %s, want %s", words, nouns, refs)
			}
			return
		}
	}
	t.Errorf("no step says %q: %+v", words, x.Steps)
}

// TestExplanationHasOnlyRulesThatApply expects the steps of an access token to be those of its kind.
func TestExplanationHasOnlyRulesThatApply(t *testing.T) {
	t.Parallel()
	w := newAccessWorld(t, keyportertest.Database(t))
	w.SetAppState(t, w.app.ID, keyporter.AppSuspended)
	x, err := w.Checker.ExplainConnection(t.Context(), w.connection.ID, &verify.Request{})
	if err != nil {
		t.Fatal(err)
	}
	var rules []keyporter.Rule
	for _, s := range x.Steps {
		rules = append(rules, s.Rule)
	}
	want := []keyporter.Rule{
		keyporter.RuleKnown, keyporter.RuleNotExpired, keyporter.RuleAppActive, keyporter.RuleUserActive, keyporter.RuleOrganization, keyporter.RuleFlag,
		keyporter.RuleAppAllowed, keyporter.RulePermission, keyporter.RuleLoginName,
	}
	if !slices.Equal(rules, want) {
		t.Errorf("the steps are %v, want %v", rules, want)
	}
}
