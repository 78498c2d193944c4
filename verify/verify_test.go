package verify_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/keyportertest"
	"github.com/keyporter/keyporter/store"
	"github.com/keyporter/keyporter/usage"
	"github.com/keyporter/keyporter/verify"
)

func TestMain(m *testing.M) { keyportertest.Main(m) }

const whoAmI = "/Api/v6/authorization/whoami"

// ask checks a call with the secret.
func ask(n *keyportertest.Node, secret string) verify.Decision {
	return n.Checker.Check(context.Background(), &verify.Request{
		Method: "GET", Host: "localhost", Path: whoAmI, APIToken: []string{secret}, ClientIP: "192.0.2.7", Agent: "curl/8.5.0",
	})
}

func mustReason(t *testing.T, d verify.Decision, want keyporter.Reason) {
	t.Helper()
	if d.Reason != want || d.Allowed != (want == keyporter.Allowed) {
		t.Errorf("allowed %v, reason %q; want %q", d.Allowed, d.Reason, want)
	}
}

// TestEveryRuleThatRefuses makes one change after the other, and expects the very next call
// to be refused for it, and the next one after undoing it to be allowed.
func TestEveryRuleThatRefuses(t *testing.T) {
	t.Parallel()
	keyportertest.EachDatabase(t, func(t *testing.T, url string) {
		n := keyportertest.NewNode(t, url)
		ada := keyportertest.User(t, n.Control, "Acme", "ada@acme.example", keyporter.RoleAPIUser)
		token, secret := keyportertest.Token(t, n.Control, ada, "Export")
		ctx, me := t.Context(), keyporter.Command()
		role := keyporter.Role{ID: "no-api", OrganizationID: ada.OrganizationID, Name: "No API", Effects: map[keyporter.Permission]keyporter.Effect{keyporter.PermissionUseAPI: keyporter.EffectBlock}}
		setRoles := func(ids ...keyporter.ID) error {
			return n.DB.Do(ctx, func(tx *store.Tx) error {
				if err := tx.SetUserRoles(ctx, ada.ID, ids); err != nil {
					return err
				}
				return tx.InsertEvent(ctx, keyporter.Event{ID: keyporter.NewID(time.Now()), Name: keyporter.EventUserRoles, OrganizationID: ada.OrganizationID, UserID: ada.ID})
			})
		}
		if err := n.DB.Do(ctx, func(tx *store.Tx) error { return tx.InsertRole(ctx, role, time.Now()) }); err != nil {
			t.Fatal(err)
		}
		errorOf := func(_ any, err error) error { return err }
		for _, c := range []struct {
			reason   keyporter.Reason
			rule     keyporter.Rule
			do, undo func() error
		}{
			{
				keyporter.ReasonDisabled, keyporter.RuleEnabled,
				func() error { return errorOf(n.Control.DisableToken(ctx, me, token.ID)) },
				func() error { return errorOf(n.Control.EnableToken(ctx, me, token.ID)) },
			},
			{
				keyporter.ReasonUserInactive, keyporter.RuleUserActive,
				func() error { return n.Control.DisableUser(ctx, me, ada.ID) },
				func() error { return n.Control.EnableUser(ctx, me, ada.ID) },
			},
			{
				keyporter.ReasonOrganization, keyporter.RuleOrganization,
				func() error { return n.Control.DisableOrganization(ctx, me, ada.OrganizationID) },
				func() error { return n.Control.EnableOrganization(ctx, me, ada.OrganizationID) },
			},
			{
				keyporter.ReasonFlag, keyporter.RuleFlag,
				func() error { return n.Control.WithdrawFlag(ctx, me, ada.OrganizationID, keyporter.FlagAPI) },
				func() error { return n.Control.GrantFlag(ctx, me, ada.OrganizationID, keyporter.FlagAPI) },
			},
			{
				keyporter.ReasonNotGranted, keyporter.RulePermission,
				func() error { return setRoles(keyporter.RoleMember) },
				func() error { return setRoles(keyporter.RoleAPIUser) },
			},
			{
				keyporter.ReasonBlocked, keyporter.RulePermission,
				func() error { return setRoles(keyporter.RoleAPIUser, role.ID) },
				func() error { return setRoles(keyporter.RoleAPIUser) },
			},
			{
				keyporter.ReasonExpired, keyporter.RuleNotExpired,
				func() error {
					err := errorOf(n.Control.SetTokenExpiry(ctx, me, token.ID, n.Clock.Now().Add(time.Hour)))
					n.Clock.Advance(time.Hour)
					return err
				},
				func() error { return errorOf(n.Control.SetTokenExpiry(ctx, me, token.ID, time.Time{})) },
			},
			{
				keyporter.ReasonUnknown, keyporter.RuleKnown,
				func() error { return n.Control.DeleteToken(ctx, me, token.ID) }, nil,
			},
		} {
			mustReason(t, ask(n, secret.Reveal()), keyporter.Allowed)
			if err := c.do(); err != nil {
				t.Fatal(err)
			}
			d := ask(n, secret.Reveal())
			mustReason(t, d, c.reason)
			for r := range keyporter.Rule(keyporter.NumRules) {
				want := keyporter.Passed
				if r == c.rule {
					want = keyporter.Failed
				} else if r > c.rule || !r.AppliesTo(keyporter.CredentialUserToken) {
					want = keyporter.NotAsked
				}
				if d.Outcomes[r] != want {
					t.Errorf("%s: outcome of rule %d is %d, want %d", c.reason, r, d.Outcomes[r], want)
				}
			}
			if d.Identity() != nil {
				t.Errorf("%s: a refused call has an identity", c.reason)
			}
			if c.undo != nil {
				if err := c.undo(); err != nil {
					t.Fatal(err)
				}
			}
		}
	})
}

