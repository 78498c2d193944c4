package oauth_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/keyportertest"
)

// A token by client credentials takes one statement to find the app and its secret, and a
// transaction that writes the token and its event.
func TestStatementsOfATokenByClientCredentials(t *testing.T) {
	keyportertest.EachDatabase(t, func(t *testing.T, address string) {
		w := newWorld(t, address)
		form := url.Values{"grant_type": {"client_credentials"}, "client_id": {"confidential"}, "client_secret": {w.secret.Reveal()}}
		statements := func() int64 {
			before := w.DB.Statements()
			if a := w.Post(t, "/oauth2/token", form); a.Status != http.StatusOK {
				t.Fatalf("%v", a)
			}
			return w.DB.Statements() - before
		}
		first := statements() // it makes the grant that the others share
		least := first
		for range 8 { // the node may write counts at the same time
			least = min(least, statements())
		}
		t.Logf("%d statements, the first token %d", least, first)
		if least > 5 {
			t.Errorf("a token takes %d statements", least)
		}
	})
}

// The own tokens of an app that give the same share a grant, and no others do.
func TestOwnTokensShareAGrant(t *testing.T) {
	keyportertest.EachDatabase(t, func(t *testing.T, address string) {
		w := newWorld(t, address)
		w.Clock.Stop()
		key := newSigner(t)
		grantOf := func(change ...string) keyporter.ID {
			form := with(url.Values{"grant_type": {"client_credentials"}, "client_id": {"confidential"}, "client_secret": {w.secret.Reveal()}}, change...)
			var header []string
			if form.Has("bound") {
				header = []string{"DPoP", key.proof(t, "POST", w.URL+"/oauth2/token", "iat", w.Clock.Now().Unix())}
			}
			a := w.Post(t, "/oauth2/token", form, header...)
			token, err := w.DB.AccessTokenByHash(t.Context(), keyporter.HashSecret(a.Text("access_token")))
			if err != nil {
				t.Fatal(a, err)
			}
			return token.GrantID
		}
		shared := grantOf()
		if again := grantOf(); again != shared {
			t.Error("the second token has a grant of its own")
		}
		seen := map[keyporter.ID]bool{shared: true}
		for _, change := range [][]string{{"scope", "envelope.read"}, {"resource", keyportertest.Resource}, {"bound", "yes"}} {
			g := grantOf(change...)
			if seen[g] {
				t.Errorf("%v: it shares a grant that gives something else", change)
			}
			seen[g] = true
		}
		w.Clock.Advance(180 * 24 * time.Hour)
		if grantOf() == shared {
			t.Error("a token outlives its grant")
		}
	})
}
