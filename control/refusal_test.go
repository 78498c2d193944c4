package control_test

import (
	"slices"
	"testing"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control"
	"github.com/keyporter/keyporter/keyportertest"
)

// TestWhoSeesWhichRefusedCalls compares the list with what one may see of a single call. Before and after they are
// written, everybody's calls are in the lists of the same people.
func TestWhoSeesWhichRefusedCalls(t *testing.T) {
	t.Parallel()
	keyportertest.EachDatabase(t, func(t *testing.T, url string) {
		d := newDevelopers(t, url)
		people := map[string]keyporter.User{
			"ada": d.ada, "grace": d.grace, "dev": d.dev, "devi": d.devi, "admin": d.admin, "eve": d.eve, "otto": d.otto,
			"manages tokens":              keyportertest.User(t, d.Control, "Acme", "t@acme.example", d.role(t, "T", "+tokens.manage").ID),
			"manages organization tokens": keyportertest.User(t, d.Control, "Acme", "o@acme.example", d.role(t, "O", "+organization_tokens.manage").ID),
			"manages the organization":    keyportertest.User(t, d.Control, "Acme", "m@acme.example", d.role(t, "M", "+organization.manage").ID),
		}
		mine, _ := keyportertest.Token(t, d.Control, d.ada, "Mine")
		shared, _ := keyportertest.OrganizationToken(t, d.Control, d.admin, "Shared")
		instance := d.App(t, keyporter.App{Name: "Of the instance"})
		if err := d.Control.SetAppPeople(t.Context(), keyporter.Command(), control.AppPeople{AppID: instance.ID, Logins: []string{d.ada.Login}}); err != nil {
			t.Fatal(err)
		}
		calls := map[string]keyporter.RefusedCall{
			"of a token":               {CredentialID: mine.ID, Reason: keyporter.ReasonBlocked, Cause: "The role “Interns” blocks it.", Path: "/Api/v6/x"},
			"of an organization token": {CredentialID: shared.ID, Reason: keyporter.ReasonDisabled},
			"of a connection":          {CredentialID: d.Connect(t, d.ada, instance).ID, Reason: keyporter.ReasonExpired},
			"of an app":                {CredentialID: d.app(t).ID, Reason: keyporter.ReasonExpired},
		}
		acme := d.ada.OrganizationID
		for id, call := range calls {
			call.RequestID, call.OrganizationID = id, acme
			d.Refused(call)
		}
		d.Refused(keyporter.RefusedCall{CredentialID: instance.ID, RequestID: "of an app of the instance"})
		visible := func(u keyporter.User, l control.RefusalList) (ids []string) {
			t.Helper()
			p, err := d.Control.ListRefusals(t.Context(), keyportertest.Session(u), l)
			if err != nil || int(p.Total) != len(p.Calls) {
				t.Errorf("%s: %d of %d, %v", u.Login, len(p.Calls), p.Total, err)
			}
			for _, c := range p.Calls {
				ids = append(ids, c.RequestID)
			}
			slices.Sort(ids)
			return ids
		}
		for _, when := range []string{"unwritten", "written"} {
			for name, u := range people {
				var want []string
				for id := range calls {
					if _, _, err := d.Control.Refusal(t.Context(), keyportertest.Session(u), id); err == nil && u.OrganizationID == acme {
						want = append(want, id)
					}
				}
				slices.Sort(want)
				if got := visible(u, control.RefusalList{}); !slices.Equal(got, want) {
					t.Errorf("%s, %s sees %q, want %q", when, name, got, want)
				}
			}
			// What is hidden from somebody isn't found either.
			for name, want := range map[string]int{"admin": 1, "manages tokens": 0} {
				if got := visible(people[name], control.RefusalList{Match: "interns"}); len(got) != want {
					t.Errorf("%s, %s finds %q by a role", when, name, got)
				}
			}
			for match, want := range map[string]int{"one of their roles BLOCKS": 1, "v6/X": 1, "EXPIRED": 1, "%": 0, "_": 0, "zz": 0} {
				if got := visible(people["manages tokens"], control.RefusalList{Match: match}); len(got) != want {
					t.Errorf("%s, %q finds %q", when, match, got)
				}
			}
			if err := d.Usage.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		_, err := d.Control.ListRefusals(t.Context(), keyporter.Actor{User: d.ada}, control.RefusalList{})
		wantKind(t, err, keyporter.Unauthorized)
	})
}
