// Package grants keeps what an authorization server keeps: the requests of apps on their
// way to an answer, grants with their codes, refresh chains and access tokens, proofs that
// were used, signing keys, and the registrations that apps make themselves.
//
// Its operations take no actor. In a protocol nobody is signed in: what may happen depends
// on a secret that the app shows (a code, a token, a proof), which is checked here, in the
// statement that uses it up. Who the app is, the authorization server has to have found out
// before it calls. That is why only the doors oauth and introspection may import this
// package, beside control, which reads requests that its users answer; arch_test.go holds
// that. What a user decides (to connect an app, to disconnect it) is control's, with an actor.
//
// Like everywhere, a change writes its Event in the same transaction.
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
}

// Options are what Grants can be given beside the database. The zero value works.
type Options struct {
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// Sealer seals what the database must not be able to read. Nil: with a key that ends with this process.
	Sealer *seal.Sealer
	// Lifetimes are how long what apps get works.
	Lifetimes Lifetimes
}

// Lifetimes are how long what apps get works. Zero values are the defaults.
type Lifetimes struct {
	AccessToken time.Duration // default: an hour
	RefreshIdle time.Duration // of a refresh token that isn't used; default: 30 days
	Grant       time.Duration // since the consent, however often it is refreshed; default: 180 days
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
		g.sealer, _ = seal.New(seal.NewKey()) // fails without a key only
	}
	return g
}

// Now returns the time by the clock that everything here is judged by.
func (g *Grants) Now() time.Time { return g.now() }

// Caller is what is known of the HTTP request in which an app asks for something.
type Caller struct {
	Address   string
	RequestID string
	ArrivedAt time.Time // when its header arrived: it tells an app that races with itself from a thief
}

// event fills in what the events of grants have in common.
func (g *Grants) event(name keyporter.EventName, from Caller) keyporter.Event {
	now, actor := g.now(), keyporter.System()
	actor.Address, actor.RequestID = from.Address, from.RequestID
	return keyporter.Event{ID: keyporter.NewID(now), At: now, Name: name, Actor: actor}
}

// notFound says the same of what isn't there and of what the app must not know of.
func notFound(what string) error {
	return keyporter.Refuse(keyporter.NotFound, "There is no such "+what+".")
}

// missing names what a query didn't find.
func missing(err error, what string) error {
	if keyporter.KindOf(err) == keyporter.NotFound {
		return notFound(what)
	}
	return err
}

// hashOf returns the hash of a secret, nil if there is none.
func hashOf(secret string) *keyporter.SecretHash {
	if secret == "" {
		return nil
	}
	h := keyporter.HashSecret(secret)
	return &h
}

// canBeID tells whether a client_id can be looked up: an app may send anything.
func canBeID(id keyporter.ID) bool {
	return len(id) <= 100 && utf8.ValidString(string(id)) && !strings.ContainsRune(string(id), 0)
}
