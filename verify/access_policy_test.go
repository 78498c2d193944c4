package verify_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/keyportertest"
	"github.com/keyporter/keyporter/verify"
)

// accessSituation is everything the policy looks at in a call with an access token.
type accessSituation struct {
	app      string // its state
	apps     string // which apps the organization allows: all, listed (including this one), unlisted, none
	flag     string // whether the organization has Api: has, lacks
	user     string // whether they may use the API: may, mayn't
	scope    string // of the token: has, lacks, or taken (removed from the connection since)
	audience string // the APIs it was issued for: any, this, another
	binding  string // to a key: bearer, bound (with a proof), stolen (bound, without a proof), needless (not bound, with a proof)
}

// accessPolicy says when an app may call on behalf of a user. The first line that matches
// decides; an empty column matches everything.
var accessPolicy = []struct {
	accessSituation

	is keyporter.Reason
}{
	{accessSituation{binding: "stolen"}, keyporter.ReasonBound},
	{accessSituation{binding: "needless"}, keyporter.ReasonNotBound},
	{accessSituation{app: "suspended quarantined"}, keyporter.ReasonAppSuspended},
	{accessSituation{flag: "lacks"}, keyporter.ReasonFlag},
	{accessSituation{apps: "unlisted none"}, keyporter.ReasonAppNotAllowed},
	{accessSituation{user: "mayn't"}, keyporter.ReasonNotGranted},
	{accessSituation{audience: "another"}, keyporter.ReasonAudience},
	{accessSituation{scope: "lacks taken"}, keyporter.ReasonScope},
	{accessSituation{}, keyporter.Allowed},
}

func decideAccess(s accessSituation) keyporter.Reason {
	fits := func(column, is string) bool { return column == "" || slices.Contains(strings.Fields(column), is) }
	for _, l := range accessPolicy {
		if fits(l.app, s.app) && fits(l.apps, s.apps) && fits(l.flag, s.flag) && fits(l.user, s.user) && fits(l.scope, s.scope) && fits(l.audience, s.audience) && fits(l.binding, s.binding) {
			return l.is
		}
	}
	panic("the last line fits everything")
}

const (
	driveHost     = "https://drive.example"
	driveResource = driveHost + "/v1"
)

// accessWorld is ada and an app that acts for her.
type accessWorld struct {
	*keyportertest.Node

	ada        keyporter.User
	app, other keyporter.App
	connection keyporter.Connection
	key        keyportertest.ProofKey
}

func newAccessWorld(t *testing.T, url string) accessWorld {
	t.Helper()
	w := accessWorld{Node: keyportertest.NewNode(t, url, keyportertest.Drive("http://127.0.0.1:1")), key: keyportertest.NewProofKey(t)}
	w.ada = keyportertest.User(t, w.Control, "Acme", "ada@acme.example", keyporter.RoleAPIUser)
	w.app = w.App(t, keyporter.App{Name: "Tagger", OwnTokens: true, Scopes: keyportertest.Asks("file.read", "file.write")})
	w.other = w.App(t, keyporter.App{Name: "Other", Scopes: keyportertest.Asks("file.read")})
	w.connection = w.Connect(t, w.ada, w.app, "file.read", "file.write")
	return w
}

// call returns a call that needs file.read, with the token as a bearer token.
func (w *accessWorld) call(secret keyporter.Secret) *verify.Request {
	return &verify.Request{
		Method: "GET", Host: "drive.example", Path: "/drive/1", Authorization: []string{"Bearer " + secret.Reveal()},
		ClientIP: "192.0.2.7", Agent: "tagger/1.0", RequestID: string(keyporter.NewID(w.Clock.Now())),
	}
}

// proved returns the same call with the DPoP scheme and a proof.
func (w *accessWorld) proved(secret keyporter.Secret) *verify.Request {
	req := w.call(secret)
	req.Authorization = []string{"DPoP " + secret.Reveal()}
	req.DPoP = []string{w.key.Proof("GET", driveHost+"/drive/1", secret, w.Clock.Now())}
	return req
}

func (w *accessWorld) ask(t *testing.T, req *verify.Request, want keyporter.Reason) verify.Decision {
	t.Helper()
	d := w.Checker.Check(t.Context(), req)
	mustReason(t, d, want)
	return d
}

// tokens returns a token for each combination of scope, audience, and binding.
func (w *accessWorld) tokens(t *testing.T) map[[3]string]keyporter.Secret {
	t.Helper()
	all := map[[3]string]keyporter.Secret{}
	for scope, scopes := range map[string][]string{"has": {"openid", "file.read"}, "lacks": {"file.write"}} {
		for audience, resources := range map[string][]string{"any": nil, "this": {"https://x.example", driveResource}, "another": {driveHost}} {
			for binding, key := range map[string]string{"bearer": "", "bound": w.key.Hash()} {
				_, all[[3]string{scope, audience, binding}] = w.AccessToken(t, w.connection, keyporter.AccessToken{Scopes: scopes, Resources: resources, KeyHash: key})
			}
		}
	}
	return all
}

// request returns the call of a situation.
func (w *accessWorld) request(s accessSituation, tokens map[[3]string]keyporter.Secret) *verify.Request {
	scope, binding := s.scope, "bearer"
	if scope == "taken" {
		scope = "has"
	}
	if s.binding == "bound" || s.binding == "stolen" {
		binding = "bound"
	}
	secret := tokens[[3]string{scope, s.audience, binding}]
	if s.binding == "bound" || s.binding == "needless" {
		return w.proved(secret)
	}
	return w.call(secret)
}

