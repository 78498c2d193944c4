package verify_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/keyportertest"
	"github.com/keyporter/keyporter/verify"
)

// organizationWorld is ada with an organization token and a user token, and users the tokens can act for.
type organizationWorld struct {
	*keyportertest.Node

	ada, grace   keyporter.User
	token        keyporter.Token
	secret, mine keyporter.Secret
}

func newOrganizationWorld(t *testing.T, url string) organizationWorld {
	t.Helper()
	w := organizationWorld{Node: keyportertest.NewNode(t, url)}
	w.ada = keyportertest.User(t, w.Control, "Acme", "ada@acme.example", keyporter.RoleAPIUser)
	w.grace = keyportertest.User(t, w.Control, "Acme", "Grace@acme.example", keyporter.RoleAPIUser)
	keyportertest.User(t, w.Control, "Rival", "eve@rival.example", keyporter.RoleAPIUser)
	w.token, w.secret = keyportertest.OrganizationToken(t, w.Control, w.ada, "Archive")
	_, w.mine = keyportertest.Token(t, w.Control, w.ada, "Mine")
	return w
}

// call returns a call with the organization token.
func (w *organizationWorld) call(version int, logins ...string) *verify.Request {
	return &verify.Request{
		Method: "GET", Path: fmt.Sprintf("/Api/v%d/envelope/1", version), OrganizationKey: []string{w.secret.Reveal()}, UserLoginName: logins,
		ClientIP: "192.0.2.7", Agent: "archiver/1.0", RequestID: keyporter.NewSecret(keyporter.SecretApp).Last() + fmt.Sprint(logins),
	}
}

// TestALoginNameThatIsTooLongIsNotKept has the holder of an organization token send a login
// name that nobody can have, to fill the memory with such names.
func TestALoginNameThatIsTooLongIsNotKept(t *testing.T) {
	t.Parallel()
	w := newOrganizationWorld(t, keyportertest.Database(t))
	mustReason(t, w.Checker.Check(t.Context(), w.call(5, "grace@acme.example")), keyporter.Allowed)
	before := w.Checker.Lookups()
	mustReason(t, w.Checker.Check(t.Context(), w.call(5, strings.Repeat("x", 16<<10)+"@acme.example")), keyporter.ReasonNamedUnknown)
	if w.Checker.Lookups() != before {
		t.Error("the name was looked up, and is kept")
	}
}

func TestAnOrganizationTokenActsForTheNamedUser(t *testing.T) {
	t.Parallel()
	keyportertest.EachDatabase(t, func(t *testing.T, url string) {
		w := newOrganizationWorld(t, url)
		d := w.Checker.Check(t.Context(), w.call(5, "gRACE@acme.example"))
		mustReason(t, d, keyporter.Allowed)
		identity := map[string]string{}
		for _, h := range d.Identity() {
			identity[h.Name] = h.Values[0]
		}
		want := map[string]string{
			"X-Keyporter-User": string(w.grace.ID), "X-Keyporter-Login": "Grace@acme.example", "X-Keyporter-Organization": string(w.ada.OrganizationID),
			"X-Keyporter-Credential": string(w.token.ID), "X-Keyporter-Credential-Kind": "organization_token", "X-Keyporter-Actor": string(w.ada.ID),
		}
		if fmt.Sprint(identity) != fmt.Sprint(want) {
			t.Errorf("identity %v, want %v", identity, want)
		}

		// Changes to the named user take effect on the next call here, and soon on another node.
		there, me := w.Node, keyporter.Command()
		if strings.HasPrefix(url, "postgres") {
			there = keyportertest.NewNode(t, url)
		}
		if err := there.Control.DisableUser(t.Context(), me, w.grace.ID); err != nil {
			t.Fatal(err)
		}
		keyportertest.Eventually(t, "grace, switched off, is refused", func() bool {
			return w.Checker.Check(t.Context(), w.call(5, "gRACE@acme.example")).Reason == keyporter.ReasonNamedInactive
		})
		if err := there.Control.EnableUser(t.Context(), me, w.grace.ID); err != nil {
			t.Fatal(err)
		}
		keyportertest.Eventually(t, "grace is allowed again", func() bool { return w.Checker.Check(t.Context(), w.call(5, "grace@acme.example")).Allowed })
		mustReason(t, w.Checker.Check(t.Context(), w.call(5, "new@acme.example")), keyporter.ReasonNamedUnknown)
		keyportertest.User(t, there.Control, "Acme", "new@acme.example", keyporter.RoleAPIUser)
		keyportertest.Eventually(t, "a new user can be named", func() bool { return w.Checker.Check(t.Context(), w.call(5, "new@acme.example")).Allowed })

		got, err := w.Control.TokenWithUse(t.Context(), keyportertest.Session(w.ada), w.token.ID)
		if err != nil || !slices.ContainsFunc(got.Use.ActedFor, func(s keyporter.UserUse) bool {
			return s.Login == "Grace@acme.example" && s.Version == "esign 5" && s.Calls > 0
		}) || slices.ContainsFunc(got.Use.ActedFor, func(s keyporter.UserUse) bool { return s.Login == "" }) {
			t.Errorf("acted for %+v, %v", got.Use.ActedFor, err)
		}
	})
}

