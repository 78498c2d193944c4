package keyportertest

import (
	"cmp"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control"
	"github.com/keyporter/keyporter/introspection"
	"github.com/keyporter/keyporter/oauth"
	"github.com/keyporter/keyporter/seal"
	"github.com/keyporter/keyporter/store"
	"github.com/keyporter/keyporter/web"
)

// Sealer returns the sealer that every node in tests uses.
func Sealer(t testing.TB) *seal.Sealer {
	t.Helper()
	s, err := seal.New(sealKey())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func sealKey() seal.Key { return sha256.Sum256([]byte("keyportertest")) }

// Resource is the resource identifier of an API in tests.
const Resource = "https://api.example/esign"

// AuthServer is the authorization server of a node, with an address.
type AuthServer struct {
	*Node

	URL     string
	Arrived *atomic.Int64 // number of requests whose bodies a door has begun to read; it has noted when they arrived
}

// DoorsForApps configures the doors for apps and gateways.
type DoorsForApps struct {
	Issuer   string // the server's address, unless a test sets it
	Log      *slog.Logger
	Register bool // apps may register themselves
	Gateways []introspection.Gateway
	RSABits  int // of keys that sign ID tokens; few, so that they are cheap to make
}

// AuthServer serves the node's doors for apps and gateways.
func (n *Node) AuthServer(t testing.TB, configure ...func(*DoorsForApps)) *AuthServer {
	t.Helper()
	var asks, h http.Handler
	var arrived atomic.Int64
	srv := httptest.NewServer(web.WithRequestID(web.SecurityHeaders(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = &firstRead{ReadCloser: r.Body, does: func() { arrived.Add(1) }}
		if introspection.Serves(r.URL.Path) {
			asks.ServeHTTP(w, r)
			return
		}
		h.ServeHTTP(w, r)
	}))))
	t.Cleanup(srv.Close)
	d := DoorsForApps{Issuer: srv.URL, Log: slog.New(slog.DiscardHandler), RSABits: 1024}
	for _, c := range configure {
		c(&d)
	}
	asks = introspection.New(introspection.Config{Grants: n.Grants, Checker: n.Checker, Usage: n.Usage, Log: d.Log, Issuer: d.Issuer, Gateways: d.Gateways})
	h = oauth.New(oauth.Config{
		Control: n.Control, Grants: n.Grants, Log: d.Log, Issuer: d.Issuer,
		Scopes: Scopes(), Resources: []string{Resource}, Register: d.Register, Gateways: len(d.Gateways) > 0, RSABits: d.RSABits,
	})
	return &AuthServer{Node: n, URL: srv.URL, Arrived: &arrived}
}

// firstRead is a body that does something when it is first read.
type firstRead struct {
	io.ReadCloser
	once sync.Once
	does func()
}

func (b *firstRead) Read(p []byte) (int, error) {
	b.once.Do(b.does)
	return b.ReadCloser.Read(p)
}

// Gateway lets the gateway with this secret ask about the APIs with these names; none: all.
func Gateway(secret keyporter.Secret, apis ...string) func(*DoorsForApps) {
	return func(d *DoorsForApps) {
		d.Gateways = append(d.Gateways, introspection.Gateway{Name: "in front of the API", Hash: secret.Hash(), APIs: apis})
	}
}

// Person is a user with a browser that they are signed in with. It follows no redirects.
type Person struct {
	*http.Client

	Actor  keyporter.Actor
	server *AuthServer
}

// SignIn returns a person who has just signed in.
func (s *AuthServer) SignIn(t testing.TB, u keyporter.User) *Person {
	t.Helper()
	session, err := s.Control.SignIn(t.Context(), Nobody(), control.SignIn{Login: u.Login, Password: Password})
	if err != nil {
		t.Fatal(err)
	}
	p := s.Stranger(t)
	at, _ := url.Parse(s.URL)
	p.Jar.SetCookies(at, []*http.Cookie{{Name: "keyporter-session", Value: session.Cookie, Path: "/"}}) //nolint:gosec // the browser of a test
	if p.Actor, err = s.Control.Session(t.Context(), Nobody(), session.Cookie); err != nil {
		t.Fatal(err)
	}
	return p
}

