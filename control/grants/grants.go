// Package grants keeps what an authorization server keeps: the requests of apps until they are
// answered, grants with their codes, refresh chains, and access tokens, proofs that were used,
// signing keys, and the registrations that apps make themselves.
//
// Its operations take no actor, because nobody is signed in: what may happen depends on a
// secret that the app presents (a code, a token, a proof), which is checked here, in the
// statement that uses it up. The authorization server must know which app is asking before it
// calls. That is why only the doors oauth and introspection may import this package, and
// control, which reads the requests that its users answer; arch_test.go enforces that. What a
// user decides, such as connecting an app or disconnecting it, belongs to control, with an actor.
//
// As everywhere, a change writes its Event in the same transaction.
package grants

import (
	"cmp"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/seal"
	"github.com/keyporter/keyporter/store"
)

// Grants keeps what apps get. It is safe for concurrent use.
type Grants struct {
	db     *store.DB
	now    func() time.Time
	sealer *seal.Sealer
	lives  Lifetimes
	polls  polls
}

// Options configure Grants. The zero value works.
type Options struct {
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// Sealer seals what the database must not be able to read. Nil: with a key that is lost when this process ends.
	Sealer *seal.Sealer
	// Lifetimes say how long what apps get works.
	Lifetimes Lifetimes
}

// Lifetimes say how long what apps get works. Zero values mean the defaults.
type Lifetimes struct {
	AccessToken time.Duration // default: an hour
	RefreshIdle time.Duration // of a refresh token that isn't used; default: 30 days
	Grant       time.Duration // from the consent on, however often it is refreshed; default: 180 days
}

func (l Lifetimes) withDefaults() Lifetimes {
	const day = 24 * time.Hour
	return Lifetimes{
		AccessToken: cmp.Or(l.AccessToken, time.Hour),
		RefreshIdle: cmp.Or(l.RefreshIdle, 30*day),
		Grant:       cmp.Or(l.Grant, 180*day),
	}
}

// New returns the Grants of a database.
func New(db *store.DB, o Options) *Grants {
	g := &Grants{db: db, now: o.Now, sealer: o.Sealer, lives: o.Lifetimes.withDefaults()}
	if g.now == nil {
		g.now = time.Now
	}
	if g.sealer == nil {
		g.sealer = seal.Temporary()
	}
	return g
}

// Now returns the time on the clock that everything here goes by.
func (g *Grants) Now() time.Time { return g.now() }

// Caller is what we know about the HTTP request in which an app asks for something.
type Caller struct {
	Address   string
	RequestID string
	ArrivedAt time.Time // when its header arrived: it distinguishes an app that races with itself from a thief
}

// event returns an event with what all events here have in common.
func (g *Grants) event(name keyporter.EventName, from Caller) keyporter.Event {
	now, actor := g.now(), keyporter.System()
	actor.Address, actor.RequestID = from.Address, from.RequestID
	return keyporter.Event{ID: keyporter.NewID(now), At: now, Name: name, Actor: actor}
}

// notFound returns the same error for what doesn't exist and for what the app must not know about.
func notFound(what string) error {
	return keyporter.Refuse(keyporter.NotFound, "There is no such "+what+".")
}

// missing replaces a NotFound error with one that names what is missing.
func missing(err error, what string) error {
	if keyporter.KindOf(err) == keyporter.NotFound {
		return notFound(what)
	}
	return err
}

// hashOf returns the hash of a secret, or nil if it is empty.
func hashOf(secret string) *keyporter.SecretHash {
	if secret == "" {
		return nil
	}
	h := keyporter.HashSecret(secret)
	return &h
}

// canBeID reports whether a client_id can be looked up. An app may send anything.
func canBeID(id keyporter.ID) bool {
	return len(id) <= 100 && utf8.ValidString(string(id)) && !strings.ContainsRune(string(id), 0)
}
