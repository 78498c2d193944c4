package keyporter

import (
	"slices"
	"time"
)

// ActorKind says how an actor reached Keyporter.
type ActorKind string

// The kinds of actors.
const (
	ActorSession    ActorKind = "session"    // a signed-in user
	ActorCredential ActorKind = "credential" // a program with a user's credential
	ActorCommand    ActorKind = "command"    // the owner of the machine, on the command line
	ActorSystem     ActorKind = "system"     // Keyporter itself
)

// Actor is whoever asks for a change or a listing. An Actor without a kind is nobody: it may sign in
// and do nothing else. An Actor doesn't hold the permissions from the user's roles. Each
// operation reads those again, in its own transaction.
type Actor struct {
	Kind      ActorKind
	User      User   // the signed-in user, or the credential's owner
	Address   string // where the request came from, empty for ActorCommand
	Agent     string // the browser or program that sent it
	RequestID string

	SignedInAt   time.Time // when they last proved who they are, for ActorSession; zero: unknown
	CredentialID ID        // for ActorCredential
	Rights       Rights    // for ActorCredential
}

// Session returns the actor for a signed-in user. They last proved who they are at signedInAt.
func Session(u User, signedInAt time.Time) Actor {
	return Actor{Kind: ActorSession, User: u, SignedInAt: signedInAt}
}

// From returns the actor with b's address, agent and request ID, for an actor whose request
// came with b's.
func (a Actor) From(b Actor) Actor {
	a.Address, a.Agent, a.RequestID = b.Address, b.Agent, b.RequestID
	return a
}

// Command returns the actor of the command line. Whoever can run it owns the database file anyway.
func Command() Actor { return Actor{Kind: ActorCommand} }

// System returns Keyporter itself as the actor, such as when it adds a user an identity provider vouches for.
func System() Actor { return Actor{Kind: ActorSystem} }

// Trusted reports whether the rules of organizations don't bind the actor.
func (a *Actor) Trusted() bool { return a.Kind == ActorCommand || a.Kind == ActorSystem }

// SignedIn reports whether a user acts in person. Some things take a person: giving consent,
// adding a token for themselves, running the instance.
func (a *Actor) SignedIn() bool { return a.Kind == ActorSession }

// Is reports whether the actor is this user, acting in person.
func (a *Actor) Is(user ID) bool { return a.SignedIn() && user != "" && a.User.ID == user }

// FreshFor is how long a sign-in counts as fresh.
const FreshFor = 10 * time.Minute

// Fresh reports whether the actor has just proved who they are. That is required before showing
// a secret that opens more than their own data, and for whatever gives power or changes how someone
// signs in. The owner of the machine is always fresh.
func (a *Actor) Fresh(now time.Time) bool {
	return a.Trusted() || a.SignedIn() && now.Sub(a.SignedInAt) < FreshFor
}

// Can reports whether this kind of actor may use the permission at all. A credential can
// only use the permissions it was given. Can doesn't say whether the user holds p.
func (a *Actor) Can(p Permission) bool {
	return a.Trusted() || a.SignedIn() || a.Kind == ActorCredential && slices.Contains(a.Rights.Management, p)
}
