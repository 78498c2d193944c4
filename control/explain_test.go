package control_test

import (
	"testing"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control"
	"github.com/keyporter/keyporter/keyportertest"
	"github.com/keyporter/keyporter/verify"
)

// TestExplanationsHideOtherUsersRoles explains a call on behalf of another user, whose role blocks it.
func TestExplanationsHideOtherUsersRoles(t *testing.T) {
	w := newWorld(t, keyportertest.Database(t))
	blocks := keyportertest.UseAPI(keyporter.EffectBlock)
	bob := keyportertest.User(t, w.Control, "Acme", "bob@acme.example")
	keyportertest.SetRoles(t, w.Node, bob, blocks)
	boss := keyportertest.User(t, w.Control, "Acme", "boss@acme.example", keyporter.RoleAdministrator)
	keyportertest.SetRoles(t, w.Node, w.ada, keyportertest.UseAPI(keyporter.EffectGrant))
	token, secret := keyportertest.OrganizationToken(t, w.Control, w.ada, "Archive")

	req := &verify.Request{Method: "GET", Path: "/Api/v5/x", UserLoginName: []string{" " + bob.Login}}
	for who, c := range map[string]struct {
		actor keyporter.Actor
		sees  bool
	}{
		"the token's owner":   {keyportertest.Session(w.ada), false},
		"an administrator":    {keyportertest.Session(boss), true},
		"the machine's owner": {keyporter.Command(), true},
	} {
		x, err := w.Control.Explain(t.Context(), c.actor, token.ID, req)
		if err != nil {
			t.Fatal(err)
		}
		last := x.Steps[len(x.Steps)-1]
		if x.Reason != keyporter.ReasonNamedBlocked || last.Rule != keyporter.RuleNamedPermission || last.Cause == "" || (len(last.About) > 0) != c.sees {
			t.Errorf("%s: %q, %+v", who, x.Reason, last)
		}
	}
	_, err := w.Control.Explain(t.Context(), keyportertest.Session(bob), token.ID, req)
	wantKind(t, err, keyporter.NotFound)

	req.OrganizationKey = []string{secret.Reveal()}
	_, err = w.Control.ExplainCall(t.Context(), keyportertest.Session(w.ada), req)
	wantKind(t, err, keyporter.Forbidden)
	if x, err := w.Control.ExplainCall(t.Context(), keyporter.Command(), req); err != nil || x.Reason != keyporter.ReasonNamedBlocked {
		t.Errorf("ExplainCall: %q, %v", x.Reason, err)
	}
}

// TestExplanationsHideRolesFromCredentials explains a call on behalf of a user to them, and to a
// program with their credential, which can do no more than it was given.
func TestExplanationsHideRolesFromCredentials(t *testing.T) {
	t.Parallel()
	w := newWorld(t, keyportertest.Database(t))
	blocked := keyportertest.UseAPI(keyporter.EffectBlock)
	blocked.Effects[keyporter.PermissionManageOrganizationTokens] = keyporter.EffectGrant
	bob := keyportertest.User(t, w.Control, "Acme", "bob@acme.example")
	keyportertest.SetRoles(t, w.Node, bob, blocked)
	keyportertest.SetRoles(t, w.Node, w.ada, keyportertest.UseAPI(keyporter.EffectGrant))
	token, _ := keyportertest.OrganizationToken(t, w.Control, w.ada, "Archive")
	program := keyporter.Actor{Kind: keyporter.ActorCredential, User: bob, CredentialID: "01token", Rights: keyporter.Rights{Management: []keyporter.Permission{keyporter.PermissionManageOrganizationTokens}}}
	for sees, actor := range map[bool]keyporter.Actor{true: keyportertest.Session(bob), false: program} {
		x, err := w.Control.Explain(t.Context(), actor, token.ID, &verify.Request{Method: "GET", Path: "/Api/v5/x", UserLoginName: []string{bob.Login}})
		if err != nil {
			t.Fatal(err)
		}
		if last := x.Steps[len(x.Steps)-1]; last.Rule != keyporter.RuleNamedPermission || (len(last.About) > 0) != sees {
			t.Errorf("%s: %+v", actor.Kind, last)
		}
	}
}

func TestExplainNeedsAChecker(t *testing.T) {
	w := newWorld(t, keyportertest.Database(t))
	token, _ := keyportertest.Token(t, w.Control, w.ada, "Nightly")
	c := control.New(w.DB, control.Options{})
	if _, err := c.Explain(t.Context(), keyporter.Command(), token.ID, &verify.Request{}); err == nil {
		t.Error("Explain: no error")
	}
	if _, err := c.ExplainCall(t.Context(), keyporter.Command(), &verify.Request{}); err == nil {
		t.Error("ExplainCall: no error")
	}
}
