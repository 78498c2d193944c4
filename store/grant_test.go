package store_test

import (
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/keyportertest"
	"github.com/keyporter/keyporter/store"
)

// connected writes an app that Ada has connected.
func connected(t *testing.T, db *store.DB) keyporter.Connection {
	t.Helper()
	ada, _, _ := acme(t, db)
	app := keyporter.App{ID: "app", Name: "DMS", State: keyporter.AppActive, Authentication: keyporter.AppPublic, Scopes: []keyporter.AppScope{{Name: "read"}}, CreatedAt: noon}
	conn := keyporter.Connection{ID: "conn", UserID: ada.ID, OrganizationID: ada.OrganizationID, AppID: app.ID, Scopes: []string{"read"}, CreatedAt: noon}
	do(t, db, func(tx *store.Tx) error {
		if err := tx.InsertApp(t.Context(), app); err != nil {
			return err
		}
		_, err := tx.PutConnection(t.Context(), conn)
		return err
	})
	return conn
}

func TestAGrantAndItsTokens(t *testing.T) {
	t.Parallel()
	keyportertest.EachOfBoth(t, func(t *testing.T, url string) {
		ctx, db := t.Context(), open(t, url)
		conn := connected(t, db)
		code, refresh, access := keyporter.HashSecret("code"), keyporter.HashSecret("refresh"), keyporter.HashSecret("access")
		g := keyporter.Grant{
			ID: "grant", AppID: "app", ConnectionID: conn.ID, Scopes: []string{"read", "send"}, Resources: []string{"https://api.example"},
			Request: []byte("sealed"), CodeEndsAt: noon.Add(time.Minute), CreatedAt: noon, EndsAt: noon.Add(time.Hour),
		}
		do(t, db, func(tx *store.Tx) error { return tx.InsertGrant(ctx, g, &code, nil) })
		got, err := db.GrantByCode(ctx, code)
		if err != nil || got.UserID != "ada" || got.Login != "Ada@acme.example" || !slices.Equal(got.Scopes, []string{"read"}) || !got.CodeEndsAt.Equal(g.CodeEndsAt) {
			t.Errorf("GrantByCode = %+v, %v; the connection lost a scope", got, err)
		}
		var used atomic.Int64
		var racers sync.WaitGroup
		for range 8 {
			racers.Go(func() {
				if db.Do(ctx, func(tx *store.Tx) error { return tx.UseCode(ctx, g.ID, "key", noon) }) == nil {
					used.Add(1)
				}
			})
		}
		racers.Wait()
		if used.Load() != 1 {
			t.Errorf("a code was used %d times", used.Load())
		}
		do(t, db, func(tx *store.Tx) error {
			if err := tx.InsertRefreshToken(ctx, keyporter.RefreshToken{GrantID: g.ID, CreatedAt: noon, ExpiresAt: noon.Add(time.Hour)}, refresh); err != nil {
				return err
			}
			return tx.InsertAccessToken(ctx, keyporter.AccessToken{ID: "token", GrantID: g.ID, Scopes: []string{"read"}, KeyHash: "key", CreatedAt: noon, ExpiresAt: noon.Add(time.Minute)}, access)
		})
		for i, want := range []bool{true, false} {
			do(t, db, func(tx *store.Tx) error {
				if first, err := tx.UseRefreshToken(ctx, refresh, noon.Add(time.Duration(i)*time.Second)); err != nil || first != want {
					t.Errorf("use %d: %v, %v", i, first, err)
				}
				if changed, err := tx.RevokeGrant(ctx, g.ID, true, noon); changed || err != nil {
					t.Errorf("a used code's grant is revoked as unused: %v", err)
				}
				return nil
			})
		}
		if r, err := db.RefreshTokenByHash(ctx, refresh); err != nil || !r.UsedAt.Equal(noon) {
			t.Errorf("%+v, %v", r, err)
		}
		if a, err := db.AccessTokenByHash(ctx, access); err != nil || a.ID != "token" || a.KeyHash != "key" {
			t.Errorf("%+v, %v", a, err)
		}
		do(t, db, func(tx *store.Tx) error {
			changed, err := tx.RevokeGrant(ctx, g.ID, false, noon)
			if !changed {
				t.Error("the grant isn't revoked")
			}
			return err
		})
		if _, err := db.AccessTokenByHash(ctx, access); keyporter.KindOf(err) != keyporter.NotFound {
			t.Errorf("the access token of a revoked grant: %v", err)
		}
		err = db.Do(ctx, func(tx *store.Tx) error {
			return tx.InsertAccessToken(ctx, keyporter.AccessToken{ID: "late", GrantID: g.ID, CreatedAt: noon, ExpiresAt: noon}, access)
		})
		if keyporter.KindOf(err) != keyporter.NotFound {
			t.Errorf("a revoked grant gives a token: %v", err)
		}
	})
}

func TestAnAuthorizationIsAnsweredAndUsedOnce(t *testing.T) {
	t.Parallel()
	keyportertest.EachOfBoth(t, func(t *testing.T, url string) {
		ctx, db := t.Context(), open(t, url)
		conn := connected(t, db)
		id, pushed, browser := keyporter.HashSecret("id"), keyporter.HashSecret("pushed"), keyporter.HashSecret("browser")
		a := store.Authorization{ID: id, AppID: "app", Pushed: &pushed, Request: []byte("sealed"), CreatedAt: noon, ExpiresAt: noon.Add(time.Hour)}
		do(t, db, func(tx *store.Tx) error { return tx.PutAuthorization(ctx, a) })
		a.Browser, a.Pushed = &browser, nil
		a.Answer, a.UserID, a.ConnectionID, a.Scopes = store.Allowed, conn.UserID, conn.ID, []string{"read"}
		answer := func() error {
			return db.Do(ctx, func(tx *store.Tx) error { return tx.AnswerAuthorization(ctx, a, noon) })
		}
		do(t, db, func(tx *store.Tx) error { return tx.PutAuthorization(ctx, a) })
		if got, err := db.AuthorizationByPushed(ctx, pushed); err != nil || got.ID != id || got.Browser == nil || *got.Browser != browser {
			t.Errorf("%+v, %v", got, err)
		}
		another := a
		another.Browser = &id
		if err := db.Do(ctx, func(tx *store.Tx) error { return tx.PutAuthorization(ctx, another) }); keyporter.KindOf(err) != keyporter.NotFound {
			t.Errorf("another browser takes it: %v", err)
		}
		if err := answer(); err != nil || keyporter.KindOf(answer()) != keyporter.NotFound {
			t.Errorf("answered once: %v", err)
		}
		got, err := db.AuthorizationByID(ctx, id)
		if err != nil || got.Browser == nil || *got.Browser != browser || got.Answer != store.Allowed || !slices.Equal(got.Scopes, a.Scopes) {
			t.Errorf("%+v, %v", got, err)
		}
		use := func() error {
			return db.Do(ctx, func(tx *store.Tx) error { return tx.UseAuthorization(ctx, id, noon) })
		}
		if err := use(); err != nil || keyporter.KindOf(use()) != keyporter.NotFound {
			t.Errorf("used once: %v", err)
		}
		prune(t, db, noon.Add(2*time.Hour))
		if _, err := db.AuthorizationByID(ctx, id); keyporter.KindOf(err) != keyporter.NotFound {
			t.Errorf("after its end: %v", err)
		}
	})
}
