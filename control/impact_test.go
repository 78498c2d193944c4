package control_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control"
	"github.com/keyporter/keyporter/keyportertest"
	"github.com/keyporter/keyporter/store"
)

// credential is a token that a test makes calls with.
type credential struct {
	keyporter.Token
	owner  keyporter.User
	secret keyporter.Secret
}

// allowed makes a call with a token, and reports whether it is allowed.
func (w *world) allowed(c credential) bool {
	call := keyportertest.Call{Token: c.secret, Agent: "sync/" + c.Name}
	if c.Kind == keyporter.OrganizationToken {
		call.Login = c.owner.Login
	}
	return w.Allows(call)
}

func (w *world) userToken(t *testing.T, owner keyporter.User, name string) credential {
	t.Helper()
	token, secret := keyportertest.Token(t, w.Control, owner, name)
	return credential{token, owner, secret}
}

// organizationToken stores an organization token that is switched on, even without the feature.
func (w *world) organizationToken(t *testing.T, owner keyporter.User, name string) credential {
	t.Helper()
	now, secret := w.Clock.Now(), keyporter.NewSecret(keyporter.SecretOrganizationToken)
	token := keyporter.Token{
		ID: keyporter.NewID(now), OrganizationID: owner.OrganizationID, OwnerID: owner.ID, Kind: keyporter.OrganizationToken, Name: name,
		CreatedAt: now, First: secret.First(), Last: secret.Last(),
	}
	err := w.DB.Do(t.Context(), func(tx *store.Tx) error {
		if err := tx.InsertToken(t.Context(), token, secret.Hash()); err != nil {
			return err
		}
		return tx.InsertEvent(t.Context(), keyporter.Event{ID: token.ID, At: now, Name: keyporter.EventTokenCreate, OrganizationID: owner.OrganizationID, UserID: owner.ID, TokenID: token.ID})
	})
	if err == nil {
		token, err = w.Control.EnableToken(t.Context(), keyporter.Command(), token.ID)
	}
	if err != nil {
		t.Fatal(err)
	}
	return credential{token, owner, secret}
}

// outline formats an impact, such as "ada -api.use | Export".
func outline(i control.Impact) string {
	var texts []string
	for _, u := range i.Users {
		name, _, _ := strings.Cut(u.Login, "@")
		for _, p := range u.Loses {
			texts = append(texts, name+" -"+string(p))
		}
		for _, p := range u.Gains {
			texts = append(texts, name+" +"+string(p))
		}
	}
	texts = append(texts, "|")
	for _, t := range i.Tokens {
		texts = append(texts, t.Name)
	}
	return strings.Join(texts, " ")
}

