package console_test

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/console"
	"github.com/keyporter/keyporter/keyportertest"
	"github.com/keyporter/keyporter/verify"
)

// tokensOf returns the user tokens of a user, newest first.
func (s *site) tokensOf(t *testing.T, u keyporter.User) []keyporter.Token {
	t.Helper()
	_, all, err := s.Control.TokensOf(t.Context(), keyporter.Command(), u.ID, keyporter.UserToken, "")
	if err != nil {
		t.Fatal(err)
	}
	tokens := make([]keyporter.Token, len(all))
	for i, t := range all {
		tokens[i] = t.Token
	}
	return tokens
}

var secrets = regexp.MustCompile(`kpu_[0-9A-Za-z]{49}`)

// TestManagingATokenWithoutJavaScript follows a token from its creation to its deletion.
func TestManagingATokenWithoutJavaScript(t *testing.T) {
	keyportertest.EachDatabase(t, func(t *testing.T, database string) {
		s := newSiteOn(t, database)
		ada, v := s.ada(t)
		list := func(words ...string) answer {
			t.Helper()
			a := v.get("/tokens")
			a.want(t, 200, words...)
			return a
		}
		to := v.submit(v.follow(list("No tokens yet", "switch it on"), "/tokens/new"), "/tokens", "name", "Billing <b>sync</b>").location
		made := v.get(to)
		made.want(t, 200, "Billing &lt;b&gt;sync&lt;/b&gt;", "the only time you see", "as soon as you switch it on", `aria-checked="false"`)
		made.want(t, 200, "CURLOPT_HTTPHEADER", "curl -i -H &#39;ApiToken: "+secrets.FindString(made.body))
		secret := secrets.FindString(made.body)
		if strings.Contains(to, secret) || secrets.MatchString(v.get(to).body) {
			t.Error("the secret is in the address, or reloading the page shows it again")
		}
		path := "/tokens/" + string(s.tokensOf(t, ada)[0].ID)
		refusedFor := func(want keyporter.Reason) {
			t.Helper()
			if d := s.Checker.Check(t.Context(), &verify.Request{Method: "GET", Host: "localhost", Path: "/Api/v6/authorization/whoami", APIToken: []string{secret}, ClientIP: "192.0.2.7", Agent: "billing-sync/2.4"}); d.Reason != want || d.Allowed != (want == keyporter.Allowed) {
				t.Errorf("allowed %v, %q; want %q", d.Allowed, d.Reason, want)
			}
		}
		refusedFor(keyporter.ReasonDisabled)
		v.submit(made, path+"/enable").wantRedirect(t, "/tokens")
		if secrets.MatchString(list(`aria-checked="true"`).body) {
			t.Error("the token is shown again")
		}
		refusedFor(keyporter.Allowed)
		v.submit(list(), path+"/disable").wantRedirect(t, "/tokens")
		refusedFor(keyporter.ReasonDisabled)

		form := v.follow(list(), path+"/rename")
		form.want(t, 200, `value="Billing &lt;b&gt;sync&lt;/b&gt;"`)
		v.submit(form, path+"/rename", "name", "Billing").wantRedirect(t, "/tokens")
		day := time.Now().AddDate(0, 0, 3).UTC()
		v.submit(v.follow(list("<bdi>Billing</bdi>"), path+"/expiry"), path+"/expiry", "until", "day", "expires", day.Format(time.DateOnly)).wantRedirect(t, "/tokens")

		form = v.follow(list("In 3 days", day.Format("Jan 2, 2006"), "billing-sync 2.4", "1 call in the last 7 days, 2 refused"), path+"/delete")
		form.want(t, 200, "will stop working", "billing-sync 2.4", "1 call, 2 refused", "just now", "from 192.0.2.7 on esign v6", "restore it for seven days")
		v.submit(form, path+"/delete").wantRedirect(t, "/tokens")
		refusedFor(keyporter.ReasonUnknown)
		deleted := v.get("/tokens/deleted")
		deleted.want(t, 200, "<bdi>Billing</bdi>", "until <time")
		v.submit(v.follow(deleted, path+"/restore"), path+"/restore").wantRedirect(t, "/tokens?done=restored")
		refusedFor(keyporter.ReasonDisabled)
		list("<bdi>Billing</bdi>", `aria-checked="false"`, "billing-sync 2.4")
		v.submit(v.get(path+"/delete"), path+"/delete").wantRedirect(t, "/tokens?done=deleted-token")
		v.submit(v.follow(v.get("/tokens/deleted"), path+"/delete-for-good"), path+"/delete-for-good").wantRedirect(t, "/tokens/deleted?done=deleted-for-good")
		v.get("/tokens/deleted").want(t, 200, "Nothing to restore")
		v.post(path+"/restore").want(t, 404)
		v.submit(list("No tokens yet"), "/sign-out").wantRedirect(t, "/sign-in")
		v.get("/tokens").wantRedirect(t, "/sign-in")
	})
}