func TestAnAllowedCallHasItsPrincipal(t *testing.T) {
	t.Parallel()
	n := keyportertest.NewNode(t, keyportertest.Database(t))
	ada := keyportertest.User(t, n.Control, "Acme", "ada@acme.example", keyporter.RoleAPIUser)
	token, secret := keyportertest.Token(t, n.Control, ada, "Export")
	d := ask(n, secret.Reveal())
	got := map[string]string{}
	for _, h := range d.Identity() {
		got[h.Name] = strings.Join(h.Values, "|")
	}
	want := map[string]string{
		"X-Keyporter-User": string(ada.ID), "X-Keyporter-Login": "ada@acme.example", "X-Keyporter-Organization": string(ada.OrganizationID),
		"X-Keyporter-Credential": string(token.ID), "X-Keyporter-Credential-Kind": "user_token",
	}
	if fmt.Sprint(got) != fmt.Sprint(want) || d.Principal == nil || d.Principal.UserID != ada.ID || d.Version != 6 {
		t.Errorf("identity %v, want %v; principal %+v, version %d", got, want, d.Principal, d.Version)
	}
}

func TestWhatACallMayCarry(t *testing.T) {
	t.Parallel()
	n := keyportertest.NewNode(t, keyportertest.Database(t))
	ada := keyportertest.User(t, n.Control, "Acme", "ada@acme.example", keyporter.RoleAPIUser)
	_, secret := keyportertest.Token(t, n.Control, ada, "Export")
	_, another := keyportertest.Token(t, n.Control, ada, "Other")
	good, other := secret.Reveal(), another.Reveal()
	type call = verify.Request
	for _, c := range []struct {
		what string
		call
		want keyporter.Reason
	}{
		{"token in ApiToken", call{APIToken: []string{good}}, ""},
		{"with spaces around it", call{APIToken: []string{"  " + good + "\t"}}, ""},
		{"bearer token", call{Authorization: []string{"Bearer " + good}}, ""},
		{"bearer in any case", call{Authorization: []string{"bEARER  " + good}}, ""},
		{"the same token in both", call{APIToken: []string{good}, Authorization: []string{"Bearer " + good}}, ""},
		{"the same header twice", call{APIToken: []string{good, good}}, ""},
		{"with empty headers as well", call{APIToken: []string{"", good}, Authorization: []string{""}, OrganizationKey: []string{" "}}, ""},
		{"with an empty bearer as well", call{APIToken: []string{good}, Authorization: []string{"Bearer "}}, ""},
		{"the owner's login name", call{APIToken: []string{good}, UserLoginName: []string{"ADA@acme.Example"}}, ""},
		{"another user's login name", call{APIToken: []string{good}, UserLoginName: []string{"grace@acme.example"}}, keyporter.ReasonLoginName},
		{"two login names", call{APIToken: []string{good}, UserLoginName: []string{"ada@acme.example", "grace@acme.example"}}, keyporter.ReasonTwoLoginNames},
		{"nothing", call{}, keyporter.ReasonNoCredential},
		{"empty headers", call{APIToken: []string{""}, Authorization: []string{"Bearer"}}, keyporter.ReasonNoCredential},
		{"a login name alone", call{UserLoginName: []string{"ada@acme.example"}}, keyporter.ReasonNoCredential},
		{"two tokens in one header name", call{APIToken: []string{good, other}}, keyporter.ReasonAmbiguous},
		{"two tokens in two headers", call{APIToken: []string{good}, Authorization: []string{"Bearer " + other}}, keyporter.ReasonAmbiguous},
		{"a token and a password", call{APIToken: []string{good}, Authorization: []string{"Basic YTpi"}}, keyporter.ReasonAmbiguous},
		{"two tokens joined by a comma", call{APIToken: []string{good + ", " + good}}, keyporter.ReasonUnknown},
		{"a password", call{Authorization: []string{"Basic YTpi"}}, keyporter.ReasonUnknown},
		{"a bearer without a space", call{Authorization: []string{"Bearer" + good}}, keyporter.ReasonUnknown},
		{"a truncated token", call{APIToken: []string{good[:52]}}, keyporter.ReasonUnknown},
		{"a doubled token", call{APIToken: []string{good + good}}, keyporter.ReasonUnknown},
		{"an oversized token", call{APIToken: []string{strings.Repeat("k", 60_000)}}, keyporter.ReasonUnknown},
		{"a token in upper case", call{APIToken: []string{strings.ToUpper(good)}}, keyporter.ReasonUnknown},
		{"a typo", call{APIToken: []string{mistype(good)}}, keyporter.ReasonUnknown},
		{"one that was never issued", call{APIToken: []string{keyporter.NewSecret(keyporter.SecretUserToken).Reveal()}}, keyporter.ReasonUnknown},
		{"a refresh token", call{APIToken: []string{keyporter.NewSecret(keyporter.SecretRefreshToken).Reveal()}}, keyporter.ReasonUnknown},
		{"the hash of a token", call{APIToken: []string{fmt.Sprintf("%x", secret.Hash())}}, keyporter.ReasonUnknown},
	} {
		c.call.Method, c.call.Path = "GET", whoAmI
		if d := n.Checker.Check(t.Context(), &c.call); d.Reason != c.want || d.Allowed != (c.want == "") {
			t.Errorf("%s: allowed %v, reason %q, want %q", c.what, d.Allowed, d.Reason, c.want)
		}
	}
}

