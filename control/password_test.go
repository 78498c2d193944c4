package control_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/argon2"

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
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		if _, err := w.Control.SignIn(ctx, keyportertest.Nobody(), in); err == nil || keyporter.KindOf(err) == keyporter.Unauthorized {
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

// TestHashesWithOtherParametersAreRenewed signs in with hashes of other releases, several times at once,
// and with some that take more than a sign-in may.
func TestHashesWithOtherParametersAreRenewed(t *testing.T) {
	t.Parallel()
	keyportertest.EachOfBoth(t, func(t *testing.T, url string) {
		w := newWorld(t, url)
		phc := func(memory, passes uint32, lanes uint8, salt, key int) string {
			b64, s := base64.RawStdEncoding.EncodeToString, make([]byte, salt)
			return fmt.Sprintf("$argon2id$v=19$m=%d,t=%d,p=%d$%s$%s", memory, passes, lanes, b64(s), b64(argon2.IDKey([]byte(keyportertest.Password), s, passes, min(memory, 1024), lanes, uint32(key))))
		}
		for hash, ok := range map[string]bool{
			phc(64, 3, 4, 16, 32): true, phc(16, 1, 1, 16, 32): true, phc(8, 1, 1, 8, 16): true, phc(8, 2, 1, 64, 64): true,
			phc(256*1024+1, 1, 1, 16, 32): false, phc(8, 17, 1, 16, 32): false, phc(256, 1, 17, 16, 32): false, phc(8, 1, 1, 4, 32): false, phc(8, 1, 1, 16, 8): false,
			phc(64, 1, 1, 16, 32) + "$": false, strings.Replace(phc(64, 1, 1, 16, 32), "m=64", "m=064", 1): false, strings.Replace(phc(64, 1, 1, 16, 32), "argon2id", "argon2i", 1): false,
			"$argon2id$v=19$m=4294967295,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA": false,
		} {
			if err := w.DB.Do(t.Context(), func(tx *store.Tx) error { return tx.SetPassword(t.Context(), w.ada.ID, hash) }); err != nil {
				t.Fatal(err)
			}
			w.Clock.Advance(time.Hour) // attempts are limited
			var all sync.WaitGroup
			for range 4 {
				all.Go(func() {
					_, err := w.Control.SignIn(t.Context(), keyportertest.Nobody(), control.SignIn{Login: w.ada.Login, Password: keyportertest.Password})
					if (err == nil) != ok {
						t.Errorf("%s: %v", hash, err)
					}
				})
			}
			all.Wait()
			now, err := w.DB.PasswordHash(t.Context(), w.ada.ID)
			renewed := strings.HasPrefix(now, "$argon2id$v=19$m=8,t=1,p=1$") && len(now) == len(phc(8, 1, 1, 16, 32))
			if err != nil || renewed != ok {
				t.Errorf("%s became %s, %v", hash, now, err)
			}
		}
	})
}

// TestAHashIsRenewedWhenThereIsTime has the queue for hashes fill up while a password is compared.
func TestAHashIsRenewedWhenThereIsTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t, keyportertest.Database(t))
	now := control.New(w.DB, control.Options{Now: w.Clock.Now, PasswordCost: control.PasswordCost{Memory: 16, Passes: 1}})
	signIn := func() error {
		_, err := now.SignIn(t.Context(), keyportertest.Nobody(), control.SignIn{Login: w.ada.Login, Password: keyportertest.Password})
		return err
	}
	cost := func() string {
		hash, err := w.DB.PasswordHash(t.Context(), w.ada.ID)
		wantKind(t, err, noError)
		return strings.Split(hash, "$")[3]
	}
	run, signedIn := control.OccupyHashing(now), make(chan error)
	go func() { signedIn <- signIn() }()
	keyportertest.Eventually(t, "the password waits to be compared", func() bool { return control.WaitingHashes(now) == 1 })
	leave := control.CrowdHashing(now)
	run()
	wantKind(t, <-signedIn, noError)
	if got := cost(); got != "m=8,t=1,p=1" {
		t.Errorf("while too many wait, the hash becomes %s", got)
	}
	leave()
	wantKind(t, signIn(), noError)
	if got := cost(); got != "m=16,t=1,p=1" {
		t.Errorf("at the next sign-in, the hash is %s", got)
	}
}

// FuzzPasswordHash requires a hash that is compared to take no more than the limits, whatever the
// database has.
func FuzzPasswordHash(f *testing.F) {
	f.Add("$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2U")
	f.Add("$argon2id$v=19$m=4294967295,t=4294967295,p=255$c2FsdHNhbHRzYWx0c2FsdA$a2V5a2V5a2V5a2V5a2U")
	f.Fuzz(func(t *testing.T, hash string) {
		if cost, ok := control.ReadsHash(hash); ok && (cost.Memory > 256*1024 || cost.Memory < 8 || cost.Passes > 16 || cost.Passes < 1) {
			t.Errorf("%q takes %+v", hash, cost)
		}
	})
}
