package oauth_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control"
	"github.com/keyporter/keyporter/keyportertest"
)

// TestADeviceThatPolls has a device poll on time, a little early, and far too often.
func TestADeviceThatPolls(t *testing.T) {
	t.Parallel()
	keyportertest.EachOfBoth(t, func(t *testing.T, address string) {
		w := newWorld(t, address)
		w.Clock.Stop()
		w.app(keyporter.App{ID: "tv", Authentication: keyporter.AppPublic, Device: true, RedirectURIs: []string{}})
		w.app(keyporter.App{ID: "radio", Authentication: keyporter.AppPublic, Device: true, RedirectURIs: []string{}})
		a := w.Post(t, "/oauth2/device_authorization", url.Values{"client_id": {"tv"}, "scope": {"envelope.read"}})
		poll := func(app string, after time.Duration) keyportertest.Answer {
			w.Clock.Advance(after)
			return w.Post(t, "/oauth2/token", url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:device_code"}, "device_code": {a.Text("device_code")}, "client_id": {app}})
		}
		wait, slow := "authorization_pending", "slow_down"
		for i, c := range []struct {
			after time.Duration
			want  string
		}{
			{0, wait},
			{4 * time.Second, wait}, // a second's tolerance
			{4100 * time.Millisecond, wait},
			{5 * time.Second, wait},
			{3999 * time.Millisecond, slow},
			{time.Millisecond, wait}, // measured from the last that was accepted
			{time.Second, slow},
			{time.Second, slow},
			{time.Second, slow},
			{time.Second, wait},
		} {
			if got := poll("tv", c.after); got.Status != 400 || got.Text("error") != c.want {
				t.Errorf("poll %d: %v, want %s", i, got, c.want)
			}
		}
		w.Clock.Advance(4 * time.Second)
		keyportertest.Refused(t, poll("radio", 0), 400, "invalid_grant") // another app's poll doesn't count
		keyportertest.Refused(t, poll("tv", 0), 400, wait)

		w.person.Browse(t, "/oauth2/authorize?"+request("public", keyportertest.Verifier()).Encode()) // for the cookie
		id, err := w.Control.OpenDevice(t.Context(), w.person.Actor, a.Text("user_code"), w.person.Cookie())
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Control.Connect(t.Context(), w.person.Actor, control.ConnectApp{Request: id, Browser: w.person.Cookie()}); err != nil {
			t.Fatal(err)
		}
		keyportertest.Refused(t, poll("radio", 0), 400, "invalid_grant")
		if got := poll("tv", 0); got.Status != 200 { // although it just polled
			t.Errorf("approved: %v", got)
		}
	})
}

func TestDevices(t *testing.T) {
	t.Parallel()
	keyportertest.EachDatabase(t, func(t *testing.T, address string) {
		w := newWorld(t, address)
		w.Clock.Stop()
		w.app(keyporter.App{ID: "tv", Authentication: keyporter.AppPublic, Device: true, RedirectURIs: []string{}})
		begin := func() keyportertest.Answer {
			return w.Post(t, "/oauth2/device_authorization", url.Values{"client_id": {"tv"}, "scope": {"openid envelope.read"}})
		}
		a := begin()
		code := a.Text("user_code")
		if a.Status != 200 || len(code) != 9 || a.Text("verification_uri") != w.URL+"/device" || a.Body["interval"] != 5.0 {
			t.Fatalf("%v", a)
		}
		poll := func(a keyportertest.Answer, client string) keyportertest.Answer {
			w.Clock.Advance(20 * time.Second)
			return w.Post(t, "/oauth2/token", url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:device_code"}, "device_code": {a.Text("device_code")}, "client_id": {client}})
		}
		keyportertest.Refused(t, poll(a, "tv"), 400, "authorization_pending")
		w.person.Browse(t, "/oauth2/authorize?"+request("public", keyportertest.Verifier()).Encode()) // for the cookie
		if _, err := w.Control.OpenDevice(t.Context(), w.person.Actor, "BBBB-BBBB", w.person.Cookie()); keyporter.KindOf(err) != keyporter.Invalid {
			t.Errorf("a wrong code: %v", err)
		}
		allow := func(a keyportertest.Answer) string {
			id, err := w.Control.OpenDevice(t.Context(), w.person.Actor, strings.ToLower(a.Text("user_code")), w.person.Cookie())
			if err != nil {
				t.Fatal(err)
			}
			c, err := w.Control.Consent(t.Context(), w.person.Actor, id, w.person.Cookie())
			if err != nil || !c.Device || !c.Asks || c.RedirectTo != "" {
				t.Fatalf("%+v, %v", c, err)
			}
			return id
		}
		id := allow(a)
		if err := w.Control.Connect(t.Context(), w.person.Actor, control.ConnectApp{Request: id, Browser: w.person.Cookie()}); err != nil {
			t.Fatal(err)
		}
		got := poll(a, "tv")
		if got.Status != 200 || !w.works(got.Text("access_token")) || w.Post(t, "/oauth2/token", refreshing(got.Text("refresh_token"), "client_id", "tv")).Status != 200 {
			t.Fatalf("%v", got)
		}
		keyportertest.Refused(t, poll(a, "tv"), 400, "invalid_grant")
		if !w.works(got.Text("access_token")) {
			t.Error("asking again ends the tokens")
		}

		denied := begin()
		if err := w.Control.Decline(t.Context(), w.person.Actor, allow(denied), w.person.Cookie()); err != nil {
			t.Fatal(err)
		}
		keyportertest.Refused(t, poll(denied, "tv"), 400, "access_denied")
		late := begin()
		keyportertest.Refused(t, poll(late, "public"), 400, "invalid_grant")
		w.Clock.Advance(16 * time.Minute)
		keyportertest.Refused(t, poll(late, "tv"), 400, "expired_token")
		keyportertest.Refused(t, w.Post(t, "/oauth2/device_authorization", url.Values{"client_id": {"public"}}), 400, "unauthorized_client")
		for i := range 12 {
			_, err := w.Control.OpenDevice(t.Context(), w.person.Actor, "BBBB-BBBB", w.person.Cookie())
			if want := keyporter.Invalid; i == 11 && keyporter.KindOf(err) == want {
				t.Errorf("there is no limit on guessing codes: %v", err)
			}
		}
	})
}
