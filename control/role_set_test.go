package control_test

import (
	"testing"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/keyportertest"
)

// TestChecksDoNotTrustWhatUsersAreFoundBy gives and takes roles as the previous release does, which doesn't write
// the column that users are found by.
func TestChecksDoNotTrustWhatUsersAreFoundBy(t *testing.T) {
	t.Parallel()
	keyportertest.EachDatabase(t, func(t *testing.T, url string) {
		w := newWorld(t, url)
		ctx := t.Context()
		shared, grants := w.role(t, "Shared", "+api.use"), w.role(t, "Grants", "+users.manage", "+roles.manage")
		manager := keyportertest.User(t, w.Control, "Acme", "manager@acme.example", w.role(t, "Manages", "+roles.manage", "+api.use").ID)
		w.setRoles(t, w.admin, keyporter.RoleAdministrator, shared.ID)
		keyportertest.Exec(t, url, `UPDATE users SET role_ids = ''`)
		shared.Effects = effects("-api.use")
		_, err := w.Control.UpdateRole(ctx, keyportertest.Session(manager), shared)
		wantKind(t, err, keyporter.Forbidden)

		// The column says that Grace administers, too.
		w.setRoles(t, w.admin, grants.ID)
		w.setRoles(t, w.grace, grants.ID)
		keyportertest.Exec(t, url, `DELETE FROM user_roles WHERE user_id = '`+string(w.grace.ID)+`'`)
		wantKind(t, w.Control.SetUserRoles(ctx, keyportertest.Session(w.admin), w.admin.ID, nil), keyporter.Conflict)

		if err := w.Control.Prune(ctx, keyporter.System()); err != nil {
			t.Fatal(err)
		}
		if r, err := w.Control.Role(ctx, keyportertest.Session(w.admin), grants.ID); err != nil || r.Holders != 1 {
			t.Errorf("an hour later, %d users have the role, %v", r.Holders, err)
		}
	})
}
