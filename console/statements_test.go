package console_test

import (
	"fmt"
	"net/http"
	"slices"
	"testing"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control"
	"github.com/keyporter/keyporter/keyportertest"
	"github.com/keyporter/keyporter/verify"
)

// TestListsUseAConstantNumberOfStatements makes sure that no page asks the database once per row. Such a
// page would be slow where it matters, in large organizations.
func TestListsUseAConstantNumberOfStatements(t *testing.T) {
	t.Parallel()
	keyportertest.EachDatabase(t, func(t *testing.T, address string) {
		s := newCrowd(t, address)
		s.add(t, 1)
		one := s.statements(t)
		s.add(t, control.MaxPage-1)
		for path, many := range s.statements(t) {
			t.Logf("%-40s %d statements", path, many)
			if many != one[path] {
				t.Errorf("%s uses %d statements for one row, but %d for %d", path, one[path], many, control.MaxPage)
			}
		}
	})
}

// crowd is an organization with many rows in every list.
type crowd struct {
	*site

	olivia keyporter.User // an administrator, operator, and API user
	role   keyporter.Role // everyone else has it
	app    keyporter.App  // everyone is responsible for it
	people []keyporter.ID
	logins []string // of people
	n      int      // number of rows so far
}

func newCrowd(t *testing.T, address string) *crowd {
	t.Helper()
	s := &crowd{site: newSiteOn(t, address)}
	org, err := s.Control.CreateOrganization(t.Context(), keyporter.Command(), "Acme")
	if err != nil {
		t.Fatal(err)
	}
	s.olivia, err = s.Control.CreateUser(t.Context(), keyporter.Command(), control.NewUser{
		OrganizationID: org.ID, Login: "olivia@acme.example", Password: keyportertest.Password, Operator: true,
		RoleIDs: []keyporter.ID{keyporter.RoleAdministrator, keyporter.RoleAPIUser},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.role = s.site.role(t, org.ID, "Interns", map[keyporter.Permission]keyporter.Effect{keyporter.PermissionUseAPI: keyporter.EffectGrant})
	s.app = s.App(t, keyporter.App{Name: "Everyone’s"})
	return s
}

// add adds n rows to each list.
func (s *crowd) add(t *testing.T, n int) {
	t.Helper()
	used := keyporter.ClientUse{Agent: "curl/8.7.1", Address: "192.0.2.7", Version: "v6", LastAt: s.Clock.Now(), Allowed: 3}
	shown := slices.Clone(s.people)
	for range n {
		s.n++
		name := fmt.Sprintf("row %03d", s.n)
		user := keyporter.User{
			ID: keyporter.NewID(s.Clock.Now()), OrganizationID: s.olivia.OrganizationID, Login: fmt.Sprintf("user%03d@acme.example", s.n),
			RoleIDs: []keyporter.ID{s.role.ID}, Active: true, CreatedAt: s.Clock.Now(),
		}
		s.Insert(t, user)
		s.people, s.logins = append(s.people, user.ID), append(s.logins, user.Login)
		org, err := s.Control.CreateOrganization(t.Context(), keyporter.Command(), "Organization "+name)
		if err != nil {
			t.Fatal(err)
		}

		theirs, _ := keyportertest.Token(t, s.Control, user, name) // shown in previews
		s.Used(t, theirs.ID, used)
		_, organizationSecret := keyportertest.OrganizationToken(t, s.Control, user, name)
		s.Checker.Check(t.Context(), &verify.Request{Method: "GET", Path: "/Api/v5/envelopes", APIToken: []string{organizationSecret.Reveal()}, UserLoginName: []string{user.Login}})

		_, secret, err := s.Control.CreateToken(t.Context(), keyporter.Command(), control.NewToken{OwnerID: s.olivia.ID, Name: name})
		if err != nil {
			t.Fatal(err)
		}
		s.Checker.Check(t.Context(), &verify.Request{Method: "GET", Path: "/Api/v6/authorization/whoami", APIToken: []string{secret.Reveal()}})

		own := s.App(t, keyporter.App{Name: name, OrganizationID: s.olivia.OrganizationID})
		s.Refused(keyporter.RefusedCall{CredentialID: own.ID, OrganizationID: s.olivia.OrganizationID, Reason: keyporter.ReasonScope, RequestID: name})
		app := s.App(t, keyporter.App{Name: name, OrganizationID: org.ID})
		s.Connect(t, s.olivia, app)
	}
	if err := s.Control.SetAppPeople(t.Context(), keyporter.Command(), control.AppPeople{AppID: s.app.ID, Logins: s.logins, Shown: shown}); err != nil {
		t.Fatal(err)
	}
}

// statements returns how many statements each page with a list uses.
func (s *crowd) statements(t *testing.T) map[string]int64 {
	t.Helper()
	v := s.signIn(t, s.olivia)
	if err := s.Usage.Flush(t.Context()); err != nil { // otherwise it happens while a page is counted
		t.Fatal(err)
	}
	all := map[string]int64{}
	for _, path := range []string{
		"/tokens", "/tokens?q=row", "/all-tokens?q=row", "/refusals", "/refusals?q=scope", "/all-refusals?q=scope", "/organization-tokens", "/apps", "/apps?q=row", "/connections?q=row", "/apps/connections", "/apps/connections?q=row", "/apps/policy", "/apps/" + string(s.app.ID),
		"/users", "/users?q=user&state=active", "/users/" + string(s.people[0]), "/users/" + string(s.people[0]) + "/disable", "/users/" + string(s.olivia.ID) + "/tokens",
		"/roles", "/roles/" + string(s.role.ID), "/roles/" + string(s.role.ID) + "/delete",
		"/organizations", "/organizations/" + string(s.olivia.OrganizationID), "/organizations/" + string(s.olivia.OrganizationID) + "/disable",
	} {
		for range 3 { // the node's other jobs may run a statement at the same time
			before := s.DB.Statements()
			v.get(path).want(t, http.StatusOK)
			n := s.DB.Statements() - before
			if least, ok := all[path]; !ok || n < least {
				all[path] = n
			}
		}
	}
	return all
}
