package control_test

import (
	"strings"
	"testing"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control"
	"github.com/keyporter/keyporter/keyportertest"
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
