package grants_test

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control/grants"
	"github.com/keyporter/keyporter/keyportertest"
	"github.com/keyporter/keyporter/store"
)

// TestAnAppsOwnGrants requires one grant for the same access, in whatever order and at whatever
// moment it is asked for, which outlives its tokens and is pruned soon after the last of them.
func TestAnAppsOwnGrants(t *testing.T) {
	t.Parallel()
	keyportertest.EachDatabase(t, func(t *testing.T, url string) {
		n := keyportertest.NewNode(t, url)
		n.Clock.Stop()
		app := n.App(t, keyporter.App{OwnTokens: true, Scopes: keyportertest.Asks("envelope.read", "file.read")})
		issue := func(own keyporter.Grant) keyporter.Grant {
			own.AppID = app.ID
			secret := keyporter.NewSecret(keyporter.SecretAccessToken)
			if err := n.Grants.IssueOwnToken(t.Context(), grants.Caller{}, own, grants.NewAccessToken{ID: keyporter.NewID(time.Now()), CreatedAt: n.Clock.Now(), ExpiresAt: n.Clock.Now().Add(n.Grants.AccessTokenLifetime()), Scopes: own.Scopes, Resources: own.Resources, Secret: secret.Reveal()}); err != nil {
				t.Error(err)
				return own
			}
			token, under, err := n.Grants.AccessToken(t.Context(), secret.Reveal())
			if err != nil || under.EndsAt.Before(token.ExpiresAt) || !slices.Equal(token.Scopes, own.Scopes) {
				t.Errorf("%+v %+v %v", token, under, err)
			}
			return under
		}
		var all sync.WaitGroup
		ids := make([]keyporter.ID, 8)
		for i := range ids {
			all.Go(func() {
				scopes, resources := []string{"envelope.read", "file.read"}, []string{"https://a.example", "https://b.example"}
				if i%2 == 1 {
					slices.Reverse(scopes)
					slices.Reverse(resources)
				}
				ids[i] = issue(keyporter.Grant{Scopes: scopes, Resources: resources}).ID
			})
		}
		all.Wait()
		if len(slices.Compact(ids)) != 1 {
			t.Errorf("the same access has several grants: %v", ids)
		}
		bound := issue(keyporter.Grant{Scopes: []string{"envelope.read"}, KeyHash: "key"})
		kept := issue(keyporter.Grant{Scopes: []string{"envelope.read"}})
		if bound.ID == kept.ID {
			t.Error("a token without a key shares the grant of one with a key")
		}
		for range 30 {
			n.Clock.Advance(n.Grants.AccessTokenLifetime())
			if again := issue(keyporter.Grant{Scopes: []string{"envelope.read"}}); again.ID != kept.ID {
				t.Error("a grant in use was replaced")
			}
		}
		if err := n.DB.Prune(t.Context(), n.Clock.Now()); err != nil {
			t.Fatal(err)
		}
		if _, err := n.DB.GrantByID(t.Context(), bound.ID); keyporter.KindOf(err) != keyporter.NotFound {
			t.Errorf("the grant of a key that is gone is kept: %v", err)
		}
		// A grant that has ended but isn't pruned yet, and one that was revoked.
		n.Clock.Advance(3 * time.Hour)
		issue(keyporter.Grant{Scopes: []string{"envelope.read"}})
		if err := n.DB.Do(t.Context(), func(tx *store.Tx) error {
			_, err := tx.RevokeGrant(t.Context(), kept.ID, false, n.Clock.Now())
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if again := issue(keyporter.Grant{Scopes: []string{"envelope.read"}}); again.ID == kept.ID {
			t.Error("a token was issued under a revoked grant")
		}
	})
}
