package verify_test

import (
	"testing"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/keyportertest"
	"github.com/keyporter/keyporter/keyportertest/postgres"
	"github.com/keyporter/keyporter/store"
	"github.com/keyporter/keyporter/verify"
)

// TestInspect asks about every kind of credential, working and not, and expects that no call is counted.
func TestInspect(t *testing.T) {
	t.Parallel()
	keyportertest.EachDatabase(t, func(t *testing.T, url string) {
		w := newAccessWorld(t, url)
		w.Clock.Stop()
		user, ofUser := keyportertest.Token(t, w.Control, w.ada, "Mine")
		_, ofOrganization := keyportertest.OrganizationToken(t, w.Control, w.ada, "Ours")
		grace := keyportertest.User(t, w.Control, "Acme", "grace@acme.example", keyporter.RoleAPIUser)
		token, access := w.AccessToken(t, w.connection, keyporter.AccessToken{Scopes: []string{"file.read", "openid"}, Resources: []string{driveResource}, KeyHash: w.key.Hash()})
		_, own := w.AccessToken(t, keyporter.Connection{AppID: w.app.ID}, keyporter.AccessToken{Scopes: []string{"file.read"}})
		w.SetScopes(t, w.connection, "file.read")

		got, err := w.Checker.Inspect(t.Context(), verify.Question{Secret: access.Reveal()})
		p := got.Principal
		if err != nil || !got.Allowed || p.UserID != w.ada.ID || p.AppID != w.app.ID || p.CredentialID != token.ID || len(p.Scopes) != 1 || got.KeyHash != w.key.Hash() ||
			len(got.Resources) != 1 || got.ConnectionID != w.connection.ID || got.ExpiresAt.Sub(got.CreatedAt) != time.Hour {
			t.Errorf("an access token: %+v, %+v, %v", got, p, err)
		}
		if got, err = w.Checker.Inspect(t.Context(), verify.Question{Secret: own.Reveal()}); err != nil || !got.Allowed || got.Principal.UserID != "" || got.Principal.CredentialKind != keyporter.CredentialAppToken || got.ConnectionID != "" {
			t.Errorf("a token of an app that acts for itself: %+v, %v", got, err)
		}
		if got, err = w.Checker.Inspect(t.Context(), verify.Question{Secret: ofUser.Reveal()}); err != nil || !got.Allowed || got.Principal.Login != w.ada.Login || got.Principal.CredentialID != user.ID || got.CreatedAt.IsZero() || !got.ExpiresAt.IsZero() {
			t.Errorf("a user token: %+v, %v", got, err)
		}
		if got, err = w.Checker.Inspect(t.Context(), verify.Question{Secret: ofUser.Reveal(), Login: grace.Login}); err != nil || got.Reason != keyporter.ReasonLoginName {
			t.Errorf("a user token with another user's name: %+v, %v", got, err)
		}
		if got, err = w.Checker.Inspect(t.Context(), verify.Question{Secret: ofOrganization.Reveal()}); err != nil || !got.Allowed || got.Principal.UserID != "" || got.Principal.ActorID != w.ada.ID {
			t.Errorf("an organization token: %+v, %v", got, err)
		}
		if got, err = w.Checker.Inspect(t.Context(), verify.Question{Secret: ofOrganization.Reveal(), Login: "GRACE@acme.example"}); err != nil || !got.Allowed || got.Principal.UserID != grace.ID || got.Principal.ActorID != w.ada.ID {
			t.Errorf("an organization token for grace: %+v, %v", got, err)
		}
		if got, err = w.Checker.Inspect(t.Context(), verify.Question{Secret: ofOrganization.Reveal(), Login: "nobody@acme.example"}); err != nil || got.Reason != keyporter.ReasonNamedUnknown {
			t.Errorf("an organization token for nobody: %+v, %v", got, err)
		}
		for _, unknown := range []string{"", "kpa_", keyporter.NewSecret(keyporter.SecretAccessToken).Reveal(), keyporter.NewSecret(keyporter.SecretRefreshToken).Reveal()} {
			if got, err = w.Checker.Inspect(t.Context(), verify.Question{Secret: unknown}); err != nil || got.Reason != keyporter.ReasonUnknown || got.Principal != nil {
				t.Errorf("%.4q: %+v, %v", unknown, got, err)
			}
		}
		w.SetAppState(t, w.app.ID, keyporter.AppSuspended)
		if got, err = w.Checker.Inspect(t.Context(), verify.Question{Secret: access.Reveal()}); err != nil || got.Allowed || got.Reason != keyporter.ReasonAppSuspended {
			t.Errorf("a token of a suspended app: %+v, %v", got, err)
		}
		if err := w.Usage.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if use, err := w.DB.UseOf(t.Context(), w.connection.ID, w.Clock.Now()); err != nil || len(use.Clients) > 0 {
			t.Errorf("counted: %+v, %v", use, err)
		}
	})
}

// TestWithoutADatabaseNothingIsInspected expects an error, so that callers don't mistake an outage for a refusal.
func TestWithoutADatabaseNothingIsInspected(t *testing.T) {
	t.Parallel()
	s := postgres.Start(t)
	n := keyportertest.NewNode(t, s.Empty(t))
	ada := keyportertest.User(t, n.Control, "Acme", "ada@acme.example", keyporter.RoleAPIUser)
	_, secret := keyportertest.Token(t, n.Control, ada, "Export")
	s.Stop()
	keyportertest.Eventually(t, "an error", func() bool {
		_, err := n.Checker.Inspect(t.Context(), verify.Question{Secret: secret.Reveal()})
		return keyporter.KindOf(err) == keyporter.Unavailable
	})
}

// TestExpiredAccessTokensArePruned expects callers to hear for a day that their token expired,
// and pruning to leave tokens that are still valid.
func TestExpiredAccessTokensArePruned(t *testing.T) {
	t.Parallel()
	keyportertest.EachDatabase(t, func(t *testing.T, url string) {
		w := newAccessWorld(t, url)
		token, secret := w.AccessToken(t, w.connection, keyporter.AccessToken{Scopes: []string{"file.read"}})
		prune := func() {
			t.Helper()
			if err := w.Control.Prune(t.Context(), keyporter.System()); err != nil {
				t.Fatal(err)
			}
		}
		grants := func() bool {
			_, err := w.DB.GrantByID(t.Context(), token.GrantID)
			return err == nil
		}
		w.Clock.Advance(2 * time.Hour)
		prune()
		w.ask(t, w.call(secret), keyporter.ReasonExpired)
		w.Clock.Advance(24 * time.Hour)
		_, next := w.AccessToken(t, w.connection, keyporter.AccessToken{Scopes: []string{"file.read"}})
		prune()
		w.Checker.Changed(store.Change{Name: keyporter.EventAppUpdate, AppID: w.app.ID}) // pruning writes no event
		w.ask(t, w.call(secret), keyporter.ReasonUnknown)
		w.ask(t, w.call(next), keyporter.Allowed)
		if !grants() {
			t.Error("the grant was pruned within a day of its end")
		}
		w.Clock.Advance(24 * time.Hour)
		prune()
		if grants() {
			t.Error("the grant is still there")
		}
	})
}
