package oauth_test

import (
	"net/url"
	"testing"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/keyportertest"
)

// retrying is an app that refreshes, in one of the ways that differ in what they prove.
type retrying struct {
	*world

	app    string
	secret string
	key    *signer // nil: its tokens aren't bound to a key
}

func (r *retrying) post(form url.Values) keyportertest.Answer {
	r.t.Helper()
	form = keyportertest.With(form, "client_id", r.app)
	if r.secret != "" {
		form.Set("client_secret", r.secret)
	}
	var header []string
	if r.key != nil {
		header = []string{"DPoP", r.key.proof(r.t, "POST", r.URL+"/oauth2/token", "iat", r.Clock.Now().Unix())}
	}
	return r.Post(r.t, "/oauth2/token", form, header...)
}

// signIn returns the tokens of a new sign-in.
func (r *retrying) signIn() keyportertest.Answer {
	r.t.Helper()
	v := keyportertest.Verifier()
	a := r.post(redemption(r.code(r.app, v), v))
	if a.Status != 200 {
		r.t.Fatalf("%v", a)
	}
	return a
}

func (r *retrying) refresh(of keyportertest.Answer) keyportertest.Answer {
	r.t.Helper()
	return r.post(refreshing(of.Text("refresh_token")))
}

// alive reports whether the access token of an answer works.
func (r *retrying) alive(a keyportertest.Answer) bool {
	r.t.Helper()
	secret, ok := a.Body["access_token"].(string)
	if !ok {
		return false
	}
	_, _, err := r.Grants.AccessToken(r.t.Context(), secret)
	return err == nil
}

// TestAReplayEndsOneSignIn has an app with two sign-ins of one user, x and y, as on two machines. On
// x, an answer gets lost, and the app asks again: at once, late, and when it has used the next token already.
func TestAReplayEndsOneSignIn(t *testing.T) {
	t.Parallel()
	keyportertest.EachOfBoth(t, func(t *testing.T, url string) {
		w := newWorld(t, url)
		w.Clock.Stop()
		for what, r := range map[string]struct {
			retrying

			late time.Duration // how late the app may ask again
		}{
			"a bearer token":               {retrying{w, "public", "", nil}, 60 * time.Second},
			"a bearer token with a secret": {retrying{w, "confidential", w.secret.Reveal(), nil}, 29 * 24 * time.Hour},
			"bound to a key":               {retrying{w, "public", "", newSigner(t)}, 29 * 24 * time.Hour},
		} {
			w.person = w.SignIn(t, w.ada) // her session has ended by now
			x, y := r.signIn(), r.signIn()
			lost := r.refresh(x)
			w.Clock.Advance(r.late)
			again := r.refresh(x)
			if again.Status != 200 || again.Text("refresh_token") != lost.Text("refresh_token") || again.Text("access_token") == lost.Text("access_token") || !r.alive(again) {
				t.Fatalf("%s, as late as can be: %v after %v", what, again, lost)
			}
			w.Clock.Advance(time.Second)
			if r.key == nil && r.secret == "" {
				keyportertest.Refused(t, r.refresh(x), 400, "invalid_grant")
			} else {
				next := r.refresh(again)
				if next.Status != 200 || !r.alive(next) {
					t.Fatalf("%s: %v", what, next)
				}
				w.Clock.Advance(time.Second)
				keyportertest.Refused(t, r.refresh(x), 400, "invalid_grant") // two have it
				again = next
			}
			if r.alive(again) || r.refresh(again).Status != 400 {
				t.Errorf("%s: what x got works", what)
			}
			y = r.refresh(y)
			if y.Status != 200 || !r.alive(y) {
				t.Errorf("%s: y ended: %v", what, y)
			}
			if conn := w.ConnectionOf(t, w.ada.ID, keyporter.ID(r.app)); conn.ReplayedAt.IsZero() {
				t.Errorf("%s: the connection doesn't show it: %+v", what, conn)
			}
			if !r.alive(r.signIn()) {
				t.Errorf("%s: the app can't sign in again", what)
			}
			w.Disconnect(t, w.ConnectionOf(t, w.ada.ID, keyporter.ID(r.app)))
			if r.alive(y) || r.refresh(y).Status != 400 {
				t.Errorf("%s: y outlives the connection", what)
			}
		}
		if n := len(w.events(keyporter.EventConnectionReplay)); n != 3 {
			t.Errorf("%d events", n)
		}
	})
}

// TestTwoWithARefreshTokenEndItsChain has a thief get what the app gets, until one of them is second.
func TestTwoWithARefreshTokenEndItsChain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, keyportertest.Database(t))
	w.Clock.Stop()
	public, other := retrying{w, "public", "", nil}, retrying{w, "confidential", w.secret.Reveal(), nil}
	x := public.signIn()
	mine := public.refresh(x)
	keyportertest.Refused(t, other.refresh(x), 400, "invalid_grant")
	w.Clock.Advance(time.Second)
	stolen := public.refresh(x)
	mine = public.refresh(mine)
	keyportertest.Refused(t, public.refresh(x), 400, "invalid_grant") // it may have been on its way
	if !public.alive(mine) || !public.alive(stolen) {
		t.Error("another app, or an app that races with itself, ended the sign-in")
	}
	w.Clock.Advance(61 * time.Second)
	keyportertest.Refused(t, public.refresh(stolen), 400, "invalid_grant")
	if public.alive(mine) || public.alive(stolen) || public.refresh(mine).Status != 400 {
		t.Error("the thief ended nothing")
	}
}