// TestManagersRestoreTokens restores a token of somebody else, and deletes another for good.
func TestManagersRestoreTokens(t *testing.T) {
	s := newSite(t)
	ada := keyportertest.User(t, s.Control, "Acme", "ada@acme.example", keyporter.RoleAPIUser)
	v := s.signIn(t, keyportertest.User(t, s.Control, "Acme", "olivia@acme.example", keyporter.RoleAdministrator))
	v.get("/all-tokens/deleted").want(t, 200, "Nothing to restore", "anyone deletes")
	export, _ := keyportertest.Token(t, s.Control, ada, "Export")
	archive, _ := keyportertest.Token(t, s.Control, ada, "Archive")
	for _, token := range []keyporter.Token{export, archive} {
		if err := s.Control.DeleteToken(t.Context(), keyporter.Command(), token.ID); err != nil {
			t.Fatal(err)
		}
	}
	deleted := v.follow(v.get("/all-tokens"), "/all-tokens/deleted")
	deleted.want(t, 200, "Export", "Archive", "of <bdi>ada@acme.example</bdi>", `<a href="/all-tokens">All tokens</a>`)
	path := "/tokens/" + string(export.ID) + "/restore?list=everyone"
	form := v.follow(deleted, path)
	form.want(t, 200, `href="/all-tokens/deleted"`)
	again, _ := keyportertest.Token(t, s.Control, ada, "Export")
	form = v.submit(form, path)
	form.want(t, 409, "already has a token with this name", `name="name" value="Export"`)
	restored := v.submit(form, path, "name", "Export 2")
	restored.wantRedirect(t, "/all-tokens?done=restored")
	if err := s.Control.DeleteTokenForGood(t.Context(), keyporter.Command(), again.ID); err != nil {
		t.Fatal(err)
	}
	v.get(restored.location).want(t, 200, "Export", "Restored. It’s off")
	form = v.follow(deleted, "/tokens/"+string(archive.ID)+"/delete-for-good?list=everyone")
	form.want(t, 200, `href="/all-tokens/deleted"`)
	v.submit(form, "/tokens/"+string(archive.ID)+"/delete-for-good?list=everyone").wantRedirect(t, "/all-tokens/deleted?done=deleted-for-good")
	v.get("/all-tokens/deleted").want(t, 200, "Nothing to restore")

	// One that isn't deleted yet leads back to the list it was in, and shared tokens have their own.
	form = v.follow(v.get("/tokens/"+string(export.ID)+"/delete?list="+string(ada.ID)), "/tokens/"+string(export.ID)+"/delete-for-good?list="+string(ada.ID))
	form.want(t, 200, `href="/users/`+string(ada.ID)+`/tokens"`, "refused from then on")
	shared, _ := keyportertest.OrganizationToken(t, s.Control, ada, "Shared")
	v.submit(v.get("/tokens/"+string(shared.ID)+"/delete?list=all"), "/tokens/"+string(shared.ID)+"/delete?list=all").wantRedirect(t, "/organization-tokens?done=deleted-token")
	path = "/tokens/" + string(shared.ID) + "/delete-for-good?list=all"
	v.submit(v.follow(v.follow(v.get("/organization-tokens"), "/organization-tokens/deleted"), path), path).wantRedirect(t, "/organization-tokens/deleted?done=deleted-for-good")

	s.Clock.Advance(keyporter.FreshFor + time.Minute)
	v.get("/tokens/"+string(export.ID)+"/restore?list=everyone").wantRedirect(t, "/sign-in?")
	v.get("/tokens/"+string(export.ID)+"/delete-for-good?list=everyone").wantRedirect(t, "/sign-in?")
	stale := v.post("/tokens/" + string(export.ID) + "/delete-for-good?list=everyone")
	if stale.wantRedirect(t, "/sign-in?"); !strings.HasSuffix(stale.location, "next="+url.QueryEscape("/tokens/"+string(export.ID)+"/delete-for-good?list=everyone")) {
		t.Errorf("after signing in again, it goes on at %s", stale.location)
	}
}