// TestLoginNameReasonsAreExplained checks the reason and the words for each fault of a login
// name, in explanations and in the refusal that is kept.
func TestLoginNameReasonsAreExplained(t *testing.T) {
	t.Parallel()
	w := newOrganizationWorld(t, keyportertest.Database(t))
	idle := keyportertest.User(t, w.Control, "Acme", "idle@acme.example", keyporter.RoleAPIUser)
	if err := w.Control.DisableUser(t.Context(), keyporter.Command(), idle.ID); err != nil {
		t.Fatal(err)
	}
	blocked := keyportertest.User(t, w.Control, "Acme", "blocked@acme.example")
	noAPI := keyportertest.UseAPI(keyporter.EffectBlock)
	noAPI.Name = "No API"
	keyportertest.SetRoles(t, w.Node, blocked, noAPI)
	keyportertest.User(t, w.Control, "Acme", "member@acme.example", keyporter.RoleMember)
	for _, c := range []struct {
		logins []string
		want   keyporter.Reason
		rule   keyporter.Rule
		words  string
	}{
		{[]string{"GRACE@ACME.EXAMPLE"}, keyporter.Allowed, keyporter.RuleLoginName, "Letter case doesn’t matter"},
		{[]string{"grace@acme.example "}, keyporter.Allowed, keyporter.RuleNamedUser, "Grace@acme.example"},
		{nil, keyporter.ReasonNoLoginName, keyporter.RuleLoginName, "has no login name"},
		{[]string{"  "}, keyporter.ReasonNoLoginName, keyporter.RuleLoginName, "has no login name"},
		{[]string{"grace@acme.example", "ada@acme.example"}, keyporter.ReasonTwoLoginNames, keyporter.RuleLoginName, "two different login names"},
		{[]string{"nobody@acme.example"}, keyporter.ReasonNamedUnknown, keyporter.RuleNamedUser, "“nobody@acme.example”"},
		{[]string{"eve@rival.example"}, keyporter.ReasonNamedUnknown, keyporter.RuleNamedUser, "“eve@rival.example”"},
		{[]string{"grace@acme.example\u00a0"}, keyporter.ReasonNamedUnknown, keyporter.RuleNamedUser, "Nobody"},
		{[]string{"idle@acme.example"}, keyporter.ReasonNamedInactive, keyporter.RuleNamedActive, "switched off"},
		{[]string{"member@acme.example"}, keyporter.ReasonNamedNotGranted, keyporter.RuleNamedPermission, "No role of member@acme.example"},
		{[]string{"blocked@acme.example"}, keyporter.ReasonNamedBlocked, keyporter.RuleNamedPermission, "The role “No API” blocks"},
	} {
		req := w.call(5, c.logins...)
		d := w.Checker.Check(t.Context(), req)
		mustReason(t, d, c.want)
		for what, explain := range map[string]func() (keyporter.Explanation, error){
			"the call":  func() (keyporter.Explanation, error) { return w.Checker.Explain(t.Context(), req) },
			"the token": func() (keyporter.Explanation, error) { return w.Checker.ExplainToken(t.Context(), w.token.ID, req) },
		} {
			x, err := explain()
			if err != nil || x.Reason != c.want {
				t.Errorf("%q: explaining %s: reason %q, %v", c.logins, what, x.Reason, err)
			}
			i := slices.IndexFunc(x.Steps, func(s keyporter.Step) bool { return s.Rule == c.rule })
			if i < 0 || !strings.Contains(x.Steps[i].Cause, c.words) || (x.Steps[i].Outcome == keyporter.Passed) != x.Allowed {
				t.Errorf("%q: explaining %s doesn't say %q: %+v", c.logins, what, c.words, x.Steps)
			}
		}
		kept, _, err := w.Control.Refusal(t.Context(), keyporter.Command(), req.RequestID)
		if (err == nil) != (c.want != keyporter.Allowed) || kept.Reason != c.want {
			t.Errorf("%q: kept %+v, %v", c.logins, kept, err)
		}
		if c.want != keyporter.Allowed && (!strings.Contains(kept.Cause, c.words) || kept.Path != req.Path || kept.Version != "esign 5" || kept.Agent != "archiver/1.0") {
			t.Errorf("%q: kept %+v, without %q", c.logins, kept, c.words)
		}
	}
}

