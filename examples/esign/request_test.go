package esign

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

func TestPaths(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.send(ada, "Lease")
	for do, want := range map[string]int{
		"GET /Api/v4/version":                                    200,
		"GET /Api/v4.0/version":                                  200,
		"GET /api/V5.0/Version":                                  200,
		"GET /API/V6.0/SYSTEM/VERSION":                           200,
		"GET /api/V5.0/Envelope/" + id:                           200,
		"GET /Api/v6/Envelope/" + strings.ToUpper(id):            200,
		"GET /Api/v5/version?x=y":                                200,
		"GET /Api/v4/user/me":                                    404, // added in version 5
		"GET /Api/v5/system/version":                             404,
		"GET /Api/v6/version":                                    404,
		"GET /Api/v3/version":                                    404,
		"GET /Api/v7/system/version":                             404,
		"GET /Api/v5.1/version":                                  404,
		"GET /Api/v5.0.0/version":                                404,
		"GET /Api/5/version":                                     404,
		"GET /v5/version":                                        404,
		"GET /Api/v5/version/":                                   404,
		"GET /Api/v5//version":                                   404,
		"GET /Api//v5/version":                                   404,
		"GET /Api/v5/x/../version":                               404,
		"GET /Api/v5/versio%6e":                                  404,
		"GET /Api/v5/envelope%2Fsend":                            404,
		"GET /Api/v5":                                            404,
		"GET /Api/":                                              404,
		"GET /":                                                  404,
		"GET /Api/v5/nonsense":                                   404,
		"GET /Api/v5/envelope/send":                              405,
		"GET /Api/v6/envelope/find":                              405,
		"POST /Api/v5/version":                                   405,
		"HEAD /Api/v5/version":                                   405,
		"DELETE /Api/v6/envelope/" + id:                          405,
		"POST /Api/v5/envelope/" + id + "/cancel":                405,
		"PUT /Api/v6/file/upload":                                405,
		"OPTIONS /Api/v6/envelope/send":                          405,
		"GET /Api/v5/envelope/" + id + "/cancel/x":               404,
		"GET /Api/v5/envelope/" + strings.Repeat("9", 10_000):    404,
		"GET /Api/v5/envelope/' OR '1'='1":                       404,
		"GET /Api/v6/file/..%2f..%2fesign.db":                    404,
		"GET /Api/v6/envelope/" + id + "%00":                     404,
		"GET /Api/v6/envelope/" + strings.Repeat("a/", 100):      404,
		"GET /Api/v6/envelope/" + strings.TrimPrefix(id, id[:4]): 404,
	} {
		method, target, _ := strings.Cut(do, " ")
		r := w.request(ada, method+" /", "{}")
		u, err := url.ParseRequestURI(strings.ReplaceAll(target, " ", "%20"))
		if err != nil {
			t.Fatal(err)
		}
		r.URL = u
		if got, body := w.do(r); got != want {
			t.Errorf("%.80s: got %d %s, want %d", do, got, body, want)
		}
	}
}

func TestAWrongMethodGetsAnAllowHeader(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	rec := httptest.NewRecorder()
	w.ServeHTTP(rec, w.request(ada, "PATCH /Api/v5/envelope/"+unknownID, ""))
	if got := rec.Header().Get("Allow"); rec.Code != http.StatusMethodNotAllowed || got != "DELETE, GET" || rec.Body.Len() > 0 {
		t.Errorf("got %d, Allow %q, body %q", rec.Code, got, rec.Body)
	}
}

