package console_test

import (
	"net/http"
	"testing"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/keyportertest"
)

func TestOperatorsMakeAndRemoveOperators(t *testing.T) {
	s := newSite(t)
	admin := keyportertest.User(t, s.Control, "Acme", "olivia@acme.example", keyporter.RoleAdministrator)
	ada := keyportertest.User(t, s.Control, "Acme", "ada@acme.example", keyporter.RoleAPIUser)
	me := s.operator(t, admin.OrganizationID, "operator@acme.example")
	operator, page := s.signIn(t, me), "/users/"+string(ada.ID)
	her := s.signIn(t, ada)
	her.get("/organizations").want(t, http.StatusForbidden, "Only an operator")
	s.signIn(t, admin).get(page).wantNot(t, "Make an operator")

	operator.get(page).want(t, http.StatusOK, "Make an operator…")
	operator.get(page+"/appoint").want(t, http.StatusOK, "Make ada@acme.example an operator?", "all organizations")
	appointed := operator.post(page + "/appoint")
	appointed.wantRedirect(t, page+"?done=appointed")
	operator.get(appointed.location).want(t, http.StatusOK, "This user is now an operator.", "Remove operator…")
	her.get("/organizations").want(t, http.StatusOK) // without signing in again

	own := her.get(page)
	own.want(t, http.StatusOK, "You are an operator of this Keyporter")
	own.wantNot(t, "Remove operator…")
	her.post(page+"/dismiss").want(t, http.StatusForbidden, "Another operator can.")

	operator.get(page+"/dismiss").want(t, http.StatusOK, "Remove ada@acme.example as an operator?")
	operator.post(page+"/dismiss").wantRedirect(t, page+"?done=dismissed")
	her.get("/organizations").want(t, http.StatusForbidden)
}

// TestAnOperatorLearnsWhereToGrantAFeature opens the page of tokens without the feature Organization tokens, with and
// without such a token.
func TestAnOperatorLearnsWhereToGrantAFeature(t *testing.T) {
	s := newSite(t)
	ada, v := s.ada(t)
	v.get("/tokens").wantNot(t, "Organization API Tokens")
	keyportertest.OrganizationToken(t, s.Control, ada, "Old")
	if err := s.Control.WithdrawFlag(t.Context(), keyporter.Command(), ada.OrganizationID, keyporter.FlagOrganizationAPIToken); err != nil {
		t.Fatal(err)
	}
	if err := s.Control.SetUserRoles(t.Context(), keyporter.Command(), ada.ID, []keyporter.ID{keyporter.RoleAdministrator}); err != nil {
		t.Fatal(err)
	}
	v.get("/tokens").want(t, 200, "Only the operator of this Keyporter can grant it.", "Until that changes, the tokens below don’t work.")
	if err := s.Control.AppointOperator(t.Context(), keyporter.Command(), ada.ID); err != nil {
		t.Fatal(err)
	}
	v.get("/tokens").want(t, 200, "You can grant it under “Features of Acme”.", "/organizations/"+string(ada.OrganizationID))
}
