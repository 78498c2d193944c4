package console

import (
	"net/http"
	"slices"

	"github.com/keyporter/keyporter"
)

// appKind is what someone registers. The form asks for it first, because the rest usually follows from it.
type appKind struct{ Value, Name, Means string }

func appKinds() []appKind {
	return []appKind{
		{"server", "An app on a server", "People connect it in their browser. It keeps a secret on the server."},
		{"browser", "An app in a browser, on a phone, or on a desktop", "People connect it there. It can’t keep a secret."},
		{"device", "A device without a browser", "It shows a code that people enter here (device grant, RFC 8628)."},
		{"machine", "A machine that acts for itself", "No person connects it. It has a secret, and works where an API accepts that (client credentials)."},
	}
}

// asKind sets what follows from the kind of a new app, except for what the form says itself.
func asKind(a keyporter.App, kind string) keyporter.App {
	if a.Authentication == "" {
		if a.Authentication = keyporter.AppPublic; kind == "server" || kind == "machine" {
			a.Authentication = keyporter.AppSecret
		}
	}
	a.Device = a.Device || kind == "device"
	a.OwnTokens = a.OwnTokens || kind == "machine"
	return a
}

// readKind returns the kind in a form, or "server" if it has none that exists.
func readKind(r *http.Request) string {
	kind := r.PostFormValue("kind")
	if !slices.ContainsFunc(appKinds(), func(k appKind) bool { return k.Value == kind }) {
		return "server"
	}
	return kind
}

// Kinds returns what an app can be, for the form that registers one.
func (p appPage) Kinds() []appKind { return appKinds() }

// Advanced reports whether what is under Advanced needs a look: something there is wrong, or was set.
func (p appPage) Advanced() bool {
	for _, field := range []string{"home_page", "webhook", "authentication", "keys", "own_tokens", "without_pkce", "introspects"} {
		if p.Fault.Fields[field] != "" {
			return true
		}
	}
	return p.ID == "" && p.Explicit
}
