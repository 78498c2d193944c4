package console_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

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
	server := httptest.NewServer(console.New(console.Config{Control: s.Control, Checker: checker, Now: s.Clock.Now}))
	t.Cleanup(server.Close)
	return &site{Node: s.Node, url: server.URL, log: s.log}
}

// TestTheChecklistTestsEachStep goes from a Keyporter without an API to one that was called.
func TestTheChecklistTestsEachStep(t *testing.T) {
	s := newSite(t)
	me := keyportertest.User(t, s.Control, "Acme", "operator@acme.example", keyporter.RoleAdministrator)
	if err := s.Control.AppointOperator(t.Context(), keyporter.Command(), me.ID); err != nil {
		t.Fatal(err)
	}
	s.withAPIs(t).signIn(t, me).get("/start").want(t, 200, "0 of 4 steps", "The configuration names no API.", "keyporter serve --config", "You are the only user.", "You have none.", "No call has arrived.")
	gone := verify.API{Name: "shop", Upstream: "http://127.0.0.1:1", Example: "/shop/orders", Routes: []verify.Route{{Path: "/shop/{rest...}"}}}
	s.withAPIs(t, gone).signIn(t, me).get("/start").want(t, 200, "“shop” doesn’t answer", "correct upstream")

	var asked string
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = r.URL.Path + r.Header.Get("Cookie")
		http.Redirect(w, r, "http://127.0.0.1:1/elsewhere", http.StatusFound)
	}))
	t.Cleanup(api.Close)
	there := gone
	there.Upstream = api.URL
	v := s.withAPIs(t, there).signIn(t, me)
	v.get("/start").want(t, 200, "1 of 4 steps", "“shop” answers", `href="/apis"`)
	if asked != "/shop/orders" {
		t.Errorf("the API was asked %q", asked)
	}
	keyportertest.User(t, s.Control, "Acme", "ada@acme.example", keyporter.RoleAPIUser)
	token, _ := keyportertest.Token(t, s.Control, me, "Orders")
	s.Used(t, token.ID, keyporter.ClientUse{Agent: "curl/8.5.0", Address: "192.0.2.7", Version: "shop", LastAt: s.Clock.Now(), Refused: 1})
	v.get("/start").want(t, 200, "3 of 4 steps", "“Orders” is on.", "curl 8.5.0 was refused", "/tokens/"+string(token.ID)+"/explain")
	s.Used(t, token.ID, keyporter.ClientUse{Agent: "curl/8.5.0", Address: "192.0.2.7", Version: "shop", LastAt: s.Clock.Now(), Allowed: 1})
	v.get("/start").want(t, 200, "Everything works", "curl 8.5.0 called the API")
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
