package oauth_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"testing"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control/grants"
	"github.com/keyporter/keyporter/keyportertest"
)

// mostStatements is how many SQL statements a request for tokens takes at most.
const mostStatements = 12

// TestNoTokenOutlivesTheEndOfItsGrant has an app get tokens while their grant ends, for each way
// to get tokens, each way to end a grant, and after each SQL statement of the request. Whichever
// commits first, no node accepts the tokens afterward.
func TestNoTokenOutlivesTheEndOfItsGrant(t *testing.T) {
	t.Parallel()
	twoNodes(t, func(t *testing.T, w *world, servers []*keyportertest.AuthServer) {
		w.app(keyporter.App{ID: "rs", Authentication: keyporter.AppSecret, Introspects: true})
		e := &ending{world: w, servers: servers, rs: w.AppSecret(t, "rs").Reveal()}
		for way, prepare := range map[string]func() (url.Values, keyporter.Grant){"a code": e.byCode, "a refresh token": e.byRefreshToken} {
			for how, end := range map[string]func(keyporter.Grant) error{
				"disconnecting": e.disconnect, "revoking": e.revoke, "suspending the app": e.suspend, "disabling the user": e.switchOff, "allowing no apps": e.forbid,
			} {
				t.Run(way+" and "+how, func(t *testing.T) { e.race(t, prepare, end) })
			}
		}
		for how, end := range map[string]func(keyporter.Grant) error{"suspending the app": e.suspend, "deleting the app": e.remove} {
			t.Run("own tokens and "+how, func(t *testing.T) { e.race(t, e.byItself, end) })
		}
	})
}

// ending is a world where things end.
type ending struct {
	*world

	servers []*keyportertest.AuthServer
	rs      string // secret of the app that introspects
}

func (e *ending) race(t *testing.T, prepare func() (url.Values, keyporter.Grant), end func(keyporter.Grant) error) {
	for i := range mostStatements {
		form, grant := prepare()
		at := e.servers[i%len(e.servers)]
		var a keyportertest.Answer
		var err error
		at.During(i, func() { a = at.Post(t, "/oauth2/token", form) }, func() { err = end(grant) })
		if err != nil {
			t.Fatal(err)
		}
		if a.Status >= http.StatusInternalServerError {
			t.Errorf("after %d statements: %v", i, a)
		}
		if a.Status == http.StatusOK {
			e.refusedEverywhere(t, fmt.Sprintf("after %d statements", i), a)
		}
		e.restore()
	}
}

// refusedEverywhere requires all nodes to refuse what an app got.
func (e *ending) refusedEverywhere(t *testing.T, when string, a keyportertest.Answer) {
	t.Helper()
	access, refresh := a.Text("access_token"), a.Text("refresh_token")
	for _, s := range e.servers {
		own := *e.world
		own.t, own.AuthServer = t, s
		if own.works(access) {
			t.Errorf("%s: the access token opens userinfo", when)
		}
		if about := s.Post(t, "/oauth2/introspect", url.Values{"token": {access}, "client_id": {"rs"}, "client_secret": {e.rs}}); about.Status != http.StatusOK || about.Body["active"] != false {
			t.Errorf("%s: the access token is active: %v", when, about)
		}
		if refresh != "" && s.Post(t, "/oauth2/token", refreshing(refresh)).Status == http.StatusOK {
			t.Errorf("%s: the refresh token works", when)
		}
	}
}

func (e *ending) byCode() (url.Values, keyporter.Grant) {
	v := keyportertest.Verifier()
	code := e.code("public", v)
	grant, err := e.Grants.GrantByCode(e.t.Context(), grants.Caller{}, code)
	if err != nil {
		e.t.Fatal(err)
	}
	return redemption(code, v), grant
}

func (e *ending) byRefreshToken() (url.Values, keyporter.Grant) {
	refresh := e.tokens().Text("refresh_token")
	grant, err := e.Grants.GrantToRevoke(e.t.Context(), refresh)
	if err != nil {
		e.t.Fatal(err)
	}
	return refreshing(refresh), grant
}

func (e *ending) byItself() (url.Values, keyporter.Grant) {
	id := keyporter.NewID(e.Clock.Now())
	e.app(keyporter.App{ID: id, Authentication: keyporter.AppSecret, OwnTokens: true})
	return url.Values{"grant_type": {"client_credentials"}, "client_id": {string(id)}, "client_secret": {e.AppSecret(e.t, id).Reveal()}}, keyporter.Grant{AppID: id}
}

func (e *ending) disconnect(g keyporter.Grant) error {
	return e.Control.Disconnect(e.t.Context(), keyporter.Command(), g.ConnectionID)
}

func (e *ending) revoke(g keyporter.Grant) error {
	return e.Grants.RevokeGrant(e.t.Context(), grants.Caller{}, g, "it raced")
}

func (e *ending) suspend(g keyporter.Grant) error {
	return e.Control.SuspendApp(e.t.Context(), keyporter.Command(), g.AppID)
}

func (e *ending) remove(g keyporter.Grant) error {
	return e.Control.DeleteApp(e.t.Context(), keyporter.Command(), g.AppID)
}

func (e *ending) disable(g keyporter.Grant) error {
	return e.Control.DisableUser(e.t.Context(), keyporter.Command(), g.UserID)
}

// switchOff is like disable, but keeps the user's session. No token depends on it, and signing in
// again is slow.
func (e *ending) switchOff(g keyporter.Grant) error {
	e.SetUserActive(e.t, g.UserID, false)
	return nil
}

func (e *ending) forbid(g keyporter.Grant) error {
	e.SetAppPolicy(e.t, g.OrganizationID, keyporter.NoApps)
	return nil
}

// restore lets ada connect the app again.
func (e *ending) restore() {
	e.t.Helper()
	e.SetAppState(e.t, "public", keyporter.AppActive)
	e.SetAppPolicy(e.t, e.ada.OrganizationID, keyporter.AllApps)
	e.SetUserActive(e.t, e.ada.ID, true)
	if !e.signedIn() {
		e.person = e.SignIn(e.t, e.ada)
	}
}

func (e *ending) signedIn() bool {
	_, err := e.Control.Session(e.t.Context(), keyportertest.Nobody(), e.person.Session())
	return err == nil
}

// TestWhatEndsWhileAnAppAsksForACode does the same while an app asks for a code. The error must
// be about the user, never about the app or Keyporter.
func TestWhatEndsWhileAnAppAsksForACode(t *testing.T) {
	t.Parallel()
	keyportertest.EachDatabase(t, func(t *testing.T, address string) {
		w := newWorld(t, address)
		e := &ending{world: w}
		for how, end := range map[string]func(keyporter.Grant) error{"disconnecting": e.disconnect, "disabling the user": e.disable, "allowing no apps": e.forbid} {
			for i := range mostStatements {
				w.tokens()
				ended := keyporter.Grant{ConnectionID: w.ConnectionOf(t, w.ada.ID, "public").ID, UserID: w.ada.ID, OrganizationID: w.ada.OrganizationID}
				var to *url.URL
				var err error
				w.During(i, func() { to = w.ask(w.person, "prompt", "none") }, func() { err = end(ended) })
				if err != nil {
					t.Fatal(err)
				}
				if code := to.Query().Get("error"); !slices.Contains([]string{"", "login_required", "consent_required", "access_denied"}, code) {
					t.Errorf("%s after %d statements: %s", how, i, to)
				}
				e.restore()
			}
		}
	})
}
