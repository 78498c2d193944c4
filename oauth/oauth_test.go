package oauth_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/keyportertest"
)

func TestMain(m *testing.M) { keyportertest.Main(m) }

// world is a node with its authorization server, ada of Acme, and an app of each kind.
type world struct {
	*keyportertest.AuthServer

	t      testing.TB
	ada    keyporter.User
	person *keyportertest.Person
	secret keyporter.Secret // of the confidential app
}

const callback = "https://app.example/cb"

func newWorld(t testing.TB, url string, configure ...func(*keyportertest.DoorsForApps)) *world {
	t.Helper()
	n := keyportertest.NewNode(t, url)
	w := &world{AuthServer: n.AuthServer(t, configure...), t: t}
	w.ada = keyportertest.User(t, n.Control, "Acme", "ada@acme.example", keyporter.RoleAPIUser)
	w.person = w.SignIn(t, w.ada)
	w.app(keyporter.App{ID: "public", Authentication: keyporter.AppPublic})
	w.app(keyporter.App{ID: "confidential", Authentication: keyporter.AppSecret, OwnTokens: true})
	w.secret = w.AppSecret(t, "confidential")
	return w
}

func (w *world) app(a keyporter.App) {
	w.t.Helper()
	if a.RedirectURIs == nil {
		a.RedirectURIs = []string{callback, "http://127.0.0.1/cb", "http://[::1]:1/cb"}
	}
	if a.Scopes == nil {
		a.Scopes = []keyporter.AppScope{{Name: "envelope.read"}, {Name: "envelope.send", Optional: true}}
	}
	w.PutApp(w.t, a)
}

// request returns a good authorization request of an app, changed as in keyportertest.With.
func request(app, verifier string, change ...string) url.Values {
	v := url.Values{
		"response_type": {"code"}, "client_id": {app}, "redirect_uri": {callback}, "state": {"st"}, "scope": {"openid envelope.read"},
		"code_challenge": {keyportertest.Challenge(verifier)}, "code_challenge_method": {"S256"},
	}
	return keyportertest.With(v, change...)
}

// code has ada allow what an app asks for.
func (w *world) code(app, verifier string, change ...string) string {
	w.t.Helper()
	got := w.person.Authorize(w.t, request(app, verifier, change...))
	if got.Get("code") == "" || got.Get("state") != "st" {
		w.t.Fatalf("no code: %v", got)
	}
	return got.Get("code")
}

// redemption returns a good token request for a code of the public app.
func redemption(code, verifier string, change ...string) url.Values {
	return keyportertest.With(url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {callback}, "code_verifier": {verifier}, "client_id": {"public"},
	}, change...)
}

// tokens has ada connect the public app, and returns what it gets.
func (w *world) tokens(change ...string) keyportertest.Answer {
	w.t.Helper()
	v := keyportertest.Verifier()
	a := w.Post(w.t, "/oauth2/token", redemption(w.code("public", v, change...), v))
	if a.Status != http.StatusOK || a.Text("access_token") == "" {
		w.t.Fatalf("no tokens: %+v", a)
	}
	return a
}

func refreshing(token string, change ...string) url.Values {
	return keyportertest.With(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}, "client_id": {"public"}}, change...)
}

// works reports whether an access token opens userinfo.
func (w *world) works(token string) bool {
	w.t.Helper()
	return w.userInfo("Bearer "+token).Status == http.StatusOK
}

func (w *world) userInfo(authorization string, header ...string) keyportertest.Answer {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, w.URL+"/oauth2/userinfo", nil)
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Authorization", authorization)
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Add(header[i], header[i+1])
	}
	return keyportertest.Do(w.t, req)
}

func (w *world) events(name keyporter.EventName) (found []keyporter.Event) {
	w.t.Helper()
	all, err := w.DB.Events(w.t.Context(), w.ada.OrganizationID, "", 1000)
	if err != nil {
		w.t.Fatal(err)
	}
	return slices.DeleteFunc(all, func(e keyporter.Event) bool { return e.Name != name })
}

