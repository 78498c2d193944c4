package console_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/keyportertest"
)

// TestAListOfManyTokens searches, filters, sorts, pages, and changes many at once, without JavaScript.
func TestAListOfManyTokens(t *testing.T) {
	s := newSite(t)
	ada, v := s.ada(t)
	var last keyporter.Token
	for i := range 60 {
		last, _ = keyportertest.Token(t, s.Control, ada, fmt.Sprintf("Export %02d", i))
	}
	odd, _ := keyportertest.Token(t, s.Control, ada, "100 %_' off")
	if _, err := s.Control.DisableToken(t.Context(), keyporter.Command(), odd.ID); err != nil {
		t.Fatal(err)
	}
	v.get("/tokens").want(t, 200, "50 of 61", ">Next →</a>", `Off <span class="count">1</span>`)
	second := v.get("/tokens?sort=name&order=descending")
	second.want(t, 200, `aria-sort="descending"`, "Export 59", `name="order" value="descending"`)
	second.wantNot(t, "data-grows")
	v.get("/tokens?q=export+0").want(t, 200, "10 of 10", "Export 09")
	v.get("/tokens?q="+url.QueryEscape("%_'")).want(t, 200, "1 of 1", "100 %_&#39; off")
	v.get("/tokens?q=nothing").want(t, 200, "No token matches", "Show all")
	v.get("/tokens?state=off").want(t, 200, "1 of 1", "100 %_&#39; off")
	v.get("/tokens?unused=7&expiring=30").want(t, 200, "No token matches")
	for _, query := range []string{"after=nonsense", "state=ghost", "sort=secret", "unused=-1"} {
		v.get("/tokens?"+query).want(t, 422)
	}

	const found = "q=export&sort=name"
	v.get("/tokens?"+found).want(t, 200, `name="query" value="q=export&amp;sort=name"`)
	page := v.post("/tokens/selected", "action", "disable", "query", found, "token", string(last.ID), "token", string(odd.ID), "token", "gone")
	page.want(t, 200, `href="/tokens?q=export&amp;sort=name"`, "Switch 2 tokens off?", "One of the selected tokens no longer exists", "Export 59", "Nothing called with them in the last 30 days")
	if err := s.Control.DeleteToken(t.Context(), keyporter.Command(), odd.ID); err != nil {
		t.Fatal(err)
	}
	done := v.submit(page, "/tokens/change")
	done.wantRedirect(t, "/tokens?done=bulk-disable")
	changed := v.get(done.location)
	changed.want(t, 200, "“Export 59” was switched off. Calls are now refused. 1 token no longer existed.", `value="export"`)
	undone := v.submit(changed, "/tokens/change")
	v.get(undone.location).want(t, 200, "“Export 59” was switched on.", `value="export"`)
	if all := s.tokensOf(t, ada); !all[0].Enabled || all[0].ID != last.ID {
		t.Errorf("Undo has changed %+v", all[0])
	}
	v.get(v.submit(changed, "/tokens/change").location).want(t, 200, "No token was switched on. 1 token needed no change.")
	v.post("/tokens/change", "action", "enable", "query", "a\nb#c&q=x&done=y", "token", string(last.ID)).wantRedirect(t, "/tokens?done=bulk-enable&")
	v.get(v.post("/tokens/change", "action", "enable", "list", "everyone", "query", "//evil.example/?x", "token", "gone").location).want(t, 403)
	wrong := v.post("/tokens/change", "action", "expiry", "token", string(last.ID), "expires", "2001-01-01")
	wrong.want(t, 422, "must be in the future", `aria-invalid="true"`)
	done = v.submit(v.post("/tokens/selected", "action", "delete", "token", string(last.ID)), "/tokens/change")
	done.wantRedirect(t, "/tokens?done=bulk-delete")
	v.get("/tokens/deleted").want(t, 200, "Export 59")
	v.get(done.location).want(t, 200, "“Export 59” was deleted. You can restore")
	// Links can't say that something was done: not with other numbers, on another page, or to somebody else.
	grace := s.signIn(t, keyportertest.User(t, s.Control, "Acme", "grace@acme.example", keyporter.RoleAPIUser))
	for _, a := range []answer{
		v.get(strings.Replace(done.location, "&n=1", "&n=999", 1)), v.get(done.location + "&token=gone"), v.get(strings.Replace(done.location, "/tokens", "/connections", 1)),
		v.get("/tokens?done=bulk-delete&n=999"), v.get("/tokens?done=deleted"), grace.get(done.location),
	} {
		a.want(t, 200)
		a.wantNot(t, "deleted.", "Deleted.", `class="done"`)
	}
}

// TestNamesOfEveryKind looks at a list whose names are as wide, as long, and as odd as they may be.
func TestNamesOfEveryKind(t *testing.T) {
	s := newSite(t)
	ada, _ := s.ada(t)
	admin := keyportertest.User(t, s.Control, "Acme", "olivia@acme.example", keyporter.RoleAdministrator)
	for _, name := range []string{strings.Repeat("W", 100), strings.Repeat("🧾", 100), "شحن الفواتير إلى الأرشيف", "<b>bold</b> & \"quoted\"", "Export"} {
		keyportertest.Token(t, s.Control, ada, name)
	}
	b := s.openBrowser(t, ada)
	b.Look("tokens-names")
	b.Click(".check [data-all]")
	wantText(t, b, ".bulk", "5 selected")
	b.Look("tokens-selected")
	b.Click(".bulk [value=delete]")
	b.Wait("document.querySelector('form .effects')")
	b.Look("tokens-selected-delete")
	b.Open(s.url + "/tokens?q=nothing")
	b.Look("tokens-no-match")
	ob := s.openBrowser(t, admin)
	ob.Open(s.url + "/all-tokens")
	wantText(t, ob, "main", "of ada@acme.example", "5 of 5")
	ob.Look("all-tokens")
	if err := s.Control.DeleteToken(t.Context(), keyporter.Command(), s.tokensOf(t, ada)[1].ID); err != nil {
		t.Fatal(err)
	}
	ob.Click("a[href='/all-tokens/deleted']")
	wantText(t, ob, "main", "of ada@acme.example", "Restore…")
	ob.Look("all-tokens-deleted")

	wide := strings.Repeat("W", 100)
	app := s.App(t, keyporter.App{Name: wide, Publisher: wide, OrganizationID: admin.OrganizationID})
	s.Refused(keyporter.RefusedCall{
		CredentialID: app.ID, OrganizationID: admin.OrganizationID, Reason: keyporter.ReasonScope, Cause: wide,
		Method: "GET", Path: "/" + strings.Repeat(wide, 3), Agent: wide, Address: "2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff", LoginName: wide + "@acme.example", RequestID: "r1",
	})
	ob.Open(s.url + "/apps")
	ob.Look("apps-names")
	ob.Open(s.url + "/all-refusals")
	wantText(t, ob, "main", "1 of 1")
	ob.Look("refusals-names")
	ob.Open(s.url + "/users?q=" + wide + wide)
	ob.Look("users-no-match")
}
