package control_test

import (
	"testing"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control"
	"github.com/keyporter/keyporter/keyportertest"
)

// TestHandingOverATokenWithItsSecretOrANewOne has the previous owner go on calling, on two nodes.
func TestHandingOverATokenWithItsSecretOrANewOne(t *testing.T) {
	t.Parallel()
	keyportertest.EachDatabase(t, func(t *testing.T, url string) {
		w := newWorld(t, url)
		other := keyportertest.NewNode(t, url)
		ctx, admin := t.Context(), keyportertest.Session(w.admin)
		token, old := keyportertest.OrganizationToken(t, w.Control, w.ada, "Export")
		allowed := func(n *keyportertest.Node, secret keyporter.Secret) bool {
			return n.Allows(keyportertest.Call{Token: secret, Login: w.ada.Login})
		}
		keyportertest.Eventually(t, "both nodes know the token", func() bool { return allowed(w.Node, old) && allowed(other, old) })

		stale := keyporter.Session(w.admin, w.Clock.Now().Add(-keyporter.FreshFor))
		_, _, err := w.Control.HandOver(ctx, stale, control.HandOver{TokenID: token.ID, Login: w.grace.Login})
		wantKind(t, err, keyporter.Unauthorized)
		_, _, err = w.Control.HandOver(ctx, keyportertest.Session(w.ada), control.HandOver{TokenID: token.ID, Login: w.grace.Login, NewSecret: true})
		wantKind(t, err, keyporter.Forbidden)

		_, _, err = w.Control.HandOver(ctx, admin, control.HandOver{TokenID: token.ID, Login: w.ada.Login})
		wantKind(t, err, keyporter.Invalid) // nothing would change

		got, secret, err := w.Control.HandOver(ctx, admin, control.HandOver{TokenID: token.ID, Login: w.grace.Login})
		if err != nil || secret != (keyporter.Secret{}) || got.OwnerID != w.grace.ID || got.Owner.Login != w.grace.Login || got.Obstacle != "" || !allowed(w.Node, old) {
			t.Errorf("kept: %v, %v", got, err)
		}
		_, _, err = w.Control.HandOver(ctx, admin, control.HandOver{TokenID: token.ID, Login: w.grace.Login})
		wantKind(t, err, keyporter.Invalid)
		got, secret, err = w.Control.HandOver(ctx, admin, control.HandOver{TokenID: token.ID, Login: w.ada.Login, NewSecret: true})
		if err != nil || got.First != secret.First() || got.Last != secret.Last() || !got.Enabled {
			t.Errorf("new: %v, %v", got, err)
		}
		if allowed(w.Node, old) || !allowed(w.Node, secret) {
			t.Error("on this node, the old secret works, or the new one doesn't")
		}
		keyportertest.Eventually(t, "the other node knows, too", func() bool { return !allowed(other, old) && allowed(other, secret) })
		if now, err := w.Control.Token(ctx, keyporter.Command(), token.ID); err != nil || now.Last != secret.Last() {
			t.Errorf("the page shows %v, %v", now, err)
		}
		if hashes, err := w.DB.DeletedSecrets(ctx, []keyporter.SecretHash{old.Hash()}); err != nil || !hashes[old.Hash()] {
			t.Errorf("an import could bring the old secret back: %v, %v", hashes, err)
		}
		all, err := w.DB.Events(ctx, w.ada.OrganizationID, "", 2)
		if err != nil || len(all) != 2 || all[0].Detail["secret"] != "new" || all[1].Detail["secret"] != "kept" || all[0].Detail["from"] != string(w.grace.ID) || all[0].Detail["to"] != w.ada.Login {
			t.Errorf("the events say %v, %v", all, err)
		}
	})
}