func TestACodeGivesTokens(t *testing.T) {
	t.Parallel()
	keyportertest.EachDatabase(t, func(t *testing.T, url string) {
		w := newWorld(t, url)
		got := w.tokens()
		access, refresh := got.Text("access_token"), got.Text("refresh_token")
		for kind, text := range map[keyporter.SecretKind]string{keyporter.SecretAccessToken: access, keyporter.SecretRefreshToken: refresh} {
			if k, ok := keyporter.ParseSecret(text); !ok || k != kind {
				t.Errorf("%q is no %s", text, kind)
			}
		}
		if got.Text("token_type") != "Bearer" || got.Body["expires_in"] != 3600.0 || got.Text("scope") != "openid envelope.read" || got.Text("id_token") == "" {
			t.Errorf("%v", got.Body)
		}
		if got.Header.Get("Cache-Control") != "no-store" || got.Header.Get("Pragma") != "no-cache" {
			t.Errorf("an answer with tokens may be stored: %v", got.Header)
		}
		if a := w.userInfo("Bearer " + access); a.Text("sub") != string(w.ada.ID) || a.Text("name") != "" {
			t.Errorf("userinfo: %v", a)
		}
		next := w.Post(t, "/oauth2/token", refreshing(refresh))
		if next.Status != 200 || next.Text("refresh_token") == refresh || next.Text("access_token") == access || !w.works(next.Text("access_token")) {
			t.Errorf("refresh: %v", next)
		}
		if n := len(w.events(keyporter.EventConnectionCreate)); n != 1 {
			t.Errorf("%d connections made", n)
		}
		// The second time, she isn't asked.
		v := keyportertest.Verifier()
		to, status, _ := w.person.Browse(t, "/oauth2/authorize?"+request("public", v).Encode())
		if status != http.StatusSeeOther || !strings.HasPrefix(to.String(), callback+"?") || to.Query().Get("code") == "" {
			t.Errorf("asked again: %d %s", status, to)
		}
	})
}

func TestDisconnectingEndsEverything(t *testing.T) {
	t.Parallel()
	keyportertest.EachDatabase(t, func(t *testing.T, url string) {
		w := newWorld(t, url)
		got := w.tokens()
		v := keyportertest.Verifier()
		code := w.code("public", v)
		w.Disconnect(t, w.ConnectionOf(t, w.ada.ID, "public"))
		if w.works(got.Text("access_token")) {
			t.Error("the access token works")
		}
		keyportertest.Refused(t, w.Post(t, "/oauth2/token", refreshing(got.Text("refresh_token"))), 400, "invalid_grant")
		keyportertest.Refused(t, w.Post(t, "/oauth2/token", redemption(code, v)), 400, "invalid_grant")
	})
}

func TestWhatExpires(t *testing.T) {
	t.Parallel()
	w := newWorld(t, keyportertest.Database(t))
	v := keyportertest.Verifier()
	code, got := w.code("public", v), w.tokens()
	w.Clock.Advance(61 * time.Second)
	keyportertest.Refused(t, w.Post(t, "/oauth2/token", redemption(code, v)), 400, "invalid_grant")
	w.Clock.Advance(time.Hour)
	if w.works(got.Text("access_token")) {
		t.Error("the access token works after an hour")
	}
	for day := 0; day < 180; day += 29 {
		got = w.Post(t, "/oauth2/token", refreshing(got.Text("refresh_token")))
		if got.Status != 200 {
			t.Fatalf("after %d days: %v", day, got)
		}
		w.Clock.Advance(29 * 24 * time.Hour)
	}
	keyportertest.Refused(t, w.Post(t, "/oauth2/token", refreshing(got.Text("refresh_token"))), 400, "invalid_grant")
	w.person = w.SignIn(t, w.ada) // her session has ended by now
	idle := w.tokens()
	w.Clock.Advance(30 * 24 * time.Hour)
	keyportertest.Refused(t, w.Post(t, "/oauth2/token", refreshing(idle.Text("refresh_token"))), 400, "invalid_grant")
}

// httptestServer returns an address, and calls asked when a request arrives there.
func httptestServer(t testing.TB, asked func()) string {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked() }))
	t.Cleanup(srv.Close)
	return srv.URL
}