// TestPreviewsNameExactlyWhatStops compares the preview of each kind of change with real calls before and
// after the change.
func TestPreviewsNameExactlyWhatStops(t *testing.T) {
	t.Parallel()
	keyportertest.EachDatabase(t, func(t *testing.T, url string) {
		w := newWorld(t, url)
		ctx, admin := t.Context(), keyportertest.Session(w.admin)
		if err := w.Control.GrantFlag(ctx, keyporter.Command(), w.ada.OrganizationID, keyporter.FlagOrganizationAPIToken); err != nil {
			t.Fatal(err)
		}
		interns, bots := w.role(t, "Interns"), w.role(t, "Bots", "+api.use")
		mallory := keyportertest.User(t, w.Control, "Acme", "mallory@acme.example", keyporter.RoleAPIUser, interns.ID)
		w.setRoles(t, w.ada, keyporter.RoleAPIUser, interns.ID)
		w.setRoles(t, w.grace, bots.ID, interns.ID)

		old := w.userToken(t, w.ada, "old")
		w.allowed(old)
		w.Clock.Advance(31 * 24 * time.Hour)
		all := []credential{
			old, w.userToken(t, w.ada, "export"), w.userToken(t, w.grace, "sync"), w.organizationToken(t, w.grace, "legacy"),
			w.userToken(t, mallory, "left"), w.userToken(t, w.admin, "admin"), w.userToken(t, w.eve, "other"), w.userToken(t, w.ada, "off"),
		}
		w.userToken(t, w.ada, "never")
		for _, c := range all[1:] {
			if !w.allowed(c) {
				t.Fatalf("%s doesn't work", c.Name)
			}
		}
		if err := w.Control.DisableUser(ctx, admin, mallory.ID); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Control.DisableToken(ctx, admin, all[7].ID); err != nil {
			t.Fatal(err)
		}

		compare := func(what, want string, preview func() (control.Impact, error), save func() error) {
			t.Helper()
			var before []credential
			for _, c := range all[1:] {
				if w.allowed(c) {
					before = append(before, c)
				}
			}
			impact, err := preview()
			if err != nil || outline(impact) != want {
				t.Errorf("%s: the preview shows %q, %v; want %q", what, outline(impact), err, want)
			}
			if err := save(); err != nil {
				t.Fatal(err)
			}
			var stopped, predicted []keyporter.ID
			for _, c := range before {
				if !w.allowed(c) {
					stopped = append(stopped, c.ID)
				}
			}
			for _, token := range impact.Tokens {
				predicted = append(predicted, token.ID)
				if len(token.Clients) == 0 || token.Clients[0].Agent != "sync/"+token.Name || token.Clients[0].LastAt.IsZero() {
					t.Errorf("%s: the preview shows for %s the clients %+v", what, token.Name, token.Clients)
				}
			}
			slices.Sort(stopped)
			slices.Sort(predicted)
			if !slices.Equal(stopped, predicted) {
				t.Errorf("%s: %v stopped, but the preview predicted %v", what, stopped, predicted)
			}
		}

		block := interns
		block.Effects = effects("-api.use")
		compare("a block", "ada -api.use grace -api.use mallory -api.use | export sync legacy",
			func() (control.Impact, error) { return w.Control.PreviewRole(ctx, admin, block) },
			func() (err error) { block, err = w.Control.UpdateRole(ctx, admin, block); return err })
		block.Effects = nil
		compare("the block taken back", "ada +api.use grace +api.use mallory +api.use |",
			func() (control.Impact, error) { return w.Control.PreviewRole(ctx, admin, block) },
			func() (err error) { block, err = w.Control.UpdateRole(ctx, admin, block); return err })
		compare("a role deleted", "grace -api.use | sync legacy",
			func() (control.Impact, error) { return w.Control.PreviewRoleDeletion(ctx, admin, bots.ID) },
			func() error { return w.Control.DeleteRole(ctx, admin, bots.ID, bots.Version) })
		roles := control.UserRoles{UserID: w.ada.ID, RoleIDs: []keyporter.ID{interns.ID, keyporter.RoleAuditor}, Shown: w.roles(t, w.ada)}
		compare("a user's roles", "ada -api.use ada -apps.connect ada +events.read | export",
			func() (control.Impact, error) { return w.Control.PreviewUserRoles(ctx, admin, roles) },
			func() error { return w.Control.ChangeUserRoles(ctx, admin, roles) })
		w.setRoles(t, w.ada, keyporter.RoleAPIUser)
		compare("a user switched off", "ada -api.use ada -apps.connect | export",
			func() (control.Impact, error) { return w.Control.PreviewDisable(ctx, admin, w.ada.ID) },
			func() error { return w.Control.DisableUser(ctx, admin, w.ada.ID) })
	})
}

