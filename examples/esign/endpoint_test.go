package esign

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// step is one of Ada's calls. In the path, body, and answer, <name> is an ID, set by the first
// answer that contains it. <time> is any time.
type step struct {
	do     string
	body   string
	status int
	want   string
}

func TestEveryEndpoint(t *testing.T) {
	t.Parallel()
	var called []string
	for version, steps := range map[string][]step{"v4": story5("v4"), "v5": append(story5("v5"), only5()...), "v6": story6()} {
		t.Run(version, func(t *testing.T) {
			w := newWorld(t)
			ids := map[string]string{
				"doc":    w.upload(ada, "lease.pdf", "%PDF lease"),
				"recipe": w.template(ada, "Recipe"),
			}
			for _, s := range steps {
				path := w.follow(ids, s)
				called = append(called, strings.ToLower(path))
			}
		})
	}
	everyRoute(t, func(r route, version, path string) {
		pattern := regexp.MustCompile("^" + strings.ToLower(r.method) + " /api/" + regexp.MustCompile(`\{id\}`).ReplaceAllString(path[1:], "[0-9a-f-]{36}") + "$")
		if !slices.ContainsFunc(called, pattern.MatchString) {
			t.Errorf("no step calls %s %s", r.method, path)
		}
	})
}

func everyRoute(t *testing.T, f func(r route, version, path string)) {
	t.Helper()
	for _, r := range newWorld(t).routes() {
		for _, version := range r.versions {
			f(r, string(version), "/v"+string(version)+"/"+r.path)
		}
	}
}

// follow makes the step's call, checks its answer, and returns the endpoint it called.
func (w *world) follow(ids map[string]string, s step) string {
	w.t.Helper()
	fill := func(text string) string {
		for name, id := range ids {
			text = strings.ReplaceAll(text, "<"+name+">", id)
		}
		return text
	}
	do, want := fill(s.do), regexp.QuoteMeta(fill(s.want))
	want = strings.ReplaceAll(want, "<time>", `20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z`)
	want = regexp.MustCompile(`<(\w+)>`).ReplaceAllString(want, `(?P<$1>[0-9a-f-]{36})`)
	pattern := regexp.MustCompile("^" + want + "$")
	status, answer := w.call(ada, do, fill(s.body))
	found := pattern.FindStringSubmatch(answer)
	if status != s.status || found == nil {
		w.t.Fatalf("%s %s\n got %d %s\nwant %d %s", do, fill(s.body), status, answer, s.status, want)
	}
	for i, name := range pattern.SubexpNames()[1:] {
		ids[name] = found[i+1]
	}
	return do
}

