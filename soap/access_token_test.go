package soap_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/keyportertest"
)

// TestAnAccessTokenOverSOAP sends one in place of an API token until its grant is revoked.
// A token bound to a key is refused, stolen or not: a message has no place for the proof.
func TestAnAccessTokenOverSOAP(t *testing.T) {
	t.Parallel()
	w := newWorld(t, echo)
	app := w.App(t, keyporter.App{OrganizationID: w.ada.OrganizationID})
	connection := w.Connect(t, w.ada, app)
	access, secret := w.AccessToken(t, connection, keyporter.AccessToken{Scopes: []string{"envelope.read"}})
	call := operation("FindEnvelopes_v1", userToken(secret.Reveal()))
	got := w.call(t, call)
	for name, want := range map[string]string{
		"User": string(w.ada.ID), "Login": w.ada.Login, "Credential-Kind": "access_token", "App": string(app.ID), "Scopes": "envelope.read",
	} {
		if is := got.Header.Get("Got-X-Keyporter-" + name); got.StatusCode != http.StatusOK || is != want {
			t.Errorf("%s: the API got %s %q, want %q", got.Status, name, is, want)
		}
	}
	if strings.Contains(got.body, secret.Reveal()) {
		t.Errorf("the API got %s", got.body)
	}
	w.RevokeGrant(t, connection, access.GrantID)
	if r := w.call(t, call).result(t, "FindEnvelopes_v1"); r.BaseResult != "failed" {
		t.Errorf("after the grant was revoked: %+v", r)
	}

	key := keyportertest.NewProofKey(t)
	_, bound := w.AccessToken(t, connection, keyporter.AccessToken{Scopes: []string{"envelope.read"}, KeyHash: key.Hash()})
	call = operation("FindEnvelopes_v1", userToken(bound.Reveal()))
	proof := "Dpop: " + key.Proof("POST", w.url+"/Api.asmx", bound, time.Now())
	for _, headers := range [][]string{nil, {proof}, {proof, "Authorization: DPoP " + bound.Reveal()}} {
		got := w.call(t, call, headers...)
		if r := got.result(t, "FindEnvelopes_v1"); r.BaseResult != "failed" {
			t.Errorf("bound to a key, with %d headers: %s", len(headers), got.body)
		}
	}
}
