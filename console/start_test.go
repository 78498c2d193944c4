package console_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/console"
	"github.com/keyporter/keyporter/keyportertest"
	"github.com/keyporter/keyporter/verify"
)

// withAPIs returns the site as it is with other APIs.
func (s *site) withAPIs(t *testing.T, apis ...verify.API) *site {
	t.Helper()
	checker, err := verify.New(s.DB, verify.Options{APIs: apis, Now: s.Clock.Now, Usage: s.Usage})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(console.New(console.Config{Control: s.Control, Checker: checker, Example: checker.Example(), Now: s.Clock.Now}))
	t.Cleanup(server.Close)
	node := *s.Node
	node.Checker = checker
	return &site{Node: &node, url: server.URL, log: s.log}
}

// TestTheChecklistTestsEachStep goes from a Keyporter without an API to one that was called.
func TestTheChecklistTestsEachStep(t *testing.T) {
	s := newSite(t)
	me := keyportertest.User(t, s.Control, "Acme", "operator@acme.example", keyporter.RoleAdministrator)
	if err := s.Control.AppointOperator(t.Context(), keyporter.Command(), me.ID); err != nil {
		t.Fatal(err)
	}
	page := s.withAPIs(t).signIn(t, me).get("/start")
	page.want(t, 200, "0 of 4 steps", "The configuration names no API.", "keyporter serve --config", "You are the only user.", "You have none.", "No call has arrived.", "It needs an API.", `href="/organizations/`+string(me.OrganizationID)+`"`, `<a href="/start" aria-current="page">`)
	page.wantNot(t, "curl", "…</code>")
	gone := verify.API{Name: "shop", Upstream: "http://127.0.0.1:1", Example: "/shop/orders", Routes: []verify.Route{{Path: "/shop/{rest...}"}}}
	s.withAPIs(t, gone).signIn(t, me).get("/start").want(t, 200, "“shop” doesn’t answer", "correct <code>upstream</code>")

	var asked string
	status := http.StatusNotFound
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = r.URL.Path + r.Header.Get("Cookie")
		w.Header().Set("Location", "http://127.0.0.1:1/elsewhere")
		w.WriteHeader(status)
	}))
	t.Cleanup(api.Close)
	there := gone
	there.Upstream = api.URL
	there.Routes[0].Scope = "orders"
	at := s.withAPIs(t, there)
	v := at.signIn(t, me)
	v.get("/start").want(t, 200, "0 of 4 steps", "“shop” answers 404 to /shop/orders")
	if asked != "/shop/orders" {
		t.Errorf("the API was asked %q", asked)
	}
	status = http.StatusFound
	v.get("/start").want(t, 200, "1 of 4 steps", "“shop” answers at", `href="/apis"`, `href="/tokens/new"`, "copies the whole call")
	token, secret := keyportertest.Token(t, s.Control, me, "Orders")
	v.get("/start").want(t, 200, "2 of 4 steps", "curl -i", "answered with 404")
	s.Used(t, token.ID, keyporter.ClientUse{Agent: "curl/8.5.0", Address: "192.0.2.7", Version: "shop", LastAt: s.Clock.Now(), Refused: 1})
	why := "/tokens/" + string(token.ID) + "/explain"
	v.get("/start").want(t, 200, "2 of 4 steps", "“Orders” is on.", "curl 8.5.0 was refused", why, "curl -i")
	row := "/tokens/" + string(token.ID) + "/row?first=1"
	for answered, says := range map[int]string{404: "answered 404. Keyporter passes the path on unchanged", 500: "answered 500", 502: "can’t be reached", 401: "doesn’t get the token"} {
		at.calls(t, secret, answered)
		page = v.get("/start")
		page.want(t, 200, "2 of 4 steps", says)
		page.wantNot(t, why)
		page = v.get(row)
		page.want(t, 200, says)
		page.wantNot(t, "It works")
	}
	at.calls(t, secret, 200)
	v.get(row).want(t, 200, "It works")
	page = v.get("/start")
	page.want(t, 200, "3 of 4 steps", "You are the only user.")
	page.wantNot(t, why)
	keyportertest.User(t, s.Control, "Acme", "ada@acme.example", keyporter.RoleAPIUser)
	v.get("/start").want(t, 200, "Everything works", "Other people can sign in.", "curl 8.5.0 called the API", "Next steps")
	status = http.StatusServiceUnavailable // and so the first call wouldn't work now
	page = v.get("/start")
	page.want(t, 200, "2 of 4 steps", "“shop” answers 503")
	page.wantNot(t, "Next steps")
}