func story5(version string) []step {
	const lease = `{"Status":"InProgress","SendDate":"<time>","Bulks":[{"Status":"InProgress","Id":"<envelope>","Steps":[` +
		`{"Email":"grace@acme.example","FirstName":"Grace","LastName":"G","OrderIndex":1,"RecipientType":"Signer"}]}],` +
		`"Documents":[{"DocRefNumber":1,"FileName":"lease.pdf"}],"Id":"<envelope>","BasicOptions":{"Name":"Lease"}}`
	steps := []step{
		{"GET /Api/v5/version", "", 200, `{"Success":true,"Version":"1.0.0"}`},
		{"GET /Api/v5/authorization", "", 200, ``},
		{"POST /Api/v5/sspfile/uploadtemporary", "", 400, shape("/v5", errEmptyFile)},

		{"POST /Api/v5/envelope/send", body5("Lease", "<doc>"), 200, `{"EnvelopeId":"<envelope>","BulkChildrenIds":[]}`},
		{"GET /Api/v5/envelope/<envelope>", "", 200, lease},
		{"POST /Api/v5/envelope/find", `{"Status":"Active"}`, 200, `{"Envelopes":[{"Status":"InProgress","Id":"<envelope>","Name":"Lease"}]}`},
		{"POST /Api/v5/envelope/find", `{"Status":"InProgress"}`, 200, `{"Envelopes":[{"Status":"InProgress","Id":"<envelope>","Name":"Lease"}]}`},
		{"GET /Api/v5/envelope/<envelope>/cancel", "", 204, ``},
		{"GET /Api/v5/envelope/<envelope>", "", 200, strings.ReplaceAll(lease, "InProgress", "Canceled")},
		{"GET /Api/v5/envelope/<envelope>/cancel", "", 400, shape("/v5", errNotActive)},
		{"DELETE /Api/v5/envelope/<envelope>", "", 204, ``},
		{"GET /Api/v5/envelope/<envelope>", "", 404, shape("/v5", errNoEnvelope)},
		{"DELETE /Api/v5/envelope/<envelope>", "", 404, shape("/v5", errNoEnvelope)},

		{"POST /Api/v5/envelope/find", `{"Status":"Template"}`, 200, `{"Envelopes":[{"Status":"Template","Id":"<recipe>","Name":"Recipe"}]}`},
		{
			"GET /Api/v5/envelope/<recipe>/copyFromTemplate", "", 200, `{"SspFileIds":["<copied>"],"SendEnvelopeDescription":{"Name":"Recipe","Steps":[` +
				`{"OrderIndex":1,"RecipientType":"Signer","Recipients":[{"Email":"grace@acme.example","FirstName":"Grace","LastName":"G"}]}]}}`,
		},
		{"POST /Api/v5/envelope/send", body5("From a copy", "<copied>"), 200, `{"EnvelopeId":"<second>","BulkChildrenIds":[]}`},
		{"POST /Api/v5/envelope/createFromTemplate", `{"TemplateId":"<recipe>"}`, 200, `{"DraftId":"<draft>"}`},
		{
			"GET /Api/v5/envelope/<draft>", "", 200, `{"Status":"Draft","Bulks":[{"Status":"Draft","Id":"<draft>","Steps":[` +
				`{"Email":"grace@acme.example","FirstName":"Grace","LastName":"G","OrderIndex":1,"RecipientType":"Signer"}]}],` +
				`"Documents":[{"DocRefNumber":1,"FileName":"a.pdf"}],"Id":"<draft>","BasicOptions":{"Name":"Recipe"}}`,
		},
		{
			"POST /Api/v5/envelope/sendFromTemplate", `{"TemplateId":"<recipe>","EnvelopeOverrideOptions":{"Name":"Cake","Recipients":[` +
				`{"Email":"grace@acme.example","Recipient":{"Email":"ada@acme.example","FirstName":"Ada","LastName":"A"}}]}}`,
			200, `{"EnvelopeId":"<cake>","BulkChildrenIds":[]}`,
		},
		{
			"GET /Api/v5/envelope/<cake>", "", 200, `{"Status":"InProgress","SendDate":"<time>","Bulks":[{"Status":"InProgress","Id":"<cake>","Steps":[` +
				`{"Email":"ada@acme.example","FirstName":"Ada","LastName":"A","OrderIndex":1,"RecipientType":"Signer"}]}],` +
				`"Documents":[{"DocRefNumber":1,"FileName":"a.pdf"}],"Id":"<cake>","BasicOptions":{"Name":"Cake"}}`,
		},
		{
			"POST /Api/v5/envelope/sendFromTemplate", `{"TemplateId":"<recipe>","EnvelopeOverrideOptions":{"Recipients":[{"Email":"nobody@example.com"}]}}`,
			400, shape("/v5", invalid("The template has no recipient with the Email to replace.")),
		},
		{"POST /Api/v5/envelope/sendFromTemplate", `{"TemplateId":"<cake>"}`, 404, shape("/v5", errNoTemplate)},
		{"GET /Api/v5/envelope/<recipe>/cancel", "", 400, shape("/v5", errNotActive)},
		{"DELETE /Api/v5/envelope/<recipe>", "", 204, ``},
		{"GET /Api/v5/envelope/<recipe>/copyFromTemplate", "", 404, shape("/v5", errNoTemplate)},
	}
	for i := range steps {
		steps[i].do = strings.Replace(steps[i].do, "/v5/", "/"+version+"/", 1)
	}
	return steps
}

func only5() []step {
	return []step{
		{"GET /Api/v5/user/me", "", 200, `{"Id":"u-ada","Email":"ada@acme.example","FirstName":"","LastName":""}`},
		{"POST /Api/v5/draft/send/<draft>", "", 200, `{"EnvelopeId":"<pie>","BulkChildrenIds":[]}`},
		{"POST /Api/v5/draft/send/<draft>", "", 404, shape("/v5", errNoDraft)},
		{
			"POST /Api/v5/envelope/find", `{"SearchText":"recipe"}`, 200,
			`{"Envelopes":[{"Status":"InProgress","Id":"<pie>","Name":"Recipe"}]}`,
		},
	}
}

