package keyporter

import "time"

// ActorKind tells by which way a change was asked for.
type ActorKind string

// The kinds of actors.
const (
	ActorSession ActorKind = "session" // a user who is signed in
	ActorCommand ActorKind = "command" // the owner of the machine, by the command line
	ActorSystem  ActorKind = "system"  // Keyporter itself
)

// Actor is who asks for a change or a listing. The zero Actor is nobody and may nothing.
type Actor struct {
	Kind      ActorKind
	User      User   // with ActorSession
	Address   string // where the request came from, empty for ActorCommand
	Agent     string // browser that it came from, with ActorSession
	RequestID string

	SignedInAt time.Time // when he proved last who he is, with ActorSession
}

// Command is the actor behind the command line: who can run it owns the database file anyway.
func Command() Actor { return Actor{Kind: ActorCommand} }

// System is Keyporter itself, as when it makes a user whom an identity provider vouches for.
func System() Actor { return Actor{Kind: ActorSystem} }

// Trusted tells whether the actor stands above the rules of organizations.
func (a *Actor) Trusted() bool { return a.Kind == ActorCommand || a.Kind == ActorSystem }