// TestAccessTokenPolicy tries every combination, and the very next call after each change.
func TestAccessTokenPolicy(t *testing.T) {
	t.Parallel()
	keyportertest.EachDatabase(t, func(t *testing.T, url string) {
		w := newAccessWorld(t, url)
		tokens := w.tokens(t)
		s, tried := accessSituation{}, 0
		each := func(column *string, values string, set func(string), next func()) {
			for v := range strings.FieldsSeq(values) {
				*column = v
				set(v)
				next()
			}
		}
		nothing := func(string) {}
		try := func() {
			if d, want := w.Checker.Check(t.Context(), w.request(s, tokens)), decideAccess(s); d.Reason != want || d.Allowed != (want == keyporter.Allowed) {
				t.Errorf("%+v: allowed %v, reason %q; want %q", s, d.Allowed, d.Reason, want)
			}
			tried++
		}
		calls := func() {
			each(&s.audience, "any this another", nothing, func() { each(&s.binding, "bearer bound stolen needless", nothing, try) })
		}
		each(&s.app, "active suspended quarantined", func(v string) { w.SetAppState(t, w.app.ID, keyporter.AppState(v)) }, func() {
			each(&s.apps, "all listed unlisted none", w.setApps(t), func() {
				each(&s.flag, "has lacks", w.setFlag(t), func() {
					each(&s.user, "may mayn't", w.setUser(t), func() { each(&s.scope, "has lacks taken", w.setScope(t), calls) })
				})
			})
		})
		if tried != 3*4*2*2*3*3*4 {
			t.Errorf("%d combinations were tried", tried)
		}
	})
}

func (w *accessWorld) setApps(t *testing.T) func(string) {
	return func(v string) {
		t.Helper()
		listed := map[string][]keyporter.ID{"listed": {w.other.ID, w.app.ID}, "unlisted": {w.other.ID}}[v]
		w.SetAppPolicy(t, w.ada.OrganizationID, keyporter.AppPolicy(strings.TrimPrefix(v, "un")), listed...)
	}
}

func (w *accessWorld) setFlag(t *testing.T) func(string) {
	return func(v string) {
		t.Helper()
		setFlags(t, w.Node, w.ada.OrganizationID, map[string]string{"has": "Api"}[v])
	}
}

func (w *accessWorld) setUser(t *testing.T) func(string) {
	return func(v string) {
		t.Helper()
		roles := map[string][]keyporter.ID{"may": {keyporter.RoleAPIUser}}[v]
		if err := w.Control.SetUserRoles(t.Context(), keyporter.Command(), w.ada.ID, roles); err != nil {
			t.Fatal(err)
		}
	}
}

func (w *accessWorld) setScope(t *testing.T) func(string) {
	return func(v string) {
		t.Helper()
		w.SetScopes(t, w.connection, map[bool][]string{false: {"file.read", "file.write"}, true: {"file.write"}}[v == "taken"]...)
	}
}

// TestAnAppThatActsForItself expects a token without a user to work only where routes list its kind.
func TestAnAppThatActsForItself(t *testing.T) {
	t.Parallel()
	keyportertest.EachDatabase(t, func(t *testing.T, url string) {
		w := newAccessWorld(t, url)
		ours := w.App(t, keyporter.App{Name: "Ours", OrganizationID: w.ada.OrganizationID, Scopes: keyportertest.Asks("file.read")})
		_, ofInstance := w.AccessToken(t, keyporter.Connection{AppID: w.app.ID}, keyporter.AccessToken{Scopes: []string{"file.read"}})
		own, ofAcme := w.AccessToken(t, keyporter.Connection{AppID: ours.ID}, keyporter.AccessToken{Scopes: []string{"file.read"}})
		path := func(method, path string, secret keyporter.Secret, logins ...string) *verify.Request {
			req := w.call(secret)
			req.Method, req.Path, req.UserLoginName = method, path, logins
			return req
		}
		for _, secret := range []keyporter.Secret{ofInstance, ofAcme} {
			w.ask(t, path("GET", "/drive/1", secret), keyporter.Allowed)
			w.ask(t, path("POST", "/drive/1", secret), keyporter.ReasonScope)
			w.ask(t, path("GET", "/drive/users/1", secret), keyporter.ReasonNotAccepted)
			w.ask(t, path("GET", whoAmI, secret), keyporter.ReasonNotAccepted)
			w.ask(t, path("GET", "/drive/1", secret, "ada@acme.example"), keyporter.ReasonLoginName)
		}
		d := w.ask(t, path("GET", "/drive/1", ofAcme), keyporter.Allowed)
		identity := fmt.Sprint(d.Identity())
		want := fmt.Sprintf("[{X-Keyporter-Organization [%s]} {X-Keyporter-Credential [%s]} {X-Keyporter-Credential-Kind [app_token]} {X-Keyporter-App [%s]} {X-Keyporter-Scopes [file.read]}]",
			w.ada.OrganizationID, own.ID, ours.ID)
		if identity != want {
			t.Errorf("identity %s, want %s", identity, want)
		}
		// Which apps users may connect doesn't matter here.
		w.SetAppPolicy(t, w.ada.OrganizationID, keyporter.NoApps)
		w.ask(t, path("GET", "/drive/1", ofAcme), keyporter.Allowed)
		w.setFlag(t)("lacks")
		w.ask(t, path("GET", "/drive/1", ofAcme), keyporter.ReasonFlag)
		w.ask(t, path("GET", "/drive/1", ofInstance), keyporter.Allowed)
		w.SetAppState(t, w.app.ID, keyporter.AppSuspended)
		w.ask(t, path("GET", "/drive/1", ofInstance), keyporter.ReasonAppSuspended)
		if err := w.Control.DisableOrganization(t.Context(), keyporter.Command(), w.ada.OrganizationID); err != nil {
			t.Fatal(err)
		}
		w.ask(t, path("GET", "/drive/1", ofAcme), keyporter.ReasonOrganization)
	})
}