func story6() []step {
	const activities = `"Activities":[{"Action":{"Sign":{"RecipientConfiguration":{"ContactInformation":{` +
		`"Email":"grace@acme.example","GivenName":"Grace","Surname":"G"}}}}}]`
	return []step{
		{"GET /Api/v6/system/version", "", 200, `{"Version":"1.0.0"}`},
		{"GET /Api/v6/authorization/validate", "", 200, ``},
		{
			"GET /Api/v6/authorization/whoami", "", 200, `{"UserId":"u-ada","Email":"ada@acme.example","GivenName":"","Surname":"",` +
				`"UserName":"ada@acme.example","Sid":"","SamlAssignments":[],"OAuthAssignments":[],"Roles":[]}`,
		},
		{"POST /Api/v6/file/upload", "", 400, shape("/v6", errEmptyFile)},
		{"GET /Api/v6/file/<doc>", "", 200, `%PDF lease`},

		{"POST /Api/v6/envelope/send", body6("Lease", "<doc>"), 200, `{"EnvelopeId":"<envelope>"}`},
		{
			"GET /Api/v6/envelope/<envelope>", "", 200,
			`{"Id":"<envelope>","Name":"Lease","EnvelopeStatus":"Active","SendDate":"<time>",` + activities + `}`,
		},
		{"GET /Api/v6/envelope/<envelope>/files", "", 200, `{"Documents":[{"FileId":"<doc>","FileName":"lease.pdf","DocumentNumber":1}]}`},
		{"POST /Api/v6/envelope/find", `{"Status":"Active"}`, 200, `{"Envelopes":[{"Status":"Active","Id":"<envelope>","Name":"Lease"}]}`},
		{"POST /Api/v6/envelope/cancel", `{"EnvelopeId":"<envelope>"}`, 200, ``},
		{"POST /Api/v6/envelope/find", `{"Status":"InProgress"}`, 400, shape("/v6", invalid("You can't search by this Status."))},
		{"POST /Api/v6/envelope/find", `{"Status":"Canceled"}`, 200, `{"Envelopes":[{"Status":"Canceled","Id":"<envelope>","Name":"Lease"}]}`},
		{"POST /Api/v6/envelope/cancel", `{"EnvelopeId":"<envelope>"}`, 400, shape("/v6", errNotActive)},
		{"POST /Api/v6/envelope/delete", `{"EnvelopeId":"<envelope>"}`, 200, ``},
		{"GET /Api/v6/envelope/<envelope>", "", 404, shape("/v6", errNoEnvelope)},
		{"POST /Api/v6/envelope/cancel", `{"EnvelopeId":"<envelope>"}`, 404, shape("/v6", errNoEnvelope)},
		{"POST /Api/v6/envelope/delete", `{"EnvelopeId":"<envelope>"}`, 404, shape("/v6", errNoEnvelope)},
		{"GET /Api/v6/file/<doc>", "", 404, shape("/v6", errNoFile)},
		{"POST /Api/v6/envelope/find", `{}`, 200, `{"Envelopes":[]}`},

		{"POST /Api/v6/template/find", `{"SearchText":"rec"}`, 200, `{"Templates":[{"Id":"<recipe>","Name":"Recipe","CreationDate":"<time>"}]}`},
		{"GET /Api/v6/template/<recipe>", "", 200, `{"Id":"<recipe>","Name":"Recipe","CreationDate":"<time>",` + activities + `}`},
		{"GET /Api/v6/envelope/<recipe>", "", 404, shape("/v6", errNoEnvelope)},
		{"GET /Api/v6/envelope/<recipe>/files", "", 404, shape("/v6", errNoEnvelope)},
		{"POST /Api/v6/template/createdraft", `{"TemplateId":"<recipe>"}`, 200, `{"DraftId":"<draft>"}`},
		{"GET /Api/v6/template/<draft>", "", 404, shape("/v6", errNoTemplate)},
		{"POST /Api/v6/draft/send", `{"DraftId":"<draft>"}`, 200, `{"Envelope":{"EnvelopeId":"<cake>"}}`},
		{"POST /Api/v6/draft/send", `{"DraftId":"<draft>"}`, 404, shape("/v6", errNoDraft)},
		{"POST /Api/v6/draft/send", `{"DraftId":"<recipe>"}`, 404, shape("/v6", errNoDraft)},
		{"GET /Api/v6/envelope/<cake>/files", "", 200, `{"Documents":[{"FileId":"<baked>","FileName":"a.pdf","DocumentNumber":1}]}`},
		{"POST /Api/v6/template/create", body6("Second", "<baked>"), 200, `{"TemplateId":"<other>"}`},
		{"POST /Api/v6/envelope/delete", `{"EnvelopeId":"<recipe>"}`, 200, ``},
		{"POST /Api/v6/template/createdraft", `{"TemplateId":"<recipe>"}`, 404, shape("/v6", errNoTemplate)},
		{"GET /Api/v6/file/<baked>", "", 200, `%PDF`},
	}
}
