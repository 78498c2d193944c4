package verify_test

import (
	"crypto/rand"
	"testing"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/keyportertest"
	"github.com/keyporter/keyporter/verify"
)

// TestImportedTokensWork tries tokens of another system in each header that carries them, on
// the node that imported them and on another, imported one by one and in bulk.
func TestImportedTokensWork(t *testing.T) {
	t.Parallel()
	keyportertest.EachDatabase(t, func(t *testing.T, url string) {
		n, other := keyportertest.NewNode(t, url), keyportertest.NewNode(t, url)
		ada := keyportertest.User(t, n.Control, "Acme", "ada@acme.example", keyporter.RoleAPIUser)
		if err := n.Control.GrantFlag(t.Context(), keyporter.Command(), ada.OrganizationID, keyporter.FlagOrganizationAPIToken); err != nil {
			t.Fatal(err)
		}
		const key = "4647688a-1b2c-4d5e-8f90-a1b2c3d4e5f6"
		mine := []string{"asdfngtmvv8pfmsuaxpzz85zux3e63dd9zttrwitx9mln6qka6tds83du3p3lroe", "Bearer/+=:~0123456789", keyporter.NewSecret(keyporter.SecretUserToken).Reveal(), "eyJ0eXAiOiJhdCtqd3QifQ.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"}
		keyportertest.ImportTokens(t, n.Control, ada, keyporter.OrganizationToken, key)
		keyportertest.ImportTokens(t, n.Control, ada, keyporter.UserToken, mine...)
		many := make([]string, 300)
		for i := range many {
			many[i] = rand.Text()
		}
		keyportertest.ImportTokens(t, n.Control, ada, keyporter.UserToken, many...)
		for _, node := range []*keyportertest.Node{n, other} {
			keyportertest.Eventually(t, "the node knows the last of them", func() bool { return ask(node, many[299]).Allowed && node.Checker.Complete() })
			for _, secret := range append(mine, many...) {
				for _, req := range []verify.Request{
					{APIToken: []string{secret}}, {Authorization: []string{"Bearer " + secret}}, {APIToken: []string{secret}, Authorization: []string{"bearer " + secret}},
				} {
					req.Method, req.Path = "GET", whoAmI
					d := node.Checker.Check(t.Context(), &req)
					mustReason(t, d, keyporter.Allowed)
					if d.Principal == nil || d.Principal.UserID != ada.ID {
						t.Fatalf("it acts for %+v", d.Principal)
					}
				}
			}
			mustReason(t, node.Checker.Check(t.Context(), &verify.Request{
				Method: "GET", Path: "/Api/v5/user/me", OrganizationKey: []string{key}, UserLoginName: []string{ada.Login},
			}), keyporter.Allowed)
			i, err := node.Checker.Inspect(t.Context(), verify.Question{Secret: mine[0]})
			if err != nil || !i.Allowed || i.Principal.UserID != ada.ID {
				t.Errorf("an inspection says %+v, %v", i, err)
			}
		}
	})
}

// TestUnknownSecretsOfAnotherSystemCostNoQuery has an attacker try secrets in the form of
// another system, and someone mistype one of ours.
func TestUnknownSecretsOfAnotherSystemCostNoQuery(t *testing.T) {
	t.Parallel()
	keyportertest.EachDatabase(t, func(t *testing.T, url string) {
		n := keyportertest.NewNode(t, url)
		ada := keyportertest.User(t, n.Control, "Acme", "ada@acme.example", keyporter.RoleAPIUser)
		old := "asdfngtmvv8pfmsuaxpzz85zux3e63dd9zttrwitx9mln6qka6tds83du3p3lroe"
		keyportertest.ImportTokens(t, n.Control, ada, keyporter.UserToken, old)
		mustReason(t, ask(n, old), keyporter.Allowed)
		before := n.Checker.Lookups()
		for range 1000 {
			mustReason(t, ask(n, rand.Text()), keyporter.ReasonUnknown)
			mustReason(t, ask(n, mistype(old)), keyporter.ReasonUnknown)
		}
		mistyped := ask(n, mistype(keyporter.NewSecret(keyporter.SecretUserToken).Reveal()))
		if mistyped.Outcomes[keyporter.RuleSecret] != keyporter.Failed {
			t.Errorf("the checksum doesn't reveal a typo in one of ours: %v", mistyped.Outcomes)
		}
		if after := n.Checker.Lookups(); after != before {
			t.Errorf("%d lookups", after-before)
		}
	})
}
