package keyportertest

import "github.com/keyporter/keyporter"

// Scopes are those of the e-signature example, which apps may ask for.
func Scopes() []keyporter.Scope {
	return []keyporter.Scope{
		{Name: "envelope.read", Means: "read your envelopes and their documents"},
		{Name: "envelope.send", Means: "send envelopes for signature in your name"},
		{Name: "template.read", Means: "read the templates that you may use"},
	}
}
