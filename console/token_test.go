package console_test

import (
	"html"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
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
	"github.com/keyporter/keyporter/web"
)

const ada = "ada@acme.example"

// world is the pages of a node, with ada of Acme.
type world struct {
	*keyportertest.Node

	t   *testing.T
	url string
	ada keyporter.User
	log *strings.Builder
}

func newWorld(t *testing.T, database string) *world {
	t.Helper()
	w := &world{Node: keyportertest.NewNode(t, database), t: t, log: &strings.Builder{}}
	w.ada = keyportertest.User(t, w.Control, "Acme", ada, keyporter.RoleAPIUser)
	log := slog.New(slog.NewTextHandler(w.log, nil))
	s := httptest.NewServer(web.WithRequestID(console.New(console.Config{Control: w.Control, Checker: w.Checker, Log: log, Example: "/api/whoami"})))
	t.Cleanup(s.Close)
	w.url = s.URL
	return w
}

func (w *world) tokens() []keyporter.Token {
	w.t.Helper()
	all, err := w.Control.TokensOf(w.t.Context(), keyporter.Command(), w.ada.ID, keyporter.UserToken, "")
	if err != nil {
		w.t.Fatal(err)
	}
	tokens := make([]keyporter.Token, len(all))
	for i, t := range all {
		tokens[i] = t.Token
	}
	return tokens
}

// reader is somebody with a browser that runs no scripts.
type reader struct {
	*world

	client *http.Client
	header http.Header // sent with each request
	at     string      // the path of the page that is shown
	status int
	page   string
}

