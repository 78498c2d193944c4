package console_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/keyportertest"
	"github.com/keyporter/keyporter/verify"
)

// TestOrganizationTokensDoNotRevealOtherUsersRoles has an attacker with an organization token call for
// colleagues and read the explanations, to find out who has which role.
func TestOrganizationTokensDoNotRevealOtherUsersRoles(t *testing.T) {
	s := newSite(t)
	ada := keyportertest.User(t, s.Control, "Acme", "ada@acme.example")
	blocks := s.role(t, ada.OrganizationID, "Under notice", map[keyporter.Permission]keyporter.Effect{keyporter.PermissionUseAPI: keyporter.EffectBlock})
	grants := s.role(t, ada.OrganizationID, "Works council", map[keyporter.Permission]keyporter.Effect{keyporter.PermissionUseAPI: keyporter.EffectGrant})
	neither := s.role(t, ada.OrganizationID, "On sick leave", nil)
	mine := s.role(t, ada.OrganizationID, "Integrators", map[keyporter.Permission]keyporter.Effect{keyporter.PermissionUseAPI: keyporter.EffectGrant})
	keyportertest.User(t, s.Control, "Acme", "blocked@acme.example", grants.ID, blocks.ID)
	keyportertest.User(t, s.Control, "Acme", "grants@acme.example", grants.ID)
	keyportertest.User(t, s.Control, "Acme", "nothing@acme.example", neither.ID)
	olivia := keyportertest.User(t, s.Control, "Acme", "olivia@acme.example", keyporter.RoleAdministrator)
	if err := s.Control.SetUserRoles(t.Context(), keyporter.Command(), ada.ID, []keyporter.ID{mine.ID}); err != nil {
		t.Fatal(err)
	}
	token, secret := keyportertest.OrganizationToken(t, s.Control, ada, "Archive")
	owner, admin := s.signIn(t, ada), s.signIn(t, olivia)
	for login, c := range map[string]struct{ role, words string }{
		"blocked@acme.example": {"Under notice", "one of their roles blocks Use the API"},
		"nothing@acme.example": {"On sick leave", "none of their roles grants Use the API"},
		"grants@acme.example":  {"Works council", "One of their roles grants it, and none blocks it."},
	} {
		s.Checker.Check(t.Context(), &verify.Request{
			Method: "GET", Path: "/Api/v5/x", OrganizationKey: []string{secret.Reveal()}, UserLoginName: []string{login}, RequestID: "call-" + login,
		})
		explain := "/tokens/" + string(token.ID) + "/explain?path=/Api/v5/x&login=" + login
		for _, page := range []string{explain, "/refusals", "/refusals/call-" + login} {
			if got := owner.get(page); strings.Contains(got.body, c.role) {
				t.Errorf("%s shows the token's owner the role %q", page, c.role)
			}
		}
		owner.get(explain).want(t, http.StatusOK, c.words, "The role “Integrators” grants Use the API (api.use) to ada@acme.example")
		admin.get(explain).want(t, http.StatusOK, c.role)
	}
	admin.get("/refusals/call-blocked@acme.example").want(t, http.StatusOK, "Under notice")

	// The owner sees their own roles.
	if err := s.Control.SetUserRoles(t.Context(), keyporter.Command(), ada.ID, []keyporter.ID{mine.ID, blocks.ID}); err != nil {
		t.Fatal(err)
	}
	s.Checker.Check(t.Context(), &verify.Request{
		Method: "GET", Path: "/Api/v5/x", OrganizationKey: []string{secret.Reveal()}, UserLoginName: []string{ada.Login}, RequestID: "own",
	})
	owner.get("/tokens/"+string(token.ID)+"/explain?path=/Api/v5/x&login="+ada.Login).want(t, http.StatusOK, "The role “Under notice” blocks Use the API (api.use)")
	owner.get("/refusals/own").want(t, http.StatusOK, "The role “Under notice” blocks Use the API (api.use)")
}