func TestOperatorsSeeHowManyTokensWouldStop(t *testing.T) {
	t.Parallel()
	keyportertest.EachDatabase(t, func(t *testing.T, url string) {
		w := newWorld(t, url)
		ctx, operator := t.Context(), keyportertest.Session(w.operator(t))
		w.allowed(w.userToken(t, w.ada, "export"))
		w.allowed(w.userToken(t, w.eve, "other"))
		legacy := w.organizationToken(t, w.ada, "legacy")
		w.allowed(legacy)
		inUse := func(want int) {
			t.Helper()
			if n, err := w.Control.TokensInUse(ctx, operator, w.ada.OrganizationID); err != nil || n != want {
				t.Errorf("%d tokens are in use, %v; want %d", n, err, want)
			}
		}
		inUse(1) // without the feature, organization tokens don't work
		if err := w.Control.GrantFlag(ctx, operator, w.ada.OrganizationID, keyporter.FlagOrganizationAPIToken); err != nil {
			t.Fatal(err)
		}
		w.allowed(legacy)
		inUse(2)
		for f, want := range map[keyporter.Flag]int{keyporter.FlagAPI: 2, keyporter.FlagOrganizationAPIToken: 1, keyporter.FlagCustomUserRoles: 0} {
			if n, err := w.Control.TokensUnder(ctx, operator, w.ada.OrganizationID, f); err != nil || n != want {
				t.Errorf("%d tokens need %s, %v; want %d", n, f, err, want)
			}
		}
		_, err := w.Control.TokensUnder(ctx, operator, w.ada.OrganizationID, "Nonsense")
		wantKind(t, err, keyporter.Invalid)
		w.setRoles(t, w.ada, keyporter.RoleMember)
		inUse(0)
		_, err = w.Control.TokensInUse(ctx, keyportertest.Session(w.admin), w.ada.OrganizationID)
		wantKind(t, err, keyporter.Forbidden)
	})
}

// TestPreviewsNameUsersThatTokensCanNoLongerActFor changes the roles of a user that calls name, but not of
// the organization token's owner: the token keeps working, but not on behalf of this user.
func TestPreviewsNameUsersThatTokensCanNoLongerActFor(t *testing.T) {
	t.Parallel()
	keyportertest.EachDatabase(t, func(t *testing.T, url string) {
		w := newWorld(t, url)
		ctx, admin := t.Context(), keyportertest.Session(w.admin)
		if err := w.Control.GrantFlag(ctx, keyporter.Command(), w.ada.OrganizationID, keyporter.FlagOrganizationAPIToken); err != nil {
			t.Fatal(err)
		}
		interns := w.role(t, "Interns")
		w.setRoles(t, w.grace, keyporter.RoleAPIUser, interns.ID)
		w.setRoles(t, w.ada, keyporter.RoleAPIUser, interns.ID)
		mallory := keyportertest.User(t, w.Control, "Acme", "mallory@acme.example", keyporter.RoleAPIUser)
		old, archive := w.organizationToken(t, w.admin, "old"), w.organizationToken(t, w.admin, "archive")
		hers, idle := w.organizationToken(t, w.ada, "hers"), w.organizationToken(t, mallory, "idle")
		canActFor := func(c credential, u keyporter.User) bool {
			return w.Allows(keyportertest.Call{Token: c.secret, Login: u.Login, Agent: "sync"})
		}
		canActFor(old, w.grace)
		w.Clock.Advance(31 * 24 * time.Hour)
		for _, c := range []credential{archive, hers, idle} {
			if !canActFor(c, w.grace) || !canActFor(c, w.admin) {
				t.Fatalf("%s doesn't work", c.Name)
			}
		}
		w.setRoles(t, mallory, keyporter.RoleMember)

		interns.Effects = effects("-api.use")
		impact, err := w.Control.PreviewRole(ctx, admin, interns)
		if err != nil || outline(impact) != "ada -api.use grace -api.use | hers" {
			t.Errorf("%s, %v", outline(impact), err)
		}
		if s := impact.Silenced; len(s) != 1 || s[0].TokenID != archive.ID || s[0].Login != w.admin.Login || s[0].ActedFor != w.grace.Login || s[0].LastAt.IsZero() {
			t.Errorf("silenced are %+v", s)
		}
		off, err := w.Control.PreviewDisable(ctx, admin, w.grace.ID)
		if err != nil || len(off.Silenced) != 2 {
			t.Errorf("with grace switched off, silenced are %+v, %v", off.Silenced, err)
		}
		if _, err := w.Control.UpdateRole(ctx, admin, interns); err != nil {
			t.Fatal(err)
		}
		if canActFor(archive, w.grace) || !canActFor(archive, w.admin) {
			t.Error("the wrong calls are refused")
		}
	})
}