func (w *world) reader() *reader {
	jar, err := cookiejar.New(nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return &reader{world: w, client: &http.Client{Jar: jar}, header: http.Header{}}
}

// signedIn is a reader who signed in by the form.
func (w *world) signedIn(login string) *reader {
	w.t.Helper()
	r := w.reader()
	r.get("/sign-in")
	r.submit("/sign-in", "login", login, "password", keyportertest.Password)
	if r.at != "/tokens" || r.status != http.StatusOK {
		w.t.Fatalf("after the sign-in: %d %s", r.status, r.at)
	}
	return r
}

func (r *reader) do(method, path, body string) {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), method, r.url+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header = r.header.Clone()
	if method == http.MethodPost && req.Header.Get("Content-Type") == "" {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	res, err := r.client.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	page, err := io.ReadAll(res.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	r.at, r.status, r.page = res.Request.URL.RequestURI(), res.StatusCode, string(page)
	if got := res.Header.Get("Cache-Control"); got != "no-store" {
		r.t.Errorf("%s %s may be stored: %q", method, path, got)
	}
}

func (r *reader) get(path string) {
	r.t.Helper()
	r.do(http.MethodGet, path, "")
}

func (r *reader) post(path string, fields ...string) {
	r.t.Helper()
	form := url.Values{}
	for pair := range slices.Chunk(fields, 2) {
		form.Set(pair[0], pair[1])
	}
	r.do(http.MethodPost, path, form.Encode())
}

var inputs = regexp.MustCompile(`<input [^>]*name="([^"]*)"[^>]*value="([^"]*)"`)

// submit sends the form of the page that has this action, with what it holds and what the reader changes.
func (r *reader) submit(action string, fields ...string) {
	r.t.Helper()
	_, form, ok := strings.Cut(r.page, `method="post" action="`+action+`"`)
	if !ok {
		r.t.Fatalf("%s has no form that goes to %s:\n%s", r.at, action, r.page)
	}
	form, _, _ = strings.Cut(form, "</form>")
	var all []string
	for _, m := range inputs.FindAllStringSubmatch(form, -1) {
		all = append(all, m[1], html.UnescapeString(m[2]))
	}
	r.post(action, append(all, fields...)...)
}

// follow goes where a link of the page leads.
func (r *reader) follow(path string) {
	r.t.Helper()
	if !strings.Contains(r.page, `href="`+path+`"`) {
		r.t.Fatalf("%s has no link to %s", r.at, path)
	}
	r.get(path)
}

// sees wants the page to be answered with a status and to have these words in it.
func (r *reader) sees(status int, words ...string) {
	r.t.Helper()
	if r.status != status {
		r.t.Errorf("%s: status %d, want %d", r.at, r.status, status)
	}
	for _, w := range words {
		if !strings.Contains(r.page, w) {
			r.t.Errorf("%s doesn't say %q:\n%s", r.at, w, r.page)
		}
	}
}

var secrets = regexp.MustCompile(`kpu_[0-9A-Za-z]{49}`)

// TestATokenWithoutScripts is the first day of a token for who has no JavaScript.
func TestATokenWithoutScripts(t *testing.T) {
	keyportertest.EachDatabase(t, func(t *testing.T, database string) {
		w := newWorld(t, database)
		r := w.signedIn(ada)
		r.sees(200, "No tokens yet", "Switch it on")
		r.follow("/tokens/new")
		r.submit("/tokens", "name", "Billing <b>sync</b>")
		r.sees(201, "Billing &lt;b&gt;sync&lt;/b&gt;", "will not be shown again", "as soon as you switch it on", `aria-checked="false"`)
		secret := secrets.FindString(r.page)
		token := w.tokens()[0]
		path := "/tokens/" + string(token.ID)
		refusedFor := func(want keyporter.Reason) {
			t.Helper()
			if d := w.Checker.Check(t.Context(), &verify.Request{Method: "GET", Host: "localhost", Path: "/Api/v6/authorization/whoami", APIToken: []string{secret}, ClientIP: "192.0.2.7", Agent: "billing-sync/2.4"}); d.Reason != want || d.Allowed != (want == keyporter.Allowed) {
				t.Errorf("allowed %v, %q; want %q", d.Allowed, d.Reason, want)
			}
		}
		refusedFor(keyporter.ReasonDisabled)
		r.submit(path + "/enable")
		r.sees(200, `aria-checked="true"`)
		if r.at != "/tokens" || secrets.MatchString(r.page) {
			t.Errorf("at %s, which may show the token again", r.at)
		}
		refusedFor(keyporter.Allowed)
		r.submit(path + "/disable")
		refusedFor(keyporter.ReasonDisabled)

		r.follow(path + "/rename")
		r.sees(200, `value="Billing &lt;b&gt;sync&lt;/b&gt;"`)
		r.submit(path+"/rename", "name", "Billing")
		r.sees(200, "<bdi>Billing</bdi>")
		r.follow(path + "/expiry")
		day := time.Now().AddDate(0, 0, 3).UTC()
		r.submit(path+"/expiry", "expires", day.Format(time.DateOnly))
		r.sees(200, "Expires after "+day.Format("2 Jan 2006"), "billing-sync 2.4", "1 call in the last 7 days, 2 refused")

		r.follow(path + "/delete")
		r.sees(200, "stops working", "billing-sync 2.4", "1 call, 2 refused", "just now", "from 192.0.2.7 on esign 6", "can’t be undone")
		r.submit(path + "/delete")
		r.sees(200, "No tokens yet")
		refusedFor(keyporter.ReasonUnknown)
		r.submit("/sign-out")
		r.get("/tokens")
		if !strings.HasPrefix(r.at, "/sign-in") {
			t.Errorf("after signing out %s is shown", r.at)
		}
	})
}

func TestTheDialogSaysWhenNothingWillBreak(t *testing.T) {
	w := newWorld(t, keyportertest.SQLite(t))
	token, _ := keyportertest.Token(t, w.Control, w.ada, "Export")
	r := w.signedIn(ada)
	r.follow("/tokens/" + string(token.ID) + "/delete")
	r.sees(200, "Nothing has ever used this token.")
}

func TestNamesThatAreRefused(t *testing.T) {
	keyportertest.EachDatabase(t, func(t *testing.T, database string) {
		w := newWorld(t, database)
		token, _ := keyportertest.Token(t, w.Control, w.ada, "Export")
		other, _ := keyportertest.Token(t, w.Control, w.ada, "Import")
		r := w.signedIn(ada)
		for _, tt := range []struct {
			name   string
			status int
			words  string
		}{
			{"", 422, "Enter a name."},
			{" \t\u00a0 ", 422, "Enter a name."},
			{strings.Repeat("ä", 101), 422, "100 characters at most"},
			{"a\x00b", 422, "control characters"},
			{"a\nb", 422, "control characters"},
			{"\x1b[31mred", 422, "control characters"},
			{"a\u202eb", 422, "invisible characters"},
			{"\xff\xfe", 422, "not text"},
			{"IMPORT", 409, "There is a token of this name already"},
			{" Import ", 409, "There is a token of this name already"},
		} {
			for _, action := range []string{"/tokens", "/tokens/" + string(token.ID) + "/rename"} {
				r.post(action, "name", tt.name)
				r.sees(tt.status, tt.words, `aria-invalid="true"`)
			}
		}
		for _, day := range []string{"2001-01-01", "tomorrow", "2027-02-30", "99999-01-01"} {
			r.post("/tokens/"+string(token.ID)+"/expiry", "expires", day)
			r.sees(422, `aria-invalid="true"`, `value="`+day+`"`)
			r.post("/tokens", "name", "New", "expires", day)
			r.sees(422, `aria-invalid="true"`, `value="New"`)
		}
		if got := w.tokens(); !slices.Equal(got, []keyporter.Token{other, token}) {
			t.Errorf("after all that was refused there are %+v", got)
		}
		r.post("/tokens", "name", strings.Repeat("ä", 100))
		r.sees(201, strings.Repeat("ä", 100))
	})
}

func TestFormsThatCannotBeRead(t *testing.T) {
	w := newWorld(t, keyportertest.SQLite(t))
	r := w.signedIn(ada)
	for _, body := range []string{"name=" + strings.Repeat("x", console.MaxForm), "name=%zz", "name=a;b"} {
		r.do(http.MethodPost, "/tokens", body)
		r.sees(422, "damaged, or is too large", "Nothing was changed")
	}
	if got := w.tokens(); len(got) != 0 {
		t.Errorf("added %+v", got)
	}
}