func TestTheLast100RefusalsAreKept(t *testing.T) {
	t.Parallel()
	keyportertest.EachDatabase(t, func(t *testing.T, url string) {
		w := newOrganizationWorld(t, url)
		admin := keyportertest.User(t, w.Control, "Acme", "olivia@acme.example", keyporter.RoleAdministrator)
		eve := keyportertest.User(t, w.Control, "Rival", "root@rival.example", keyporter.RoleAdministrator)
		req := w.call(6, "grace@acme.example")
		for i := range 250 {
			req.RequestID = fmt.Sprintf("call-%03d", i)
			req.Agent = fmt.Sprintf("agent-%d", i%80)
			mustReason(t, w.Checker.Check(t.Context(), req), keyporter.ReasonVersion)
			if i%90 == 0 {
				if err := w.Usage.Flush(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			w.Clock.Advance(1e6)
		}
		got, err := w.Control.Refusals(t.Context(), keyportertest.Session(w.ada), w.token.ID)
		if err != nil || len(got) != keyporter.RefusalLimit || got[0].RequestID != "call-249" || got[99].RequestID != "call-150" {
			t.Fatalf("%d refusals are kept, from %+v, %v", len(got), got[0], err)
		}
		if strings.Contains(fmt.Sprintf("%+v", got), w.secret.Reveal()) {
			t.Error("the refusals contain the secret")
		}
		all, err := w.Control.OrganizationRefusals(t.Context(), keyportertest.Session(admin))
		if err != nil || len(all) != keyporter.RefusalLimit {
			t.Errorf("the administrator sees %d, %v", len(all), err)
		}
		for who, actor := range map[string]keyporter.Actor{"a colleague": keyportertest.Session(w.grace), "another organization": keyportertest.Session(eve), "nobody": {}} {
			if _, _, err := w.Control.Refusal(t.Context(), actor, "call-249"); keyporter.KindOf(err) != keyporter.NotFound {
				t.Errorf("%s sees the refusal: %v", who, err)
			}
			if list, _ := w.Control.OrganizationRefusals(t.Context(), actor); len(list) > 0 {
				t.Errorf("%s sees %d refusals", who, len(list))
			}
		}
	})
}
