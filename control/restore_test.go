package control_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control"
	"github.com/keyporter/keyporter/keyportertest"
)

// TestADeletedTokenIsRestored deletes and restores a token on one node, and calls with it on two.
func TestADeletedTokenIsRestored(t *testing.T) {
	keyportertest.EachDatabase(t, func(t *testing.T, database string) {
		a, b := keyportertest.NewNode(t, database), keyportertest.NewNode(t, database)
		ada := keyportertest.User(t, a.Control, "Acme", "ada@acme.example", keyporter.RoleAPIUser)
		me, ctx := fresh(a, ada), t.Context()
		token, secret := keyportertest.Token(t, a.Control, ada, "Export")
		for _, n := range []*keyportertest.Node{a, b} {
			keyportertest.Eventually(t, "the token works", func() bool { return n.Accepts(t, secret) })
		}
		a.Used(t, token.ID, keyporter.ClientUse{Agent: "curl/8.5.0", Address: "192.0.2.7", Version: "esign 6", LastAt: a.Clock.Now(), Allowed: 3})
		refused := func(what string) {
			t.Helper()
			for _, n := range []*keyportertest.Node{a, b} {
				keyportertest.Eventually(t, what, func() bool { return !n.Accepts(t, secret) })
			}
		}
		if err := a.Control.DeleteToken(ctx, me, token.ID); err != nil {
			t.Fatal(err)
		}
		refused("a deleted token is refused")
		if all, err := a.Control.RestorableTokens(ctx, me, keyporter.UserToken); err != nil || len(all) != 1 || all[0].Shown() != token.Shown() || all[0].Until.Sub(all[0].DeletedAt) != keyporter.RestoreWithin {
			t.Fatalf("deleted: %+v, %v", all, err)
		}
		restored, err := a.Control.RestoreToken(ctx, me, control.Restore{TokenID: token.ID})
		if err != nil || restored.Enabled || restored.Name != "Export" {
			t.Fatalf("restored %+v, %v", restored, err)
		}
		refused("a restored token is off")
		if with, err := a.Control.TokenWithUse(ctx, me, token.ID); err != nil || with.Use.Allowed != 3 || !with.CreatedAt.Equal(token.CreatedAt) {
			t.Errorf("restored with %+v, %v", with, err)
		}
		if _, err := a.Control.EnableToken(ctx, me, token.ID); err != nil {
			t.Fatal(err)
		}
		for _, n := range []*keyportertest.Node{a, b} {
			keyportertest.Eventually(t, "the restored token works once it is on", func() bool { return n.Accepts(t, secret) })
		}
		_, err = a.Control.RestoreToken(ctx, me, control.Restore{TokenID: token.ID})
		wantKind(t, err, keyporter.NotFound)
	})
}

// TestWhatNeverComesBack deletes tokens in every way after which nothing may revive their secrets, imports included.
func TestWhatNeverComesBack(t *testing.T) {
	keyportertest.EachDatabase(t, func(t *testing.T, database string) {
		n := keyportertest.NewNode(t, database)
		ada := keyportertest.User(t, n.Control, "Acme", "ada@acme.example", keyporter.RoleAPIUser)
		me, ctx := fresh(n, ada), t.Context()
		gone := func(what string, token keyporter.ID, secret keyporter.Secret) {
			t.Helper()
			_, err := n.Control.RestoreToken(ctx, fresh(n, ada), control.Restore{TokenID: token})
			if wantKind(t, err, keyporter.NotFound); n.Accepts(t, secret) {
				t.Errorf("%s: its secret works", what)
			}
			if !importAgain(t, n, ada, secret) {
				t.Errorf("%s: an import revives it", what)
			}
		}
		live, secret := keyportertest.Token(t, n.Control, ada, "Deleted for good")
		if err := n.Control.DeleteTokenForGood(ctx, me, live.ID); err != nil {
			t.Fatal(err)
		}
		gone("deleted for good", live.ID, secret)

		second, secret := keyportertest.Token(t, n.Control, ada, "Deleted, then for good")
		if err := n.Control.DeleteToken(ctx, me, second.ID); err != nil {
			t.Fatal(err)
		}
		if !importAgain(t, n, ada, secret) {
			t.Error("an import revives a deleted token")
		}
		if err := n.Control.DeleteTokenForGood(ctx, me, second.ID); err != nil {
			t.Fatal(err)
		}
		gone("deleted, then for good", second.ID, secret)

		late, secret := keyportertest.Token(t, n.Control, ada, "Late")
		n.Used(t, late.ID, keyporter.ClientUse{Agent: "curl", LastAt: n.Clock.Now(), Allowed: 1})
		if err := n.Control.DeleteToken(ctx, me, late.ID); err != nil {
			t.Fatal(err)
		}
		n.Clock.Advance(keyporter.RestoreWithin)
		gone("after seven days", late.ID, secret)
		if err := n.DB.Prune(ctx, n.Clock.Now()); err != nil {
			t.Fatal(err)
		}
		if use, err := n.DB.UseOf(ctx, late.ID, n.Clock.Now()); err != nil || len(use.Clients) > 0 {
			t.Errorf("pruned, it still has the counts %+v, %v", use, err)
		}
		gone("pruned", late.ID, secret)
	})
}

