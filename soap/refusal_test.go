package soap_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/keyportertest"
	"github.com/keyporter/keyporter/verify"
)

// TestRefusalsOverSOAPAndRESTHaveTheSameReasons makes each kind of mistake over both, and
// compares the refusals that are kept.
func TestRefusalsOverSOAPAndRESTHaveTheSameReasons(t *testing.T) {
	t.Parallel()
	w := newWorld(t, echo)
	me := keyporter.Command()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	user := func(secret string) verify.Request { return verify.Request{APIToken: []string{secret}} }
	organization := func(logins ...string) verify.Request {
		return verify.Request{OrganizationKey: []string{w.organization}, UserLoginName: logins}
	}
	setRoles := func(u keyporter.User, roles ...keyporter.Role) { keyportertest.SetRoles(t, w.Node, u, roles...) }
	grant, block := func() keyporter.Role { return keyportertest.UseAPI(keyporter.EffectGrant) }, func() keyporter.Role { return keyportertest.UseAPI(keyporter.EffectBlock) }
	for _, c := range []struct {
		is   keyporter.Reason
		call verify.Request
		by   func()
	}{
		{keyporter.ReasonUnknown, user(w.secret[:20]), func() {}},
		{keyporter.ReasonUnknown, user("kpu_" + strings.Repeat("0", 49)), func() {}},
		{keyporter.ReasonNoCredential, user(""), func() {}},
		{keyporter.ReasonNoCredential, verify.Request{UserLoginName: []string{"ada@acme.example"}}, func() {}},
		{keyporter.ReasonAmbiguous, verify.Request{APIToken: []string{w.secret}, OrganizationKey: []string{w.organization}}, func() {}},
		{keyporter.ReasonAmbiguous, verify.Request{APIToken: []string{w.secret, w.organization}}, func() {}},
		{keyporter.ReasonLoginName, verify.Request{APIToken: []string{w.secret}, UserLoginName: []string{w.grace.Login}}, func() {}},
		{keyporter.ReasonNoLoginName, organization(), func() {}},
		{keyporter.ReasonTwoLoginNames, organization(w.ada.Login, w.grace.Login), func() {}},
		{keyporter.ReasonNamedUnknown, organization("nobody@acme.example"), func() {}},
		{keyporter.ReasonNamedNotGranted, organization(w.grace.Login), func() { setRoles(w.grace) }},
		{keyporter.ReasonNamedBlocked, organization(w.grace.Login), func() { setRoles(w.grace, block()) }},
		{keyporter.ReasonNotGranted, user(w.secret), func() { setRoles(w.ada) }},
		{keyporter.ReasonBlocked, user(w.secret), func() { setRoles(w.ada, grant(), block()) }},
		{keyporter.ReasonNoOrganizationTokens, organization(w.grace.Login), func() {
			must(w.Control.WithdrawFlag(t.Context(), me, w.ada.OrganizationID, keyporter.FlagOrganizationAPIToken))
		}},
		{keyporter.ReasonFlag, user(w.secret), func() { must(w.Control.WithdrawFlag(t.Context(), me, w.ada.OrganizationID, keyporter.FlagAPI)) }},
		{keyporter.ReasonExpired, user(w.secret), func() {
			_, err := w.Control.SetTokenExpiry(t.Context(), me, w.token.ID, time.Now().Add(time.Hour))
			must(err)
			w.Clock.Advance(2 * time.Hour)
		}},
		{keyporter.ReasonDisabled, user(w.secret), func() { _, err := w.Control.DisableToken(t.Context(), me, w.token.ID); must(err) }},
	} {
		c.by()
		overREST := c.call
		overREST.Method, overREST.Path, overREST.RequestID = "POST", "/Api/v4/envelope/find", "rest-"+string(c.is)
		if d := w.Checker.Check(t.Context(), &overREST); d.Reason != c.is {
			t.Fatalf("over REST the reason is %q, not %q", d.Reason, c.is)
		}
		got := w.call(t, operation("FindEnvelopes_v1", written(c.call)))
		r := got.result(t, "FindEnvelopes_v1")
		id := got.Header.Get("X-Keyporter-Request-Id")
		code := map[int]string{400: "ERR0011", 401: "ERR0001", 403: "ERR0010"}[c.is.Refusal().Status]
		if got.StatusCode != http.StatusOK || r.BaseResult != "failed" || r.ErrorInfo.Error != code || r.ErrorInfo.ErrorMsg != code+": "+c.is.Refusal().Text ||
			r.ErrorInfo.SupportID == nil || *r.ErrorInfo.SupportID != id || got.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %s %s", c.is, got.Status, got.body)
		}
		w.mustKeepTheSame(t, c.is, overREST.RequestID, id)
	}
}