func TestBadBodies(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	file := w.upload(ada, "a.pdf", "%PDF")
	notJSON := invalid("The body isn't the expected JSON.")
	for _, tc := range []struct {
		do, body string
		want     fault
	}{
		{"POST /Api/v5/envelope/send", ``, notJSON},
		{"POST /Api/v5/envelope/find", `{`, notJSON},
		{"POST /Api/v6/envelope/send", `[]`, notJSON},
		{"POST /Api/v6/envelope/find", `{} {}`, notJSON},
		{"POST /Api/v6/envelope/find", `{"Limit":"ten"}`, notJSON},
		{"POST /Api/v6/envelope/find", `{"StartDate":"yesterday"}`, notJSON},
		{"POST /Api/v6/envelope/find", `{"Limit":-1}`, invalid("Limit must be between 1 and 1000.")},
		{"POST /Api/v6/envelope/find", `{"Limit":1001}`, invalid("Limit must be between 1 and 1000.")},
		{"POST /Api/v6/envelope/find", `{"Status":"Template"}`, invalid("You can't search by this Status.")},
		{"POST /Api/v5/envelope/find", `{"Status":"Lost"}`, invalid("You can't search by this Status.")},
		{"POST /Api/v5/envelope/find", `{"SearchText":"` + strings.Repeat("x", maxBody) + `"}`, errTooLong},
		{"POST /Api/v6/envelope/find", `{"SearchText":"` + strings.Repeat("x", maxBody) + `"}`, errTooLong},
		{"POST /Api/v6/envelope/cancel", `{}`, errNoEnvelope},
		{"POST /Api/v6/draft/send", `{}`, errNoDraft},

		{"POST /Api/v5/envelope/send", `{}`, missing("Name")},
		{"POST /Api/v5/envelope/send", body5(" ", file), missing("Name")},
		{"POST /Api/v5/envelope/send", `{"SendEnvelopeDescription":{"Name":"x"}}`, missing("A document")},
		{"POST /Api/v5/envelope/send", `{"SspFileIds":["` + file + `"],"SendEnvelopeDescription":{"Name":"x"}}`, missing("A recipient")},
		{"POST /Api/v5/envelope/send", strings.Replace(body5("x", file), "Signer", "Automatic", 1), invalid("RecipientType must be Signer, Acknowledge, or Cc.")},
		{"POST /Api/v5/envelope/send", strings.Replace(body5("x", file), "grace@acme.example", "", 1), invalid("Each recipient needs an email address.")},
		{"POST /Api/v6/envelope/send", `{"Name":"x"}`, missing("A document")},
		{"POST /Api/v6/envelope/send", `{"Name":"x","Documents":[{"FileId":"` + file + `"}]}`, missing("A recipient")},
		{"POST /Api/v6/envelope/send", strings.Replace(body6("x", file), `"Sign"`, `"SignAutomatic"`, 1), invalid("The Action of an activity must be Sign, View, or SendCopy.")},
		{"POST /Api/v6/envelope/send", strings.Replace(body6("x", file), `{"Sign"`, `{"View":{},"Sign"`, 1), invalid("The Action of an activity must be Sign, View, or SendCopy.")},
		{
			"POST /Api/v6/envelope/send", strings.Replace(body6("x", file), `"Documents":[`, `"Documents":[`+strings.Repeat(`{"FileId":"`+file+`"},`, maxParts), 1),
			invalid("An envelope has up to 50 documents and 50 recipients."),
		},
		{"POST /Api/v6/template/create", body6("", file), missing("Name")},
	} {
		w.expectFault(ada, tc.do, tc.body, tc.want)
	}
	w.expect(ada, "POST /Api/v6/envelope/find", `{}`, http.StatusOK, `{"Envelopes":[]}`)
}

func TestAnEnvelopeKeepsOrderAndActions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	file := w.upload(ada, "a.pdf", "%PDF")
	id := w.id(w.call(ada, "POST /Api/v5/envelope/send", `{"SspFileIds":["`+file+`","`+file+`"],"SendEnvelopeDescription":{"Name":"x","Steps":[`+
		`{"OrderIndex":3,"RecipientType":"Cc","Recipients":[{"Email":"c@example.com"}]},`+
		`{"OrderIndex":1,"Recipients":[{"Email":"a@example.com"}]},`+
		`{"OrderIndex":2,"RecipientType":"Acknowledge","Recipients":[{"Email":"b@example.com"}]}]}}`))
	status, got := w.call(ada, "GET /Api/v6/envelope/"+id, "")
	const want = `"Activities":[` +
		`{"Action":{"Sign":{"RecipientConfiguration":{"ContactInformation":{"Email":"a@example.com","GivenName":"","Surname":""}}}}},` +
		`{"Action":{"View":{"RecipientConfiguration":{"ContactInformation":{"Email":"b@example.com","GivenName":"","Surname":""}}}}},` +
		`{"Action":{"SendCopy":{"RecipientConfiguration":{"ContactInformation":{"Email":"c@example.com","GivenName":"","Surname":""}}}}}]}`
	if status != http.StatusOK || !strings.HasSuffix(got, want) {
		t.Errorf("got %d %s\nwant it to end in %s", status, got, want)
	}
	// The same file can be in an envelope twice, and is deleted with it.
	w.expect(ada, "DELETE /Api/v5/envelope/"+id, "", http.StatusNoContent, "")
	if n := w.stored(); n != 0 {
		t.Errorf("%d files are left", n)
	}
}

// TestOurErrorsAreLoggedAndNotShown expects an internal error in the log, under the ID that the
// caller gets, and nowhere else.
func TestOurErrorsAreLoggedAndNotShown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if err := w.db.Close(); err != nil {
		t.Fatal(err)
	}
	w.expectFault(ada, "GET /Api/v5/envelope/"+unknownID, "", errOurs)
	w.expectFault(ada, "POST /Api/v6/envelope/find", "{}", errOurs)
	log := w.log.String()
	if n := strings.Count(log, "trace="+traceID); n != 2 || !strings.Contains(log, "database is closed") {
		t.Errorf("logged %q", log)
	}
	for _, header := range []string{ada.UserID, ada.Login, "o-acme", "t-1"} {
		if strings.Contains(log, header) {
			t.Errorf("%q is in the log %q", header, log)
		}
	}
}

func TestAnErrorWithoutARequestIDGetsATraceID(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.request(ada, "GET /Api/v6/envelope/"+unknownID, "")
	r.Header.Del("X-Keyporter-Request-Id")
	status, body := w.do(r)
	_, trace, ok := strings.Cut(strings.TrimSuffix(body, `"}`), `"TraceId":"`)
	if status != http.StatusNotFound || !ok || len(trace) != len(unknownID) {
		t.Errorf("got %d %s", status, body)
	}
}