func TestTheDeleteDialogSaysWhenNothingWillBreak(t *testing.T) {
	s := newSite(t)
	ada, v := s.ada(t)
	token, _ := keyportertest.Token(t, s.Control, ada, "Export")
	v.get("/tokens/"+string(token.ID)+"/delete").want(t, 200, "Nothing has ever used this token.")
}

// TestImportedTokensAreShownAsImported shows the ends of one token's secret, and nothing of another that is
// too short for that.
func TestImportedTokensAreShownAsImported(t *testing.T) {
	s := newSite(t)
	ada, v := s.ada(t)
	keyportertest.ImportTokens(t, s.Control, ada, keyporter.UserToken, "<b>-secret-of-another-system-0123456789</b>", "short-secret-0123456789")
	page := v.get("/tokens")
	page.want(t, 200, "<code>&lt;b&gt;-…&lt;/b&gt;</code><span>imported <time", `<p class="facts"><span>imported <time`)
	for _, token := range s.tokensOf(t, ada) {
		v.get("/tokens/"+string(token.ID)+"/explain").want(t, 200, "<code>"+html.EscapeString(token.Shown())+"</code>")
	}
	if strings.Contains(page.body, "added <time") || strings.Contains(page.body, "shor") {
		t.Error("an imported token is shown as one created here, or the page shows too much of its secret")
	}
}

func TestInvalidTokenNamesAndExpiries(t *testing.T) {
	keyportertest.EachDatabase(t, func(t *testing.T, database string) {
		s := newSiteOn(t, database)
		ada, v := s.ada(t)
		token, _ := keyportertest.Token(t, s.Control, ada, "Export")
		other, _ := keyportertest.Token(t, s.Control, ada, "Import")
		for _, tt := range []struct {
			name   string
			status int
			words  string
		}{
			{"", 422, "Enter a name."},
			{" \t\u00a0 ", 422, "Enter a name."},
			{strings.Repeat("ä", 101), 422, "The limit is 100 characters"},
			{"a\x00b", 422, "control characters"},
			{"a\nb", 422, "control characters"},
			{"\x1b[31mred", 422, "control characters"},
			{"a\u202eb", 422, "invisible characters"},
			{"\xff\xfe", 422, "aren’t text"},
			{"IMPORT", 409, "You already have a token with this name"},
			{" Import ", 409, "You already have a token with this name"},
		} {
			for _, action := range []string{"/tokens", "/tokens/" + string(token.ID) + "/rename"} {
				v.post(action, "name", tt.name).want(t, tt.status, tt.words, `aria-invalid="true"`)
			}
		}
		for _, day := range []string{"2001-01-01", "tomorrow", "2027-02-30", "99999-01-01"} {
			v.post("/tokens/"+string(token.ID)+"/expiry", "expires", day).want(t, 422, `aria-invalid="true"`, `value="`+day+`"`)
			v.post("/tokens", "name", "New", "expires", day).want(t, 422, `aria-invalid="true"`, `value="New"`)
		}
		if got := s.tokensOf(t, ada); !slices.Equal(got, []keyporter.Token{other, token}) {
			t.Errorf("after nothing but refused changes, the tokens are %+v", got)
		}
		v.get(v.post("/tokens", "name", strings.Repeat("ä", 100)).location).want(t, 200, strings.Repeat("ä", 100))
	})
}

func TestUnreadableForms(t *testing.T) {
	s := newSite(t)
	ada, v := s.ada(t)
	for _, body := range []string{"name=" + strings.Repeat("x", console.MaxForm), "name=%zz", "name=a;b"} {
		v.send(http.MethodPost, "/tokens", body).want(t, 422, "damaged or too large", "Nothing has changed")
	}
	if got := s.tokensOf(t, ada); len(got) != 0 {
		t.Errorf("added %+v", got)
	}
}