// calls makes an allowed call that the API answers with a status.
func (s *site) calls(t *testing.T, secret keyporter.Secret, status int) {
	t.Helper()
	s.Clock.Advance(time.Second)
	d := s.Checker.Check(t.Context(), &verify.Request{Method: "GET", Host: "localhost", Path: "/shop/orders", APIToken: []string{secret.Reveal()}, Agent: "curl/8.5.0", ClientIP: "192.0.2.7", PassedOn: true})
	if !d.Allowed {
		t.Fatalf("the call is refused: %s", d.Reason)
	}
	d.Answered(status)
}

// TestWithoutAnExampleNoCallIsShown adds a token where nobody could say which path to call.
func TestWithoutAnExampleNoCallIsShown(t *testing.T) {
	s := newSite(t)
	ada := keyportertest.User(t, s.Control, "Acme", "ada@acme.example", keyporter.RoleAPIUser)
	me := s.operator(t, ada.OrganizationID, "operator@acme.example")
	shop := verify.API{Name: "shop", Upstream: "http://127.0.0.1:1", Routes: []verify.Route{{Path: "/shop/{rest...}"}}}
	at := s.withAPIs(t, shop)
	page := at.signIn(t, me).get("/start")
	page.want(t, 200, "Set <code>example</code> in")
	page.wantNot(t, "curl")
	v := at.signIn(t, ada)
	page = v.get(v.submit(v.get("/tokens/new"), "/tokens", "name", "Export").location)
	page.want(t, 200, "Set <code>example</code> in", `class="main" data-copy`)
	page.wantNot(t, "curl", "Waiting for")
}

// TestTheChecklistAsksAPIsAtOnce has nine APIs that answer only when eight have been asked, and one that is gone.
func TestTheChecklistAsksAPIsAtOnce(t *testing.T) {
	s := newSite(t)
	me := s.operator(t, keyportertest.User(t, s.Control, "Acme", "ada@acme.example", keyporter.RoleAPIUser).OrganizationID, "operator@acme.example")
	var asked atomic.Int32
	enough := make(chan struct{})
	api := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if asked.Add(1) == 8 {
			close(enough)
		}
		select {
		case <-enough:
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(api.Close)
	var apis []verify.API
	for i := range 9 {
		name := fmt.Sprint("shop", i)
		apis = append(apis, verify.API{Name: name, Upstream: api.URL, Routes: []verify.Route{{Path: "/" + name + "/{rest...}"}}})
	}
	s.withAPIs(t, apis...).signIn(t, me).get("/start").want(t, 200, "2 of 4 steps", "“shop0” answers", "“shop8” answers")
	apis[1].Upstream, apis[8].Upstream = "http://127.0.0.1:1", "http://127.0.0.1:1"
	s.withAPIs(t, apis...).signIn(t, me).get("/start").want(t, 200, "1 of 4 steps", "“shop0” answers", "“shop1” doesn’t answer", "“shop8” doesn’t answer")
}

// TestOperatorsReadTheRoutes shows them with what startup reported.
func TestOperatorsReadTheRoutes(t *testing.T) {
	s := newSite(t)
	me := s.operator(t, keyportertest.User(t, s.Control, "Acme", "ada@acme.example", keyporter.RoleAPIUser).OrganizationID, "operator@acme.example")
	api := verify.API{Name: "<i>shop</i>", Upstream: "http://127.0.0.1:9000", Hosts: []string{"shop.example"}, Routes: []verify.Route{
		{Path: "/shop/health", Public: true}, {Path: "/shop/{rest...}", Methods: []string{"GET", "FETCH"}, Scope: "orders.read"},
	}}
	s.withAPIs(t, api).signIn(t, me).get("/apis").want(t, 200, "&lt;i&gt;shop&lt;/i&gt;", "shop.example", "/shop/health", "Everyone", "GET, FETCH", "API tokens, apps", "orders.read", "which isn&#39;t a registered one")
	s.withAPIs(t).signIn(t, me).get("/apis").want(t, 200, "No API yet", `href="/start"`)
}
