package console_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/keyportertest"
)

// TestThePageOfAToken follows a token from one with every cause of refusal to one that works, without leaving its page.
func TestThePageOfAToken(t *testing.T) {
	s := newSite(t)
	ada, v := s.ada(t)
	olivia := keyportertest.User(t, s.Control, "Acme", "olivia@acme.example", keyporter.RoleAdministrator)
	token, secret := keyportertest.Token(t, s.Control, ada, "Export <b>")
	page := "/tokens/" + string(token.ID)
	for range 3 {
		s.Allows(keyportertest.Call{Token: secret, Agent: "worker/2.3", Path: "/Api/v6/envelope/4711"})
	}
	s.Allows(keyportertest.Call{Token: secret, Agent: "curl/8"})
	v.follow(v.get("/tokens"), page).want(t, 200, "<bdi>Export &lt;b&gt;</bdi>", "4 allowed, 0 refused", "worker 2.3", "GET /Api/{version}/{rest...}", "Someone on the command line switched it on", "/tokens/live")
	if a := v.get(page); strings.Contains(a.body, "4711") || strings.Contains(a.body, "Why calls are refused") {
		t.Errorf("the page shows a path, or a cause although the token works:\n%s", a.body)
	}
	v.get(page+"?client=curl%2F8&days=7").want(t, 200, "Only <bdi>curl 8</bdi>", "1 allowed, 0 refused", "days=7")
	v.get(page+"?client=nobody&days=1000").want(t, 200, "4 allowed, 0 refused")

	// Whoever manages tokens sees whose it is, and gets back to their list.
	boss := s.signIn(t, olivia)
	boss.get(page+"?list=everyone").want(t, 200, `<a href="/all-tokens">All tokens</a>`, "of <bdi>ada@acme.example</bdi>")
	boss.submit(boss.get(page+"?list=everyone"), page+"/disable?from=page&amp;list=everyone").wantRedirect(t, page+"?list=everyone")

	if _, err := s.Control.SetTokenExpiry(t.Context(), keyporter.Command(), token.ID, s.Clock.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	s.Clock.Advance(2 * time.Hour)
	keyportertest.SetRoles(t, s.Node, ada, keyportertest.UseAPI(keyporter.EffectBlock))
	broken := v.get(page)
	broken.want(t, 200, "Calls work again once all of these are fixed.", "is switched off.", "expired on", "blocks Use the API", "An administrator of the organization can change roles.", "olivia@acme.example switched it off")
	boss.get(page).want(t, 200, `<a class="button" href="/users/`+string(ada.ID)+`">`)
	v.submit(broken, page+"/enable?from=page").wantRedirect(t, page)
	v.submit(v.get(page), page+"/expiry?from=page").wantRedirect(t, page)
	v.get(page).want(t, 200, "Calls work again once this is fixed.", "blocks Use the API")
	keyportertest.SetRoles(t, s.Node, ada, keyportertest.UseAPI(keyporter.EffectGrant))
	if a := v.get(page); strings.Contains(a.body, "Why calls are refused") {
		t.Errorf("there is still a cause:\n%s", a.body)
	}
	v.submit(v.follow(v.get(page), page+"/rename?from=page"), page+"/rename?from=page", "name", "Nightly").wantRedirect(t, page)
	v.submit(v.follow(v.get(page), page+"/delete?from=page"), page+"/delete?from=page").wantRedirect(t, "/tokens?done=deleted-token")
	v.get(page).want(t, 404)
}

// TestThePageOfATokenShowsTheBusiestRoutesAndClients has calls of many versions by many clients.
func TestThePageOfATokenShowsTheBusiestRoutesAndClients(t *testing.T) {
	s := newSite(t)
	ada, v := s.ada(t)
	token, secret := keyportertest.Token(t, s.Control, ada, "Export")
	page := "/tokens/" + string(token.ID)
	for i := range 30 {
		for range 1 + i/10 { // the first ten are called once, and so on
			s.Allows(keyportertest.Call{Token: secret, Agent: fmt.Sprintf("worker-%d", i), Path: fmt.Sprintf("/Api/v%d/envelope", 10+i)})
		}
	}
	a := v.get(page)
	a.want(t, 200, "… other routes", "… other clients", "esign v39", "esign v20", "<dt>Clients</dt><dd>30</dd>")
	a.wantNot(t, "route=esign+19", "client=worker-9&")
	if n := strings.Count(a.body, "?route="); n != 20 {
		t.Errorf("%d routes", n)
	}
	v.get(page+"?route="+url.QueryEscape("esign 19 GET /Api/{version}/{rest...}")).want(t, 200, "Show all calls")
}

// TestThePageOfAConnection reads it as the user and as whoever manages tokens.
func TestThePageOfAConnection(t *testing.T) {
	s := newSite(t)
	ada, v := s.ada(t)
	olivia := keyportertest.User(t, s.Control, "Acme", "olivia@acme.example", keyporter.RoleAdministrator)
	app := s.App(t, keyporter.App{Name: "Numbers & Sons"})
	conn := s.Connect(t, ada, app, "envelope.read", "file.read")
	page := "/connections/" + string(conn.ID)
	s.Used(t, conn.ID, keyporter.ClientUse{Agent: "reports/1", Address: "192.0.2.9", Version: "esign 6", LastAt: s.Clock.Now(), Allowed: 7})
	v.follow(v.get("/connections"), page).want(t, 200, "Numbers &amp; Sons", "Acts for you", "7 allowed, 0 refused", "reports 1")
	v.submit(v.follow(v.get(page), page+"/remove?from=page&amp;scope=file.read"), page+"/remove?from=page&amp;scope=file.read").wantRedirect(t, page+"?done=taken")
	v.get(page).want(t, 200, "You removed its permission “file.read”")
	if err := s.Control.SuspendApp(t.Context(), keyporter.Command(), app.ID); err != nil {
		t.Fatal(err)
	}
	v.get(page).want(t, 200, "Why calls are refused now", "The people responsible for the app can resume it.")
	boss := s.signIn(t, olivia)
	boss.get(page+"?list=all").want(t, 200, "Acts for <bdi>ada@acme.example</bdi>", `<a href="/apps/connections">Connections</a>`)
	v.submit(v.follow(v.get(page), page+"/disconnect?from=page"), page+"/disconnect?from=page").wantRedirect(t, "/connections?done=disconnected")
	v.get(page).want(t, 404)
}