// importAgain imports a secret and reports whether it stays deleted.
func importAgain(t *testing.T, n *keyportertest.Node, owner keyporter.User, secret keyporter.Secret) (staysDeleted bool) {
	t.Helper()
	s, err := keyporter.ReadSecretHash(fmt.Sprintf("%x", secret.Hash()))
	if err != nil {
		t.Fatal(err)
	}
	done, err := n.Control.ImportTokens(t.Context(), keyporter.Command(), []control.ImportedToken{{Line: 1, Kind: keyporter.UserToken, Login: owner.Login, Name: "Again", Secret: s, Enabled: true}}, control.ImportOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return done.Deleted == 1 && done.New == 0
}

// fresh returns the actor of a user who signed in just now, by the node's clock.
func fresh(n *keyportertest.Node, u keyporter.User) keyporter.Actor {
	return keyporter.Session(u, n.Clock.Now()).From(keyportertest.Nobody())
}

// TestAReplacedSecretStaysReplaced hands an organization token over with a new secret, deletes and restores it.
func TestAReplacedSecretStaysReplaced(t *testing.T) {
	n := keyportertest.NewNode(t, keyportertest.Database(t))
	ada := keyportertest.User(t, n.Control, "Acme", "ada@acme.example", keyporter.RoleAPIUser)
	grace := keyportertest.User(t, n.Control, "Acme", "grace@acme.example", keyporter.RoleAPIUser)
	olivia := keyportertest.User(t, n.Control, "Acme", "olivia@acme.example", keyporter.RoleAdministrator)
	ctx := t.Context()
	token, old := keyportertest.OrganizationToken(t, n.Control, ada, "Archive")
	_, secret, err := n.Control.HandOver(ctx, fresh(n, olivia), control.HandOver{TokenID: token.ID, Login: grace.Login, NewSecret: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Control.DeleteToken(ctx, fresh(n, olivia), token.ID); err != nil {
		t.Fatal(err)
	}
	_, err = n.Control.RestoreToken(ctx, fresh(n, ada), control.Restore{TokenID: token.ID})
	wantKind(t, err, keyporter.NotFound) // it isn't Ada's anymore
	withdraw := func(on bool) {
		t.Helper()
		change := n.Control.WithdrawFlag
		if on {
			change = n.Control.GrantFlag
		}
		if err := change(ctx, keyporter.Command(), ada.OrganizationID, keyporter.FlagOrganizationAPIToken); err != nil {
			t.Fatal(err)
		}
	}
	withdraw(false)
	_, err = n.Control.RestoreToken(ctx, fresh(n, grace), control.Restore{TokenID: token.ID})
	wantKind(t, err, keyporter.Forbidden)
	withdraw(true)
	if _, err := n.Control.RestoreToken(ctx, fresh(n, grace), control.Restore{TokenID: token.ID}); err != nil {
		t.Fatal(err)
	}
	if _, err := n.DB.TokenBySecret(ctx, old.Hash()); keyporter.KindOf(err) != keyporter.NotFound {
		t.Errorf("the replaced secret is back: %v", err)
	}
	if got, err := n.DB.TokenBySecret(ctx, secret.Hash()); err != nil || got.Enabled {
		t.Errorf("restored %+v, %v", got, err)
	}
}

// TestRestoringTakesWhatAddingTakes restores without a fresh sign-in, under a name in use, at the limit, twice at once,
// and what belongs to others.
func TestRestoringTakesWhatAddingTakes(t *testing.T) {
	keyportertest.EachDatabase(t, func(t *testing.T, database string) {
		n := keyportertest.NewNode(t, database)
		ada := keyportertest.User(t, n.Control, "Acme", "ada@acme.example", keyporter.RoleAPIUser)
		eve := keyportertest.User(t, n.Control, "Other", "eve@other.example", keyporter.RoleAdministrator)
		ctx := t.Context()
		token, _ := keyportertest.Token(t, n.Control, ada, "Export")
		if err := n.Control.DeleteToken(ctx, fresh(n, ada), token.ID); err != nil {
			t.Fatal(err)
		}
		stale := fresh(n, ada)
		n.Clock.Advance(keyporter.FreshFor + time.Minute)
		in := control.Restore{TokenID: token.ID}
		_, err := n.Control.RestoreToken(ctx, stale, in)
		wantKind(t, err, keyporter.Unauthorized)
		wantKind(t, n.Control.DeleteTokenForGood(ctx, stale, token.ID), keyporter.Unauthorized)
		_, err = n.Control.RestoreToken(ctx, fresh(n, eve), in)
		wantKind(t, err, keyporter.NotFound)
		wantKind(t, n.Control.DeleteTokenForGood(ctx, fresh(n, eve), token.ID), keyporter.NotFound)

		keyportertest.Token(t, n.Control, ada, "EXPORT")
		_, err = n.Control.RestoreToken(ctx, fresh(n, ada), in)
		if wantKind(t, err, keyporter.Conflict); len(keyporter.FieldsOf(err)) != 1 {
			t.Errorf("%v names no field", err)
		}
		in.Name = "Export, again"
		var done atomic.Int32
		var both sync.WaitGroup
		for range 2 {
			both.Go(func() {
				if _, err := n.Control.RestoreToken(ctx, fresh(n, ada), in); err == nil {
					done.Add(1)
				} else {
					wantKind(t, err, keyporter.NotFound)
				}
			})
		}
		if both.Wait(); done.Load() != 1 {
			t.Errorf("%d of two simultaneous attempts restored it", done.Load())
		}
	})
}

// TestManagersRestoreWhatOwnersCouldAdd lists the deleted tokens of an organization and restores one, while its owner
// could add none and when they could.
func TestManagersRestoreWhatOwnersCouldAdd(t *testing.T) {
	keyportertest.EachDatabase(t, func(t *testing.T, database string) {
		n := keyportertest.NewNode(t, database)
		n.Clock.Stop()
		ada := keyportertest.User(t, n.Control, "Acme", "ada@acme.example", keyporter.RoleAPIUser)
		olivia := keyportertest.User(t, n.Control, "Acme", "olivia@acme.example", keyporter.RoleAdministrator)
		eve := keyportertest.User(t, n.Control, "Other", "eve@other.example", keyporter.RoleAdministrator)
		ctx, command := t.Context(), keyporter.Command()
		for i := range control.MaxPage + 2 {
			n.Clock.Advance(time.Second)
			token, _ := keyportertest.Token(t, n.Control, ada, fmt.Sprint("Export ", i))
			if err := n.Control.DeleteToken(ctx, command, token.ID); err != nil {
				t.Fatal(err)
			}
		}
		shared, _ := keyportertest.OrganizationToken(t, n.Control, ada, "Archive")
		if err := n.Control.DeleteToken(ctx, command, shared.ID); err != nil {
			t.Fatal(err)
		}
		me := fresh(n, olivia)
		first, err := n.Control.ListDeletedTokens(ctx, me, control.DeletedTokenList{})
		if err != nil || len(first.Tokens) != control.MaxPage || first.Tokens[0].Name != fmt.Sprint("Export ", control.MaxPage+1) || first.Owners[ada.ID].Login != ada.Login {
			t.Fatalf("the first page: %+v, %v", first, err)
		}
		second, err := n.Control.ListDeletedTokens(ctx, me, control.DeletedTokenList{Paging: control.Paging{After: first.Next}})
		if err != nil || len(second.Tokens) != 2 || second.Tokens[1].Name != "Export 0" || second.Next != "" {
			t.Errorf("the second page: %+v, %v", second, err)
		}
		if back, err := n.Control.ListDeletedTokens(ctx, me, control.DeletedTokenList{Paging: control.Paging{Before: second.Previous}}); err != nil || len(back.Tokens) != control.MaxPage || back.Tokens[0].ID != first.Tokens[0].ID {
			t.Errorf("back at the first page: %+v, %v", back, err)
		}
		if of, err := n.Control.ListDeletedTokens(ctx, me, control.DeletedTokenList{Kind: keyporter.OrganizationToken}); err != nil || len(of.Tokens) != 1 {
			t.Errorf("organization tokens: %+v, %v", of, err)
		}
		if other, err := n.Control.ListDeletedTokens(ctx, fresh(n, eve), control.DeletedTokenList{}); err != nil || len(other.Tokens) != 0 {
			t.Errorf("elsewhere: %+v, %v", other, err)
		}
		_, err = n.Control.ListDeletedTokens(ctx, fresh(n, eve), control.DeletedTokenList{OrganizationID: ada.OrganizationID})
		wantKind(t, err, keyporter.NotFound)
		_, err = n.Control.ListDeletedTokens(ctx, fresh(n, ada), control.DeletedTokenList{})
		wantKind(t, err, keyporter.Forbidden)

		in := control.Restore{TokenID: first.Tokens[0].ID}
		for what, change := range map[string][2]func() error{
			"the feature": {
				func() error { return n.Control.WithdrawFlag(ctx, command, ada.OrganizationID, keyporter.FlagAPI) },
				func() error { return n.Control.GrantFlag(ctx, command, ada.OrganizationID, keyporter.FlagAPI) },
			},
			"the role": {
				func() error { return n.Control.SetUserRoles(ctx, command, ada.ID, nil) },
				func() error {
					return n.Control.SetUserRoles(ctx, command, ada.ID, []keyporter.ID{keyporter.RoleAPIUser})
				},
			},
			"being active": {
				func() error { return n.Control.DisableUser(ctx, command, ada.ID) },
				func() error { return n.Control.EnableUser(ctx, command, ada.ID) },
			},
		} {
			if err := change[0](); err != nil {
				t.Fatal(err)
			}
			_, err := n.Control.RestoreToken(ctx, me, in)
			if wantKind(t, err, keyporter.Forbidden); t.Failed() {
				t.Errorf("without %s", what)
			}
			if err := change[1](); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := n.Control.RestoreToken(ctx, me, in); err != nil || got.OwnerID != ada.ID || got.Enabled {
			t.Errorf("restored %+v, %v", got, err)
		}
		n.Clock.Advance(keyporter.RestoreWithin)
		if late, err := n.Control.ListDeletedTokens(ctx, fresh(n, olivia), control.DeletedTokenList{}); err != nil || len(late.Tokens) != 0 {
			t.Errorf("after seven days: %+v, %v", late, err)
		}
	})
}

// TestADeletedTokenBelongsToItsLastOwner hands tokens over while they are deleted: whoever has lost one can't restore it.
func TestADeletedTokenBelongsToItsLastOwner(t *testing.T) {
	keyportertest.EachDatabase(t, func(t *testing.T, database string) {
		n := keyportertest.NewNode(t, database)
		ada := keyportertest.User(t, n.Control, "Acme", "ada@acme.example", keyporter.RoleAPIUser)
		grace := keyportertest.User(t, n.Control, "Acme", "grace@acme.example", keyporter.RoleAPIUser)
		olivia := keyportertest.User(t, n.Control, "Acme", "olivia@acme.example", keyporter.RoleAdministrator)
		for round := range 30 {
			token, _ := keyportertest.OrganizationToken(t, n.Control, ada, fmt.Sprintf("Archive %d", round))
			var handed error
			var both sync.WaitGroup
			both.Go(func() {
				_, _, handed = n.Control.HandOver(t.Context(), fresh(n, olivia), control.HandOver{TokenID: token.ID, Login: grace.Login})
			})
			both.Go(func() {
				if err := n.Control.DeleteToken(t.Context(), fresh(n, olivia), token.ID); err != nil {
					t.Error(err)
				}
			})
			both.Wait()
			_, err := n.Control.RestorableToken(t.Context(), fresh(n, ada), token.ID)
			if handed == nil {
				wantKind(t, err, keyporter.NotFound)
			} else {
				wantKind(t, handed, keyporter.NotFound)
			}
		}
	})
}