// written returns the authorization of a call as a client writes it.
func written(req verify.Request) string {
	var all strings.Builder
	for name, values := range map[string][]string{"apiToken": req.APIToken, "organizationKey": req.OrganizationKey, "userLoginName": req.UserLoginName} {
		for _, v := range values {
			fmt.Fprintf(&all, "<%s>%s</%[1]s>", name, v)
		}
	}
	return "<authorization>" + all.String() + "</authorization>"
}

// mustKeepTheSame requires the kept refusals of two calls, given by their request IDs, to be the same.
func (w *world) mustKeepTheSame(t *testing.T, reason keyporter.Reason, rest, soap string) {
	t.Helper()
	if err := w.Usage.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	actor := keyportertest.Session(w.ada)
	a, _, errA := w.Control.Refusal(t.Context(), actor, rest)
	b, _, errB := w.Control.Refusal(t.Context(), actor, soap)
	if keyporter.KindOf(errA) != keyporter.KindOf(errB) {
		t.Errorf("%s: reading the refusal over REST: %v, over SOAP: %v", reason, errA, errB)
		return
	}
	if errA == nil && (a.Reason != reason || b.Reason != a.Reason || b.Cause != a.Cause || b.CredentialID != a.CredentialID || b.LoginName != a.LoginName ||
		b.Method != http.MethodPost || b.Path != "/Api.asmx" || b.Address == "") {
		t.Errorf("%s: over REST %+v, over SOAP %+v", reason, a, b)
	}
}

func TestCallsOverSOAPAreCounted(t *testing.T) {
	t.Parallel()
	w := newWorld(t, echo)
	for range 3 {
		w.call(t, operation("FindEnvelopes_v1", userToken(w.secret)), "User-Agent: archiver/1.0")
	}
	if err := w.Usage.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	got, err := w.Control.TokenWithUse(t.Context(), keyportertest.Session(w.ada), w.token.ID)
	if err != nil || got.Use.Allowed != 3 || got.Use.Refused != 0 {
		t.Errorf("%+v, %v", got.Use, err)
	}
}

func TestWithoutADatabaseNothingIsAllowedOverSOAP(t *testing.T) {
	t.Parallel()
	w := newWorld(t, echo)
	if err := w.DB.Close(); err != nil {
		t.Fatal(err)
	}
	got := w.call(t, operation("FindEnvelopes_v1", userToken(w.secret)))
	if r := got.result(t, "FindEnvelopes_v1"); r.BaseResult != "failed" || got.Header.Get("Retry-After") != "1" {
		t.Errorf("%s %s", got.Status, got.body)
	}
}

func TestAnUnreachableAPI(t *testing.T) {
	t.Parallel()
	w := newWorld(t, echo)
	got := w.send(t, "POST", "/Down.asmx", strings.NewReader(operation("FindEnvelopes_v1", userToken(w.secret))))
	if r := got.result(t, "FindEnvelopes_v1"); got.StatusCode != http.StatusBadGateway || r.BaseResult != "failed" || r.ErrorInfo.SupportID == nil {
		t.Errorf("%s %s", got.Status, got.body)
	}
	if log := w.log.String(); !strings.Contains(log, "can't reach the API") || strings.Contains(log, w.secret) {
		t.Errorf("the log says %s", log)
	}
	if got := w.send(t, "POST", "/None.asmx", strings.NewReader(operation("FindEnvelopes_v1", userToken(w.secret)))); got.StatusCode != http.StatusNotFound {
		t.Errorf("without an upstream: %s", got.Status)
	}
}
