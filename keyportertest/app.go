package keyportertest

import (
	"testing"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/store"
	"github.com/keyporter/keyporter/usage"
)

// Scopes returns the scopes apps can ask for: those of the e-signature example, and of Drive.
func Scopes() []keyporter.Scope {
	return []keyporter.Scope{
		{Name: "envelope.read", Means: "read your envelopes and their documents"},
		{Name: "envelope.send", Means: "send envelopes for signature in your name"},
		{Name: "template.read", Means: "read the templates that you may use"},
		{Name: "file.read", Means: "read your files"},
		{Name: "file.write", Means: "change your files"},
	}
}

// App registers an app as the owner of the machine. The app is active, and belongs to the instance
// unless a has an organization. Fields that a leaves empty are filled in.
func (n *Node) App(t testing.TB, a keyporter.App) keyporter.App {
	t.Helper()
	if a.Name == "" {
		a.Name = "DMS tagging service"
	}
	if a.Publisher == "" {
		a.Publisher = "Tagworks Ltd"
	}
	if a.Authentication == "" {
		a.Authentication = keyporter.AppSecret
	}
	if a.RedirectURIs == nil {
		a.RedirectURIs = []string{"https://app.example/callback"}
	}
	if a.Scopes == nil {
		a.Scopes = []keyporter.AppScope{{Name: "envelope.read"}, {Name: "envelope.send", Optional: true}}
	}
	a, err := n.Control.RegisterApp(t.Context(), keyporter.Command(), a)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// Asks returns scopes for an app to ask for, none of them optional.
func Asks(names ...string) (scopes []keyporter.AppScope) {
	for _, name := range names {
		scopes = append(scopes, keyporter.AppScope{Name: name})
	}
	return scopes
}

// Used counts calls with a credential, as a node does.
func (n *Node) Used(t testing.TB, credential keyporter.ID, uses ...keyporter.ClientUse) {
	t.Helper()
	n.do(t, func(tx *store.Tx) error {
		var all []store.Use
		for _, u := range uses {
			all = append(all, store.Use{CredentialID: credential, ClientUse: u})
		}
		return tx.AddUses(t.Context(), store.Batch{Uses: all})
	})
}

// Refused counts a refused call, as a node does. It isn't written yet.
func (n *Node) Refused(r keyporter.RefusedCall) {
	n.Clock.Advance(time.Millisecond)
	n.Usage.Count(n.Usage.SharedMeter(usage.Credential{ID: r.CredentialID, OrganizationID: r.OrganizationID}), &usage.Call{
		At: n.Clock.Now(), Agent: r.Agent, Address: r.Address,
		Refusal: &usage.Refusal{RequestID: r.RequestID, Reason: r.Reason, Cause: r.Cause, Method: r.Method, Path: r.Path, LoginName: r.LoginName},
	})
}

// Quarantine puts an app into the state of one that registered itself.
func (n *Node) Quarantine(t testing.TB, app keyporter.App) {
	t.Helper()
	n.do(t, func(tx *store.Tx) error {
		_, err := tx.SetAppState(t.Context(), app.ID, keyporter.AppQuarantined)
		return err
	})
}

// Replayed puts a connection into the state it has after a used refresh token is sent again.
func (n *Node) Replayed(t testing.TB, c keyporter.Connection, at time.Time) {
	t.Helper()
	n.do(t, func(tx *store.Tx) error { return tx.SetConnectionReplayed(t.Context(), c.ID, at) })
}
