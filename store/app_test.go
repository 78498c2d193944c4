package store_test

import (
	"reflect"
	"slices"
	"testing"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/keyportertest"
	"github.com/keyporter/keyporter/store"
)

func TestAnAppAndItsConnection(t *testing.T) {
	t.Parallel()
	keyportertest.EachOfBoth(t, func(t *testing.T, url string) {
		db := open(t, url)
		ada, _, _ := acme(t, db)
		app := keyporter.App{
			ID: "app", Name: "DMS", Publisher: "Acme", State: keyporter.AppActive, Authentication: keyporter.AppSecret,
			RedirectURIs: []string{"https://app.example/cb"}, Scopes: []keyporter.AppScope{{Name: "read"}, {Name: "send", Optional: true}},
			Device: true, CreatedAt: noon, Version: 1,
		}
		secrets := []keyporter.Secret{keyporter.NewSecret(keyporter.SecretApp), keyporter.NewSecret(keyporter.SecretApp), keyporter.NewSecret(keyporter.SecretApp)}
		do(t, db, func(tx *store.Tx) error {
			if err := tx.InsertApp(t.Context(), app); err != nil {
				return err
			}
			for i, s := range secrets {
				err := tx.InsertAppSecret(t.Context(), keyporter.AppCredential{ID: keyporter.ID(rune('a' + i)), AppID: app.ID, First: s.First(), Last: s.Last(), CreatedAt: noon}, s.Hash())
				if got, want := keyporter.KindOf(err) == keyporter.NotFound, i == 2; got != want {
					t.Errorf("secret %d: %v", i, err)
				}
			}
			return tx.SetAppPeople(t.Context(), app.ID, []keyporter.ID{ada.ID})
		})
		got, err := db.AppByID(t.Context(), app.ID)
		if err != nil || !reflect.DeepEqual(app, got) {
			t.Errorf("the app comes back as %+v, %v", got, err)
		}
		for i, s := range secrets {
			if a, itsOwn, err := db.AppWithSecret(t.Context(), app.ID, s.Hash()); err != nil || a.ID != app.ID || itsOwn != (i < 2) {
				t.Errorf("with secret %d: %v, %v, %v", i, a.ID, itsOwn, err)
			}
		}
		if mine, err := db.Apps(t.Context(), store.AppList{PersonID: ada.ID}, store.Page{Limit: 10}); err != nil || len(mine) != 1 {
			t.Errorf("of its people: %v, %v", mine, err)
		}
		conn := keyporter.Connection{ID: "conn", UserID: ada.ID, OrganizationID: ada.OrganizationID, AppID: app.ID, Scopes: []string{"read"}, CreatedAt: noon, Address: "192.0.2.1"}
		do(t, db, func(tx *store.Tx) error {
			if _, err := tx.PutConnection(t.Context(), conn); err != nil {
				return err
			}
			again := conn
			again.ID, again.Scopes = "other", []string{"read", "send"}
			kept, err := tx.PutConnection(t.Context(), again)
			if kept.ID != "conn" || !slices.Equal(kept.Scopes, again.Scopes) {
				t.Errorf("a second consent makes %+v", kept)
			}
			return err
		})
		do(t, db, func(tx *store.Tx) error { return tx.DeleteApp(t.Context(), app.ID, noon) })
		if _, err := db.ConnectionByID(t.Context(), "conn"); keyporter.KindOf(err) != keyporter.NotFound {
			t.Errorf("the connection of a deleted app: %v", err)
		}
	})
}
