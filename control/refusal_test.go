package control_test

import (
	"maps"
	"slices"
	"strings"
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
		instance, app := d.App(t, keyporter.App{Name: "Of the instance"}), d.app(t)
		if err := d.Control.SetAppPeople(t.Context(), keyporter.Command(), control.AppPeople{AppID: instance.ID, Logins: []string{d.ada.Login}}); err != nil {
			t.Fatal(err)
		}
		conn := d.Connect(t, d.ada, instance)
		acme := d.ada.OrganizationID
		calls := map[string]keyporter.RefusedCall{
			"of a token":               {CredentialID: mine.ID, OrganizationID: acme, Reason: keyporter.ReasonBlocked, Cause: "The role “Interns” blocks it.", Path: "/Api/v6/x"},
			"of an organization token": {CredentialID: shared.ID, OrganizationID: acme, Reason: keyporter.ReasonDisabled},
			"of a connection":          {CredentialID: conn.ID, OrganizationID: acme, Reason: keyporter.ReasonExpired},
			"of another connection":    {CredentialID: d.Connect(t, d.grace, app).ID, OrganizationID: acme, Reason: keyporter.ReasonDisabled},
			"of an app":                {CredentialID: app.ID, OrganizationID: acme, Reason: keyporter.ReasonExpired},
			inInstance:                 {CredentialID: instance.ID, Reason: keyporter.ReasonDisabled},
		}
		for id, call := range calls {
			call.RequestID = id
			d.Refused(call)
		}
		own := map[string][]string{
			"ada": {"of a connection", "of a token"}, "grace": {"of another connection"}, "admin": {"of an organization token"}, "dev": {"of an app"},
		}
		seen, times := map[string][]string{}, 1
		see := func() {
			for name, u := range people {
				seen[name] = d.findsRefusals(t, u, slices.Collect(maps.Keys(calls)))
			}
		}
		see()
		check := func(when string) {
			t.Helper()
			for name, u := range people {
				if got := d.findsRefusals(t, u, slices.Collect(maps.Keys(calls))); !slices.Equal(got, seen[name]) {
					t.Errorf("%s, %s finds %q, not %q", when, name, got, seen[name])
				}
				listed := slices.DeleteFunc(slices.Clone(seen[name]), func(id string) bool { return strings.HasSuffix(id, inInstance) || u.OrganizationID != acme })
				if got := d.listsRefusals(t, u, control.RefusalList{}); !slices.Equal(got, own[name]) {
					t.Errorf("%s, the own calls of %s are %q, want %q", when, name, got, own[name])
				}
				if powers, err := d.Control.Powers(t.Context(), keyportertest.Session(u)); err != nil || !powers.SeeRefusals {
					_, err := d.Control.ListRefusals(t.Context(), keyportertest.Session(u), control.RefusalList{Everyone: true})
					wantKind(t, err, keyporter.Forbidden)
					if !slices.Equal(listed, own[name]) {
						t.Errorf("%s, %s has no list of %q", when, name, listed)
					}
				} else if got := d.listsRefusals(t, u, control.RefusalList{Everyone: true}); !slices.Equal(got, listed) {
					t.Errorf("%s, %s sees %q, want %q", when, name, got, listed)
				}
			}
			// What is hidden from somebody isn't found either.
			for name, want := range map[string]int{"admin": 1, "manages tokens": 0} {
				if got := d.listsRefusals(t, people[name], control.RefusalList{Everyone: true, Match: "interns"}); len(got) != want*times {
					t.Errorf("%s, %s finds %q by a role", when, name, got)
				}
			}
			for match, want := range map[string]int{"one of their roles BLOCKS": 1, "v6/X": 1, "EXPIRED": 1, "ADA@acme": 2, "grace@": 1, "olivia": 0, "%": 0, "_": 0, "zz": 0} {
				if got := d.listsRefusals(t, people["manages tokens"], control.RefusalList{Everyone: true, Match: match}); len(got) != want*times {
					t.Errorf("%s, %q finds %q", when, match, got)
				}
			}
		}
		flush := func() { wantKind(t, d.Usage.Flush(t.Context()), noError) }
		check("unwritten")
		flush()
		check("written")

		// What ends takes no refused call along, written or not, until it is forgotten.
		for id, call := range maps.Clone(calls) {
			call.RequestID = "late " + id
			calls[call.RequestID] = call
			d.Refused(call)
		}
		for name, ids := range own {
			for _, id := range ids {
				own[name] = append(own[name], "late "+id)
			}
			slices.Sort(own[name])
		}
		see()
		times = 2
		me := keyporter.Command()
		for _, err := range []error{
			d.Control.DeleteToken(t.Context(), me, mine.ID), d.Control.DeleteToken(t.Context(), me, shared.ID), d.Control.Disconnect(t.Context(), me, conn.ID),
			d.Control.DeleteApp(t.Context(), me, instance.ID), d.Control.DeleteApp(t.Context(), me, app.ID),
		} {
			wantKind(t, err, noError)
		}
		check("ended")
		flush()
		check("ended and written")
		d.Clock.Advance(keyporter.RestoreWithin)
		wantKind(t, d.DB.Prune(t.Context(), d.Clock.Now()), noError)
		for name, u := range people {
			if got := d.findsRefusals(t, u, slices.Collect(maps.Keys(calls))); len(got) > 0 {
				t.Errorf("forgotten, %s still finds %q", name, got)
			}
		}
		_, err := d.Control.ListRefusals(t.Context(), keyporter.Actor{User: d.ada}, control.RefusalList{})
		wantKind(t, err, keyporter.Unauthorized)
	})
}

// inInstance is the request ID of a call of an app of the instance, which no organization's list has.
const inInstance = "of an app of the instance"

// findsRefusals returns those of the request IDs by which a user finds a refused call.
func (d *developers) findsRefusals(t *testing.T, u keyporter.User, ids []string) (found []string) {
	t.Helper()
	for _, id := range ids {
		_, credential, err := d.Control.Refusal(t.Context(), keyportertest.Session(u), id)
		if err == nil && credential.Name == "" {
			t.Errorf("the call %s was made with nothing", id)
		}
		if err == nil {
			found = append(found, id)
		}
	}
	slices.Sort(found)
	return found
}

// listsRefusals returns the request IDs of a list.
func (d *developers) listsRefusals(t *testing.T, u keyporter.User, l control.RefusalList) (ids []string) {
	t.Helper()
	p, err := d.Control.ListRefusals(t.Context(), keyportertest.Session(u), l)
	if err != nil || int(p.Total) != len(p.Calls) {
		t.Errorf("%s: %d of %d, %v", u.Login, len(p.Calls), p.Total, err)
	}
	for _, c := range p.Calls {
		ids = append(ids, c.RequestID)
		if owner := p.Callers[c.CredentialID].OwnerID; p.Owners[owner].ID != owner {
			t.Errorf("%s is of nobody", c.RequestID)
		}
	}
	slices.Sort(ids)
	return ids
}