func mistype(secret string) string {
	last := byte('a')
	if secret[len(secret)-1] == last {
		last = 'b'
	}
	return secret[:len(secret)-1] + string(last)
}

func TestUnknownSecretsNeverReachTheDatabase(t *testing.T) {
	t.Parallel()
	keyportertest.EachDatabase(t, func(t *testing.T, url string) {
		n := keyportertest.NewNode(t, url)
		ada := keyportertest.User(t, n.Control, "Acme", "ada@acme.example", keyporter.RoleAPIUser)
		_, secret := keyportertest.Token(t, n.Control, ada, "Export")
		mustReason(t, ask(n, secret.Reveal()), keyporter.Allowed)
		before := n.Checker.Lookups()
		for range 1000 {
			mustReason(t, ask(n, keyporter.NewSecret(keyporter.SecretUserToken).Reveal()), keyporter.ReasonUnknown)
			mustReason(t, ask(n, secret.Reveal()), keyporter.Allowed)
		}
		if after := n.Checker.Lookups(); after != before {
			t.Errorf("%d lookups for secrets that are known, or known not to exist", after-before)
		}
	})
}

func TestCallsAreCounted(t *testing.T) {
	t.Parallel()
	keyportertest.EachDatabase(t, func(t *testing.T, url string) {
		n := keyportertest.NewNode(t, url)
		ada := keyportertest.User(t, n.Control, "Acme", "ada@acme.example", keyporter.RoleAPIUser)
		token, secret := keyportertest.Token(t, n.Control, ada, "Export")
		call := func(agent, path string) {
			n.Checker.Check(t.Context(), &verify.Request{Method: "GET", Path: path, APIToken: []string{secret.Reveal()}, ClientIP: "192.0.2.7", Agent: agent})
		}
		for range 5 {
			call("curl/8.5.0", "/api/V4.0/authorization")
		}
		call("curl/8.5.0", whoAmI)
		call("not \xff text", whoAmI)
		call(strings.Repeat("x", 5000), whoAmI)
		if _, err := n.Control.DisableToken(t.Context(), keyporter.Command(), token.ID); err != nil {
			t.Fatal(err)
		}
		call("curl/8.5.0", whoAmI)
		got, err := n.Control.TokenWithUse(t.Context(), keyportertest.Session(ada), token.ID)
		if err != nil {
			t.Fatal(err)
		}
		if got.Use.Allowed != 8 || got.Use.Refused != 1 || len(got.Use.Clients) != 3 {
			t.Fatalf("use %+v", got.Use)
		}
		for _, c := range got.Use.Clients {
			if c.Agent == "curl/8.5.0" && (c.Allowed != 6 || c.Refused != 1 || c.Version != "esign 6" || c.Address != "192.0.2.7") {
				t.Errorf("curl: %+v", c)
			}
			if len(c.Agent) > 200 {
				t.Errorf("an agent of %d bytes is kept", len(c.Agent))
			}
		}
	})
}

