package esign

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The users of the tests, as the gateway identifies them.
var (
	ada   = Caller{UserID: "u-ada", Login: "ada@acme.example"}
	grace = Caller{UserID: "u-grace", Login: "grace@acme.example"}
)

const (
	traceID   = "req-1"
	unknownID = "00000000-0000-0000-0000-000000000000"
)

// world is a service on a new database, and what it logged.
type world struct {
	*Service

	t    *testing.T
	path string
	log  bytes.Buffer
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, path: filepath.Join(t.TempDir(), "esign.db")}
	w.open()
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

func (w *world) open() {
	w.t.Helper()
	s, err := Open(w.t.Context(), w.path)
	if err != nil {
		w.t.Fatal(err)
	}
	s.log = slog.New(slog.NewTextHandler(&w.log, nil))
	w.Service = s
}

// request returns a call as it comes from the gateway.
func (w *world) request(c Caller, do, body string) *http.Request {
	w.t.Helper()
	method, path, _ := strings.Cut(do, " ")
	r := httptest.NewRequestWithContext(w.t.Context(), method, path, strings.NewReader(body))
	r.Header.Set("X-Keyporter-Request-Id", traceID)
	if c.UserID != "" {
		r.Header.Set("X-Keyporter-User", c.UserID)
		r.Header.Set("X-Keyporter-Login", c.Login)
		r.Header.Set("X-Keyporter-Organization", "o-acme")
		r.Header.Set("X-Keyporter-Credential", "t-1")
		r.Header.Set("X-Keyporter-Credential-Kind", "user_token")
	}
	return r
}

func (w *world) do(r *http.Request) (status int, body string) {
	w.t.Helper()
	rec := httptest.NewRecorder()
	w.ServeHTTP(rec, r)
	res := rec.Result()
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	if len(text) > 0 && text[0] == '{' && res.Header.Get("Content-Type") != "application/json; charset=utf-8" {
		w.t.Errorf("%s %s: JSON with Content-Type %q", r.Method, r.URL, res.Header.Get("Content-Type"))
	}
	return res.StatusCode, string(text)
}

func (w *world) call(c Caller, do, body string) (status int, answer string) {
	w.t.Helper()
	return w.do(w.request(c, do, body))
}

// expect fails the test unless the call gets this answer.
func (w *world) expect(c Caller, do, body string, status int, want string) {
	w.t.Helper()
	if got, answer := w.call(c, do, body); got != status || answer != want {
		w.t.Errorf("%s %s\n got %d %s\nwant %d %s", do, body, got, answer, status, want)
	}
}

// expectFault is expect for an error, in the format of the path's version.
func (w *world) expectFault(c Caller, do, body string, f fault) {
	w.t.Helper()
	w.expect(c, do, body, f.status, shape(do, f))
}

func shape(do string, f fault) string {
	if strings.Contains(strings.ToLower(do), "/v6") {
		return `{"ErrorId":"` + f.id + `","Message":"` + f.id + ` - ` + f.text + `","TraceId":"` + traceID + `"}`
	}
	return `{"ErrorId":"` + f.id + `","Message":"` + f.id + `: ` + f.text + `","SupportId":"` + traceID + `"}`
}

// upload stores a file for c and returns its ID.
func (w *world) upload(c Caller, name, content string) string {
	w.t.Helper()
	r := w.request(c, "POST /Api/v6/file/upload", content)
	r.Header.Set("Content-Disposition", "attachment; filename="+name)
	return w.id(w.do(r))
}

// send sends an envelope for c and returns its ID.
func (w *world) send(c Caller, name string) string {
	w.t.Helper()
	return w.id(w.call(c, "POST /Api/v6/envelope/send", body6(name, w.upload(c, "a.pdf", "%PDF"))))
}

// template creates a template for c and returns its ID.
func (w *world) template(c Caller, name string) string {
	w.t.Helper()
	return w.id(w.call(c, "POST /Api/v6/template/create", body6(name, w.upload(c, "a.pdf", "%PDF"))))
}

// id returns the only ID in an answer.
func (w *world) id(status int, answer string) string {
	w.t.Helper()
	id := regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}`).FindString(answer)
	if status != http.StatusOK || id == "" {
		w.t.Fatalf("no id in %d %s", status, answer)
	}
	return id
}

// stored returns the number of files on disk.
func (w *world) stored() int {
	w.t.Helper()
	files, err := os.ReadDir(w.path + ".files")
	if err != nil {
		w.t.Fatal(err)
	}
	return len(files)
}

func body6(name, fileID string) string {
	return `{"Name":"` + name + `","Documents":[{"FileId":"` + fileID + `","DocumentNumber":1}],` +
		`"Activities":[{"Action":{"Sign":{"RecipientConfiguration":{"ContactInformation":{` +
		`"Email":"grace@acme.example","GivenName":"Grace","Surname":"G","LanguageCode":"EN"}}}}}]}`
}

func body5(name, fileID string) string {
	return `{"SspFileIds":["` + fileID + `"],"SendEnvelopeDescription":{"Name":"` + name + `","EnableReminders":true,` +
		`"Steps":[{"OrderIndex":1,"RecipientType":"Signer","Recipients":[` +
		`{"Email":"grace@acme.example","FirstName":"Grace","LastName":"G","LanguageCode":"en"}]}]}}`
}
