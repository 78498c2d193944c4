package keyportertest

import (
	"testing"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/store"
)

// Scopes are those of the e-signature example, which apps may ask for.
func Scopes() []keyporter.Scope {
	return []keyporter.Scope{
		{Name: "envelope.read", Means: "read your envelopes and their documents"},
		{Name: "envelope.send", Means: "send envelopes for signature in your name"},
		{Name: "template.read", Means: "read the templates that you may use"},
	}
}

// App registers an app as the machine's owner: active, of the instance unless a has an
// organization, with what a leaves empty filled in.
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

// Connect writes a connection of a user with an app, as if he had allowed these scopes
// (none: all of the app's).
func (n *Node) Connect(t testing.TB, u keyporter.User, a keyporter.App, scopes ...string) keyporter.Connection {
	t.Helper()
	if len(scopes) == 0 {
		for _, s := range a.Scopes {
			scopes = append(scopes, s.Name)
		}
	}
	now := n.Clock.Now()
	c := keyporter.Connection{
		ID: keyporter.NewID(now), UserID: u.ID, OrganizationID: u.OrganizationID, AppID: a.ID, Scopes: scopes,
		CreatedAt: now, Address: "192.0.2.44", Agent: "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36",
	}
	err := n.DB.Do(t.Context(), func(tx *store.Tx) (err error) {
		if c, err = tx.PutConnection(t.Context(), c); err != nil {
			return err
		}
		return tx.InsertEvent(t.Context(), keyporter.Event{
			ID: keyporter.NewID(now), At: now, Name: keyporter.EventConnectionCreate, Actor: Session(u),
			OrganizationID: u.OrganizationID, UserID: u.ID, AppID: a.ID, ConnectionID: c.ID,
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}
