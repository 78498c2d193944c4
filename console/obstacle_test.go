package console_test

import (
	"testing"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/keyportertest"
)

// TestListsSayWhatKeepsTokensFromWorking takes away what tokens need, one after the other.
func TestListsSayWhatKeepsTokensFromWorking(t *testing.T) {
	s := newSite(t)
	me := keyporter.Command()
	ada := keyportertest.User(t, s.Control, "Acme", "ada@acme.example", keyporter.RoleAPIUser)
	v := s.signIn(t, keyportertest.User(t, s.Control, "Acme", "olivia@acme.example", keyporter.RoleAdministrator))
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	keyportertest.Token(t, s.Control, ada, "Export")
	archive, _ := keyportertest.OrganizationToken(t, s.Control, ada, "Archive")
	for _, id := range []keyporter.ID{s.tokensOf(t, ada)[0].ID, archive.ID} {
		_, err := s.Control.EnableToken(t.Context(), me, id)
		must(err)
	}
	lists := []string{"/all-tokens", "/users/" + string(ada.ID) + "/tokens", "/organization-tokens"}
	say := func(words string, lists ...string) {
		t.Helper()
		all := []string{"Acme doesn’t have", "switched off", "their role “", "none of their roles"}
		for _, list := range lists {
			page := v.get(list)
			for _, other := range all {
				if words == "" || other != words {
					page.wantNot(t, other)
				}
			}
			if words != "" {
				page.want(t, 200, words, "Blocked")
			}
		}
	}
	say("", lists...)
	must(s.Control.WithdrawFlag(t.Context(), me, ada.OrganizationID, keyporter.FlagAPI))
	say("Acme doesn’t have", lists...)
	v.get("/all-tokens").want(t, 200, "Acme doesn’t have the feature “API access” (Api).")
	must(s.Control.GrantFlag(t.Context(), me, ada.OrganizationID, keyporter.FlagAPI))
	must(s.Control.WithdrawFlag(t.Context(), me, ada.OrganizationID, keyporter.FlagOrganizationAPIToken))
	say("Acme doesn’t have", "/organization-tokens")
	say("", "/all-tokens")
	must(s.Control.GrantFlag(t.Context(), me, ada.OrganizationID, keyporter.FlagOrganizationAPIToken))

	stop := s.role(t, ada.OrganizationID, "No API", map[keyporter.Permission]keyporter.Effect{keyporter.PermissionUseAPI: keyporter.EffectBlock})
	must(s.Control.SetUserRoles(t.Context(), me, ada.ID, []keyporter.ID{keyporter.RoleAPIUser, stop.ID}))
	say("their role “", lists...)
	v.get("/all-tokens").want(t, 200, "Its owner can’t use the API: their role “No API” blocks it.")
	must(s.Control.SetUserRoles(t.Context(), me, ada.ID, nil))
	say("none of their roles", lists...)
	must(s.Control.SetUserRoles(t.Context(), me, ada.ID, []keyporter.ID{keyporter.RoleAPIUser}))
	must(s.Control.DisableUser(t.Context(), me, ada.ID))
	say("switched off", lists...)
	must(s.Control.EnableUser(t.Context(), me, ada.ID))

	// An expired token wouldn't work anyway.
	token := s.tokensOf(t, ada)[0]
	_, err := s.Control.SetTokenExpiry(t.Context(), me, token.ID, s.Clock.Now().Add(time.Hour))
	must(err)
	must(s.Control.DisableUser(t.Context(), me, ada.ID))
	s.Clock.Advance(2 * time.Hour)
	v = s.signIn(t, keyportertest.User(t, s.Control, "Acme", "oscar@acme.example", keyporter.RoleAdministrator))
	v.get("/all-tokens").wantNot(t, "It works again once that changes")
}

// TestARowSaysWhyItNeedsAttention has a token that is on, of which the last call was refused: after its owner changed it, what
// came before needs none.
func TestARowSaysWhyItNeedsAttention(t *testing.T) {
	s := newSite(t)
	ada, v := s.ada(t)
	token, _ := keyportertest.Token(t, s.Control, ada, "Export")
	at := s.Clock.Now().Add(time.Minute)
	s.Used(t, token.ID, keyporter.ClientUse{Agent: "curl/8.5.0", LastAt: at, Allowed: 3, Refused: 1, RefusedAt: at})
	s.Clock.Advance(time.Hour)
	const list = "/tokens?state=attention"
	v.get(list).want(t, 200, "curl 8.5.0 was refused 59 minutes ago.", "/tokens/"+string(token.ID)+"/explain", "1 of 1")
	v.get("/tokens/"+string(token.ID)).want(t, 200, "Refused <time")
	if _, err := s.Control.SetTokenExpiry(t.Context(), keyporter.Command(), token.ID, s.Clock.Now().AddDate(1, 0, 0)); err != nil {
		t.Fatal(err)
	}
	v.get(list).want(t, 200, "No token matches")
	v.get("/tokens").wantNot(t, "was refused")
}
