package keyporter

import (
	"slices"
	"time"
)

// ActorKind tells in which way somebody asks for a change or a listing.
type ActorKind string

// The kinds of actors.
const (
	ActorSession    ActorKind = "session"    // a user who is signed in
	ActorCredential ActorKind = "credential" // a program, with a credential of a user's
	ActorCommand    ActorKind = "command"    // the owner of the machine, on the command line
	ActorSystem     ActorKind = "system"     // Keyporter itself
)

// Actor is who asks for a change or a listing. Without a kind it is
// nobody, who may sign in and do nothing else. What users may do by their roles isn't in here: that is read anew for each
// operation, in its transaction.
type Actor struct {
	Kind      ActorKind
	User      User   // who is signed in, or whose credential it is
	Address   string // where the request came from, empty for ActorCommand
	Agent     string // the browser or program that it came from
	RequestID string

	SignedInAt   time.Time // when they last proved who they are, for ActorSession; zero: unknown
	CredentialID ID        // for ActorCredential
	Rights       Rights    // for ActorCredential
}

// Session is a user who has signed in, and proved at that time who they are.
func Session(u User, signedInAt time.Time) Actor {
	return Actor{Kind: ActorSession, User: u, SignedInAt: signedInAt}
}

// From is the actor, coming from where another one comes from.
func (a Actor) From(b Actor) Actor {
	a.Address, a.Agent, a.RequestID = b.Address, b.Agent, b.RequestID
	return a
}

// Command is the actor behind the command line: whoever can run it owns the database file anyway.
func Command() Actor { return Actor{Kind: ActorCommand} }

// System is Keyporter itself, as when it adds a user whom an identity provider vouches for.
func System() Actor { return Actor{Kind: ActorSystem} }

// Trusted tells whether the actor stands above the rules of organizations.
func (a *Actor) Trusted() bool { return a.Kind == ActorCommand || a.Kind == ActorSystem }

// SignedIn tells whether a user acts in person. Only they see and do what is theirs alone:
// to consent, to add a token for themselves, to run the instance.
func (a *Actor) SignedIn() bool { return a.Kind == ActorSession }

// Is tells whether the user acts in person.
func (a *Actor) Is(user ID) bool { return a.SignedIn() && user != "" && a.User.ID == user }

// FreshFor is for how long a sign-in counts as fresh.
const FreshFor = 10 * time.Minute

// Fresh tells whether the actor has just proved who they are, as is asked before a secret is
// shown that opens more than their own data. The machine's owner needn't.
func (a *Actor) Fresh(now time.Time) bool {
	return a.Trusted() || a.SignedIn() && now.Sub(a.SignedInAt) < FreshFor
}

// Can tells whether the way in which the actor asks leaves room for what a permission
// permits. A credential can do what it was given, and no more than its user may.
func (a *Actor) Can(p Permission) bool {
	return a.Trusted() || a.SignedIn() || a.Kind == ActorCredential && slices.Contains(a.Rights.Management, p)
}
