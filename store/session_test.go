package store_test

import (
	"testing"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/keyportertest"
	"github.com/keyporter/keyporter/store"
)

// TestASessionOfAnEarlierReleaseEndsWhereThereIsAProvider has a session that doesn't say what opened it:
// it can only be trusted if there was nothing but passwords.
func TestASessionOfAnEarlierReleaseEndsWhereThereIsAProvider(t *testing.T) {
	t.Parallel()
	keyportertest.EachOfBoth(t, func(t *testing.T, url string) {
		db := open(t, url)
		ada, _, _ := acme(t, db)
		hash := keyporter.SecretHash{1}
		do(t, db, func(tx *store.Tx) error {
			if err := tx.InsertSession(t.Context(), hash, store.Session{UserID: ada.ID, SeenAt: noon, ExpiresAt: noon}); err != nil {
				return err
			}
			return tx.ForgetOpener(t.Context(), hash)
		})
		over := func() bool {
			s, err := db.SessionByHash(t.Context(), hash)
			if err != nil {
				t.Fatal(err)
			}
			return s.Over
		}
		if over() {
			t.Error("it ends although there is no provider")
		}
		do(t, db, func(tx *store.Tx) error {
			_, err := tx.PutIdentityProvider(t.Context(), keyporter.IdentityProvider{ID: "p", OrganizationID: ada.OrganizationID, Name: "P", CreatedAt: noon}, []byte{1})
			return err
		})
		if !over() {
			t.Error("it goes on although a provider that is gone may have opened it")
		}
	})
}
