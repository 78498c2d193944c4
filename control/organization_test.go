package control_test

import (
	"fmt"
	"testing"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control"
	"github.com/keyporter/keyporter/keyportertest"
)

func TestListingOrganizations(t *testing.T) {
	t.Parallel()
	keyportertest.EachDatabase(t, func(t *testing.T, url string) {
		w := newWorld(t, url)
		ctx, operator := t.Context(), keyportertest.Session(w.operator(t))
		if err := w.Control.DisableUser(ctx, operator, w.ada.ID); err != nil {
			t.Fatal(err)
		}
		all, err := w.Control.Organizations(ctx, operator, "", "")
		if err != nil || len(all) != 2 || all[0].Name != "Acme" || all[0].Users != 3 || all[0].ActiveUsers != 2 || !all[0].Has(keyporter.FlagAPI) || all[1].Name != "Other" {
			t.Errorf("%+v, %v", all, err)
		}
		found, err := w.Control.Organizations(ctx, operator, "OTH", "")
		if err != nil || len(found) != 1 || found[0].Name != "Other" {
			t.Errorf("%+v, %v", found, err)
		}
		for i := range control.MaxPage {
			if _, err := w.Control.CreateOrganization(ctx, operator, fmt.Sprintf("B%03d", i)); err != nil {
				t.Fatal(err)
			}
		}
		first, err := w.Control.Organizations(ctx, operator, "", "")
		if err != nil || len(first) != control.MaxPage {
			t.Fatal(len(first), err)
		}
		second, err := w.Control.Organizations(ctx, operator, "", first[len(first)-1].ID)
		if err != nil || len(second) != 2 || second[1].Name != "Other" {
			t.Errorf("%+v, %v", second, err)
		}
	})
}

func TestOperatorsCannotLockThemselvesOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t, keyportertest.Database(t))
	u := w.operator(t)
	ctx, me := t.Context(), keyportertest.Session(u)
	wantKind(t, w.Control.DisableOrganization(ctx, me, u.OrganizationID), keyporter.Forbidden)
	wantKind(t, w.Control.DisableUser(ctx, me, u.ID), keyporter.Forbidden)
	wantKind(t, w.Control.DisableOrganization(ctx, me, w.ada.OrganizationID), noError)
	_, err := w.Control.SignIn(ctx, keyportertest.Nobody(), control.SignIn{Login: w.ada.Login, Password: keyportertest.Password})
	wantKind(t, err, keyporter.Forbidden)
	_, err = w.Control.ListUsers(ctx, keyportertest.Session(w.admin), control.UserSearch{OrganizationID: w.admin.OrganizationID})
	wantKind(t, err, keyporter.Forbidden)
	wantKind(t, w.Control.EnableOrganization(ctx, me, w.ada.OrganizationID), noError)
}

// TestOperatorsCreateTheFirstAdministrator checks that operators can grant permissions they don't have themselves.
func TestOperatorsCreateTheFirstAdministrator(t *testing.T) {
	t.Parallel()
	w := newWorld(t, keyportertest.Database(t))
	ctx, me := t.Context(), keyportertest.Session(w.operator(t))
	o, err := w.Control.CreateOrganization(ctx, me, "New")
	if err != nil {
		t.Fatal(err)
	}
	u, err := w.Control.CreateUser(ctx, me, control.NewUser{OrganizationID: o.ID, Login: "first@new.example", Password: keyportertest.Password, RoleIDs: []keyporter.ID{keyporter.RoleAdministrator}})
	if err != nil {
		t.Fatal(err)
	}
	wantKind(t, w.Control.SetPassword(ctx, me, u.ID, keyportertest.Password), noError)
	_, err = w.Control.CreateUser(ctx, me, control.NewUser{OrganizationID: "nowhere", Login: "second@new.example", Password: keyportertest.Password})
	wantKind(t, err, keyporter.NotFound)
}

func TestChangesWithoutEffectWriteNoEvent(t *testing.T) {
	t.Parallel()
	keyportertest.EachDatabase(t, func(t *testing.T, url string) {
		w := newWorld(t, url)
		ctx, me, org := t.Context(), keyporter.Command(), w.ada.OrganizationID
		before := events(t, w, org)
		for range 2 {
			for _, err := range []error{
				w.Control.DisableUser(ctx, me, w.ada.ID), w.Control.DisableOrganization(ctx, me, org),
				w.Control.GrantFlag(ctx, me, org, keyporter.FlagOrganizationAPIToken), w.Control.WithdrawFlag(ctx, me, org, keyporter.FlagAPI),
			} {
				if err != nil {
					t.Error(err)
				}
			}
		}
		if n := events(t, w, org) - before; n != 4 {
			t.Errorf("four changes, but %d events", n)
		}
	})
}

func TestUnknownFlagsAndOrganizations(t *testing.T) {
	t.Parallel()
	w := newWorld(t, keyportertest.Database(t))
	ctx, me := t.Context(), keyporter.Command()
	wantKind(t, w.Control.GrantFlag(ctx, me, w.eve.OrganizationID, "Nonsense"), keyporter.Invalid)
	wantKind(t, w.Control.WithdrawFlag(ctx, me, w.eve.OrganizationID, "api"), keyporter.Invalid)
	wantKind(t, w.Control.GrantFlag(ctx, me, "nowhere", keyporter.FlagAPI), keyporter.NotFound)
	wantKind(t, w.Control.DisableOrganization(ctx, me, "nowhere"), keyporter.NotFound)
	wantKind(t, w.Control.DisableUser(ctx, me, "nobody"), keyporter.NotFound)
	_, err := w.Control.OrganizationByID(ctx, me, "nowhere")
	wantKind(t, err, keyporter.NotFound)
}
