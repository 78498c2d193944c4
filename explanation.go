package keyporter

import "time"

// Explanation is a decision in words for people: every rule that was asked, in order, with
// the cause of its outcome.
type Explanation struct {
	Decision
	Steps []Step // one for each rule that applies to the call; the first one that failed decides
}

// Step is one rule of an explanation.
type Step struct {
	Rule    Rule
	Outcome Outcome // NotAsked if an earlier failure leaves unknown what the rule is about
	Reason  Reason  // why the call would be refused; Allowed unless the rule failed
	Cause   string  // a sentence that gives the reason for the outcome; empty with NotAsked
	About   []Ref   // what Cause mentions, for links
}

// Ref names something a person can look up.
type Ref struct {
	Noun string // token, user, role, flag, organization, app or connection
	ID   ID     // for a flag, its name
	Name string
}

// RoleRefs returns a Ref to each role.
func RoleRefs(roles []Role) []Ref {
	refs := make([]Ref, len(roles))
	for i, r := range roles {
		refs[i] = Ref{Noun: "role", ID: r.ID, Name: r.Name}
	}
	return refs
}

// RefusalLimit is how many refusals are kept for each credential, and for each organization.
const RefusalLimit = 100

// RefusedCall is a refused call with a valid secret, kept so that people can find out why it
// was refused. Calls with an unknown secret belong to nobody and aren't kept.
type RefusedCall struct {
	ID             ID
	RequestID      string // the one the caller saw
	At             time.Time
	OrganizationID ID
	CredentialID   ID // of the token, the connection, or the app that acted for itself
	Reason         Reason
	Cause          string // what led to the reason at that time, such as the roles that block
	Method         string
	Path           string // without the query, which may hold private data
	Version        string // API and version, such as "esign 6"
	LoginName      string // the login name in the call
	Address        string
	Agent          string
}