// TestADeafNodeCountsInOnePlace has a node that hears of no changes, and so caches nothing,
// check a token a thousand times. The number of its counters must not grow with the calls.
func TestADeafNodeCountsInOnePlace(t *testing.T) {
	t.Parallel()
	keyportertest.EachDatabase(t, func(t *testing.T, url string) {
		n := keyportertest.NewNode(t, url)
		token, secret := keyportertest.Token(t, n.Control, keyportertest.User(t, n.Control, "Acme", "ada@acme.example", keyporter.RoleAPIUser), "Export")
		db, err := store.Open(t.Context(), url, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = db.Close() }()
		counts := usage.New(db, nil)
		checker, err := verify.New(db, verify.Options{APIs: keyportertest.APIs(""), Usage: counts})
		if err != nil {
			t.Fatal(err)
		}
		const calls = 1000
		for round := range 2 {
			for range calls {
				mustReason(t, ask(&keyportertest.Node{Checker: checker}, secret.Reveal()), keyporter.Allowed)
			}
			before := db.Statements()
			if err := counts.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
			if written := db.Statements() - before; written > 14 {
				t.Errorf("writing the counts of %d calls took %d statements", calls, written)
			}
			if use, err := db.UseOf(t.Context(), token.ID, time.Now()); err != nil || use.Allowed != (round+1)*calls {
				t.Errorf("%d calls are counted, %v", use.Allowed, err)
			}
		}
	})
}
