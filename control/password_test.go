package control_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control"
	"github.com/keyporter/keyporter/keyportertest"
	"github.com/keyporter/keyporter/store"
)

// TestPasswordHashesFollowOWASP checks the parameters outside of tests, which use cheaper ones.
func TestPasswordHashesFollowOWASP(t *testing.T) {
	t.Parallel()
	w := newWorld(t, keyportertest.Database(t))
	product := control.New(w.DB, control.Options{})
	u := keyportertest.User(t, product, "Acme", "linus@acme.example", keyporter.RoleAPIUser)
	hash, err := w.DB.PasswordHash(t.Context(), u.ID)
	if err != nil || !strings.HasPrefix(hash, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("the hash is %q, %v", hash, err)
	}
	// A hash contains its parameters, so each can verify the other's hashes.
	for _, c := range []*control.Control{product, w.Control} {
		for _, login := range []string{u.Login, w.ada.Login} {
			if _, err := c.SignIn(t.Context(), keyportertest.Nobody(), control.SignIn{Login: login, Password: keyportertest.Password}); err != nil {
				t.Errorf("%s: %v", login, err)
			}
		}
	}
}

// TestAnUnknownLoginTakesAsMuchWork has every place for a hash taken: whoever doesn't wait for one
// did no work, which an attacker could measure.
func TestAnUnknownLoginTakesAsMuchWork(t *testing.T) {
	t.Parallel()
	w := newWorld(t, keyportertest.Database(t))
	nobodys := keyporter.User{ID: "without-password", OrganizationID: w.ada.OrganizationID, Login: "heidi@acme.example", Active: true}
	if err := w.DB.Do(t.Context(), func(tx *store.Tx) error { return tx.InsertUser(t.Context(), nobodys, "") }); err != nil {
		t.Fatal(err)
	}
	control.OccupyHashing(w.Control)
	for _, in := range []control.SignIn{
		{Login: w.ada.Login, Password: "a wrong password"},
		{Login: "nobody@acme.example", Password: "a wrong password"},
		{Login: nobodys.Login},
		{Login: "nobody@acme.example"},
		{Login: "nobody@acme.example", Password: strings.Repeat("x", 2000)},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		if _, err := w.Control.SignIn(ctx, keyportertest.Nobody(), in); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%.40q is answered without a hash: %v", in, err)
		}
		cancel()
	}
}

func TestPasswordsHaveAtLeast12Characters(t *testing.T) {
	t.Parallel()
	w := newWorld(t, keyportertest.Database(t))
	for password, kind := range map[string]keyporter.Kind{
		"": keyporter.Invalid, "pässwörd_11": keyporter.Invalid, "pässwörd__12": noError,
		strings.Repeat("x", 1024): noError, strings.Repeat("x", 1025): keyporter.Invalid, "not text \xff\xff\xff": keyporter.Invalid,
	} {
		wantKind(t, w.Control.SetPassword(t.Context(), keyporter.Command(), w.ada.ID, password), kind)
	}
}
