package keyporter

import "time"

// Explanation is a decision told to people: every rule that was asked, in order, and
// what its answer rests on.
type Explanation struct {
	Decision
	Steps []Step // of the rules that concern the call; those after the one that said no are NotAsked
}

// Step is one rule of an explanation.
type Step struct {
	Rule    Rule
	Outcome Outcome
	Cause   string // a sentence that says what the outcome rests on; empty with NotAsked
	About   []Ref  // what the cause names, for links
}

// Ref names something that a person can look at.
type Ref struct {
	Noun string // token, user, role, flag, organization, app or connection
	ID   ID     // of a flag: its name
	Name string
}

// RoleRefs are the refs of roles.
func RoleRefs(roles []Role) []Ref {
	refs := make([]Ref, len(roles))
	for i, r := range roles {
		refs[i] = Ref{Noun: "role", ID: r.ID, Name: r.Name}
	}
	return refs
}

// RefusalLimit is how many refusals are kept of each credential, and of each organization.
const RefusalLimit = 100

// RefusedCall is a call with a good secret that was refused, as it is kept for those
// who have to find out why. Calls with an unknown secret are nobody's and not kept.
type RefusedCall struct {
	RequestID      string // as the caller was told
	At             time.Time
	OrganizationID ID
	CredentialID   ID // token, connection, or app that acted for itself
	Reason         Reason
	Cause          string // what the reason rests on, such as the roles that block, as it was then
	Method         string
	Path           string // without the query, which may hold what is nobody's business
	Version        string // API and version, such as "esign 6"
	LoginName      string // the login name in the call
	Address        string
	Agent          string
}
