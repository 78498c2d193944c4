package esign

import (
	"net/http"
	"strings"
	"testing"
)

// TestOtherUsersThingsDontExist expects another user's ID to get the same answer, byte for byte, as
// an ID that nobody has.
func TestOtherUsersThingsDontExist(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	file := w.upload(ada, "lease.pdf", "%PDF")
	envelope, template := w.send(ada, "Lease"), w.template(ada, "Recipe")
	draft := w.id(w.call(ada, "POST /Api/v6/template/createdraft", `{"TemplateId":"`+template+`"}`))

	for _, tc := range []struct {
		do, body, id string
		want         fault
	}{
		{"GET /Api/v4/envelope/<id>", "", envelope, errNoEnvelope},
		{"GET /Api/v5/envelope/<id>", "", envelope, errNoEnvelope},
		{"GET /Api/v5/envelope/<id>", "", draft, errNoEnvelope},
		{"GET /Api/v5/envelope/<id>", "", template, errNoEnvelope},
		{"GET /Api/v5/envelope/<id>/cancel", "", envelope, errNoEnvelope},
		{"DELETE /Api/v5/envelope/<id>", "", envelope, errNoEnvelope},
		{"DELETE /Api/v5/envelope/<id>", "", template, errNoEnvelope},
		{"GET /Api/v5/envelope/<id>/copyFromTemplate", "", template, errNoTemplate},
		{"POST /Api/v5/envelope/sendFromTemplate", `{"TemplateId":"<id>"}`, template, errNoTemplate},
		{"POST /Api/v5/envelope/createFromTemplate", `{"TemplateId":"<id>"}`, template, errNoTemplate},
		{"POST /Api/v5/draft/send/<id>", "", draft, errNoDraft},
		{"POST /Api/v5/envelope/send", body5("Mine", "<id>"), file, errNoFile},
		{"GET /Api/v6/envelope/<id>", "", envelope, errNoEnvelope},
		{"GET /Api/v6/envelope/<id>/files", "", envelope, errNoEnvelope},
		{"POST /Api/v6/envelope/cancel", `{"EnvelopeId":"<id>"}`, envelope, errNoEnvelope},
		{"POST /Api/v6/envelope/delete", `{"EnvelopeId":"<id>"}`, envelope, errNoEnvelope},
		{"GET /Api/v6/file/<id>", "", file, errNoFile},
		{"POST /Api/v6/envelope/send", body6("Mine", "<id>"), file, errNoFile},
		{"POST /Api/v6/template/create", body6("Mine", "<id>"), file, errNoFile},
		{"GET /Api/v6/template/<id>", "", template, errNoTemplate},
		{"POST /Api/v6/template/createdraft", `{"TemplateId":"<id>"}`, template, errNoTemplate},
		{"POST /Api/v6/draft/send", `{"DraftId":"<id>"}`, draft, errNoDraft},
	} {
		for _, id := range []string{tc.id, unknownID} {
			fill := strings.NewReplacer("<id>", id)
			w.expectFault(grace, fill.Replace(tc.do), fill.Replace(tc.body), tc.want)
		}
	}
	for _, find := range []string{`{}`, `{"SearchText":"Lease"}`, `{"Status":"Active"}`, `{"Limit":1000}`} {
		w.expect(grace, "POST /Api/v5/envelope/find", find, http.StatusOK, `{"Envelopes":[]}`)
		w.expect(grace, "POST /Api/v6/envelope/find", find, http.StatusOK, `{"Envelopes":[]}`)
	}
	w.expect(grace, "POST /Api/v5/envelope/find", `{"Status":"Template"}`, http.StatusOK, `{"Envelopes":[]}`)
	w.expect(grace, "POST /Api/v6/template/find", `{}`, http.StatusOK, `{"Templates":[]}`)

	// None of these calls changed anything.
	w.expect(ada, "POST /Api/v6/envelope/find", `{}`, http.StatusOK, `{"Envelopes":[{"Status":"Active","Id":"`+envelope+`","Name":"Lease"}]}`)
	w.id(w.call(ada, "POST /Api/v6/template/createdraft", `{"TemplateId":"`+template+`"}`))
	w.id(w.call(ada, "POST /Api/v6/draft/send", `{"DraftId":"`+draft+`"}`))
	w.expect(ada, "GET /Api/v6/file/"+file, "", http.StatusOK, "%PDF")
}

func TestEveryRouteNeedsACaller(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	everyRoute(t, func(r route, version, path string) {
		want := http.StatusUnauthorized
		if r.access == anyone {
			want = http.StatusOK
		}
		do := r.method + " /Api" + strings.ReplaceAll(path, "{id}", unknownID)
		for name, change := range map[string]func(http.Header){
			"without a user": func(h http.Header) { h.Del("X-Keyporter-User") },
			"an empty user":  func(h http.Header) { h.Set("X-Keyporter-User", "") },
			"two users":      func(h http.Header) { h.Add("X-Keyporter-User", grace.UserID) },
			"a credential, but no identity": func(h http.Header) {
				h.Del("X-Keyporter-User")
				h.Set("Apitoken", "kpu_forged")
				h.Set("Authorization", "Bearer kpu_forged")
				h.Set("Userloginname", ada.Login)
			},
		} {
			req := w.request(ada, do, "{}")
			change(req.Header)
			status, body := w.do(req)
			if status != want || want == http.StatusUnauthorized && body != "" {
				t.Errorf("%s, %s: got %d %q, want %d", do, name, status, body, want)
			}
		}
	})
}
