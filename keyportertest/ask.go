package keyportertest

import (
	"crypto/rand"
	"testing"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control/grants"
)

// Authorization is an authorization request of an app.
type Authorization = grants.Authorization

// Ask has an app ask for all of its scopes, as if a browser had sent the request. It returns the
// request's ID, and the value of the browser's cookie.
func (n *Node) Ask(t testing.TB, a keyporter.App, change ...func(*Authorization)) (request, browser string) {
	t.Helper()
	now := n.Clock.Now()
	auth := Authorization{ID: rand.Text(), Browser: rand.Text(), AppID: a.ID, CreatedAt: now, ExpiresAt: now.Add(10 * time.Minute)}
	for _, s := range a.Scopes {
		auth.Asked.Scopes = append(auth.Asked.Scopes, s.Name)
	}
	if len(a.RedirectURIs) > 0 {
		auth.Asked.RedirectURI = a.RedirectURIs[0]
	}
	for _, c := range change {
		c(&auth)
	}
	if err := n.Grants.SaveAuthorization(t.Context(), auth); err != nil {
		t.Fatal(err)
	}
	return auth.ID, auth.Browser
}