// Stranger returns a person who isn't signed in.
func (s *AuthServer) Stranger(t testing.TB) *Person {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &Person{server: s, Client: &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// Verifier is a code verifier (RFC 7636), and Challenge its challenge.
func Verifier() string { return rand.Text() + rand.Text() }

// Challenge returns the challenge of a verifier.
func Challenge(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// Browse opens an address, and returns where it redirects to and the page.
func (p *Person) Browse(t testing.TB, address string) (location *url.URL, status int, body string) {
	t.Helper()
	if strings.HasPrefix(address, "/") {
		address = p.server.URL + address
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := p.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	text, _ := io.ReadAll(res.Body)
	location, _ = url.Parse(res.Header.Get("Location"))
	return location, res.StatusCode, string(text)
}

// Cookie returns the secret that binds requests to the person's browser.
func (p *Person) Cookie() string { return p.cookie("keyporter-authorize") }

// Session returns the secret of the person's session.
func (p *Person) Session() string { return p.cookie("keyporter-session") }

func (p *Person) cookie(name string) string {
	at, _ := url.Parse(p.server.URL)
	for _, c := range p.Jar.Cookies(at) {
		if c.Name == name {
			return c.Value
		}
	}
	return ""
}

// Authorize opens an app's authorization request, allows everything if asked for consent, and
// returns the parameters with which the person comes back to the app.
func (p *Person) Authorize(t testing.TB, params url.Values) url.Values {
	t.Helper()
	to, status, body := p.Browse(t, "/oauth2/authorize?"+params.Encode())
	if status != http.StatusSeeOther {
		t.Fatalf("authorize: %d %s", status, body)
	}
	return p.Allow(t, to)
}

// Allow continues from where the authorization server sent the person, and returns the parameters
// with which they come back to the app.
func (p *Person) Allow(t testing.TB, to *url.URL) url.Values {
	t.Helper()
	if id, asks := strings.CutPrefix(to.Path, "/connect/"); asks {
		c, err := p.server.Control.Consent(t.Context(), p.Actor, id, p.Cookie())
		if err != nil {
			t.Fatalf("consent: %v", err)
		}
		in := control.ConnectApp{Request: id, Browser: p.Cookie()}
		for _, s := range c.Scopes {
			in.Scopes = append(in.Scopes, s.Scope.Name)
		}
		if err := p.server.Control.Connect(t.Context(), p.Actor, in); err != nil {
			t.Fatalf("connect: %v", err)
		}
		to, _, _ = p.Browse(t, "/oauth2/authorize/"+id)
	}
	if to.Query().Get("iss") != p.server.URL {
		t.Fatalf("back at %s", to)
	}
	return to.Query()
}

// Answer is an app's response from an endpoint for programs.
type Answer struct {
	Status int
	Header http.Header
	Body   map[string]any
}

// Text returns a value of the answer, or "" if it has none.
func (a Answer) Text(name string) string {
	text, _ := a.Body[name].(string)
	return text
}

// Post sends a form the way an app does. user and password may be empty.
func (s *AuthServer) Post(t testing.TB, path string, form url.Values, header ...string) Answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+path, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Add(header[i], header[i+1])
	}
	return Do(t, req)
}

// Do sends a request and reads the response, which is JSON or empty.
func Do(t testing.TB, req *http.Request) Answer {
	t.Helper()
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	a := Answer{Status: res.StatusCode, Header: res.Header}
	text, _ := io.ReadAll(res.Body)
	if len(text) > 0 && json.Unmarshal(text, &a.Body) != nil {
		a.Body = map[string]any{"text": string(text)}
	}
	return a
}

// PutApp writes an app as it is, filling in what tests rarely care about.
func (n *Node) PutApp(t testing.TB, a keyporter.App) keyporter.App {
	t.Helper()
	a.CreatedAt = n.Clock.Now()
	if a.Name == "" {
		a.Name = "DMS " + string(a.ID)
	}
	if a.State == "" {
		a.State = keyporter.AppActive
	}
	n.do(t, func(tx *store.Tx) error { return tx.InsertApp(t.Context(), a) })
	return a
}

// AppSecret adds a secret to an app.
func (n *Node) AppSecret(t testing.TB, app keyporter.ID) keyporter.Secret {
	t.Helper()
	s := keyporter.NewSecret(keyporter.SecretApp)
	n.do(t, func(tx *store.Tx) error {
		return tx.InsertAppSecret(t.Context(), keyporter.AppCredential{ID: keyporter.NewID(n.Clock.Now()), AppID: app, First: s.First(), Last: s.Last()}, s.Hash())
	})
	return s
}

// SetAppState sets the state of an app.
func (n *Node) SetAppState(t testing.TB, app keyporter.ID, state keyporter.AppState) {
	t.Helper()
	n.do(t, func(tx *store.Tx) error {
		if _, err := tx.SetAppState(t.Context(), app, state); err != nil {
			return err
		}
		return tx.InsertEvent(t.Context(), keyporter.Event{ID: keyporter.NewID(n.Clock.Now()), Name: keyporter.EventAppSuspend, AppID: app})
	})
}

// SetAppScopes sets what an app can ask for, as the owner of the machine.
func (n *Node) SetAppScopes(t testing.TB, id keyporter.ID, scopes ...string) {
	t.Helper()
	app, err := n.DB.AppByID(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	app.Scopes, app.Publisher = Asks(scopes...), cmp.Or(app.Publisher, "Tagworks Ltd")
	if _, err := n.Control.UpdateApp(t.Context(), keyporter.Command(), app); err != nil {
		t.Fatal(err)
	}
}

// AppWith registers an app that can ask for scopes of another configuration than the tests'.
func (n *Node) AppWith(t testing.TB, scopes ...string) keyporter.App {
	t.Helper()
	app := n.App(t, keyporter.App{})
	app.Scopes = Asks(scopes...)
	n.do(t, func(tx *store.Tx) error { return tx.UpdateApp(t.Context(), app, app.Version) })
	return app
}

// SetUserActive switches a user on or off, and leaves their sessions alone.
func (n *Node) SetUserActive(t testing.TB, user keyporter.ID, active bool) {
	t.Helper()
	n.do(t, func(tx *store.Tx) error {
		if _, err := tx.SetUserActive(t.Context(), user, active); err != nil {
			return err
		}
		return tx.InsertEvent(t.Context(), keyporter.Event{ID: keyporter.NewID(n.Clock.Now()), Name: keyporter.EventUserDisable, UserID: user})
	})
}

// ConnectionOf returns the connection of a user with an app.
func (n *Node) ConnectionOf(t testing.TB, user, app keyporter.ID) keyporter.Connection {
	t.Helper()
	c, err := n.DB.ConnectionOf(t.Context(), user, app)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Disconnect ends a connection.
func (n *Node) Disconnect(t testing.TB, c keyporter.Connection) {
	t.Helper()
	n.do(t, func(tx *store.Tx) error {
		if err := tx.DeleteConnection(t.Context(), c.ID, n.Clock.Now()); err != nil {
			return err
		}
		return tx.InsertEvent(t.Context(), keyporter.Event{
			ID: keyporter.NewID(n.Clock.Now()), Name: keyporter.EventConnectionDelete, OrganizationID: c.OrganizationID, UserID: c.UserID, AppID: c.AppID, ConnectionID: c.ID,
		})
	})
}

func (n *Node) do(t testing.TB, f func(*store.Tx) error) {
	t.Helper()
	if err := n.DB.Do(t.Context(), f); err != nil {
		t.Fatal(err)
	}
}

// SetConnectionScopes sets what a connection permits.
func (n *Node) SetConnectionScopes(t testing.TB, c keyporter.Connection, scopes ...string) {
	t.Helper()
	n.do(t, func(tx *store.Tx) error {
		if err := tx.SetConnectionScopes(t.Context(), c.ID, scopes); err != nil {
			return err
		}
		return tx.InsertEvent(t.Context(), keyporter.Event{
			ID: keyporter.NewID(n.Clock.Now()), Name: keyporter.EventConnectionScopes, OrganizationID: c.OrganizationID, UserID: c.UserID, AppID: c.AppID, ConnectionID: c.ID,
		})
	})
}
