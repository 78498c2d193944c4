// Package control is where everything changes and everything is listed.
//
// Each operation first asks whether the actor may, then checks the input, then makes the
// change and writes its Event in one transaction. Doors have no other way to change state,
// so none of them can forget the permission check or the event. How a change is requested
// (form, REST, command line) and what an error looks like is up to the door.
package control

import (
	"context"
	"slices"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control/grants"
	"github.com/keyporter/keyporter/seal"
	"github.com/keyporter/keyporter/store"
	"github.com/keyporter/keyporter/usage"
	"github.com/keyporter/keyporter/verify"
)

// Control makes changes. It is safe for concurrent use.
type Control struct {
	db       *store.DB
	now      func() time.Time
	usage    *usage.Usage
	checker  *verify.Checker // nil: calls can't be explained
	hashes   *hashQueue
	ceilings Ceilings
	images   chan struct{} // one slot: pictures are processed one at a time
	sealer   *seal.Sealer

	passwordCost PasswordCost

	lasting bool // the sealer's key outlives this process
	scopes  []keyporter.Scope
	grants  *grants.Grants // reads the requests of apps
}

// Options are what a Control can be given besides the database. The zero value works.
type Options struct {
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// Usage has the counts of calls that this process hasn't written yet. Nil: it counts
	// none.
	Usage *usage.Usage
	// Checker explains calls. Nil: Explain and ExplainCall return an error.
	Checker *verify.Checker
	// Sealer seals what the database must not be able to read. Nil: a key that ends with this
	// process.
	Sealer *seal.Sealer
	// Scopes are those that the operator configured.
	Scopes []keyporter.Scope
	// Grants reads the requests of apps that users answer. Nil: one over this database, with
	// the same clock and sealer.
	Grants *grants.Grants
	// PasswordCost is what new password hashes cost. Zero: see PasswordCost.
	PasswordCost PasswordCost
	// Ceilings are numbers beyond which there are no more. Zero: see Ceilings.
	Ceilings Ceilings
}

// New returns a Control over db.
func New(db *store.DB, o Options) *Control {
	c := &Control{
		db: db, now: o.Now, usage: o.Usage, checker: o.Checker, sealer: o.Sealer, scopes: o.Scopes, grants: o.Grants,
		hashes: newHashQueue(), images: make(chan struct{}, 1), passwordCost: o.PasswordCost.orDefault(), ceilings: o.Ceilings.orDefault(),
	}
	if c.now == nil {
		c.now = time.Now
	}
	if c.lasting = c.sealer != nil; !c.lasting {
		c.sealer = seal.Temporary()
	}
	if c.grants == nil {
		c.grants = grants.New(db, grants.Options{Now: c.now, Sealer: c.sealer})
	}
	if c.usage == nil {
		c.usage = usage.New(db, c.now)
	}
	return c
}

// requireLastingKey requires that later processes, too, can open what is sealed now.
func (c *Control) requireLastingKey() error {
	if c.lasting {
		return nil
	}
	return keyporter.Refuse(keyporter.Conflict, "There is no key to encrypt this with. Set key_file in this Keyporter’s configuration first.")
}

// Prune deletes what has expired. Any node calls it now and then, as keyporter.System.
func (c *Control) Prune(ctx context.Context, actor keyporter.Actor) error {
	if err := mustBeTrusted(actor); err != nil {
		return err
	}
	return c.db.Prune(ctx, c.now())
}

// event fills in what all events have.
func (c *Control) event(name keyporter.EventName, actor keyporter.Actor) keyporter.Event {
	now := c.now()
	return keyporter.Event{ID: keyporter.NewID(now), At: now, Name: name, Actor: actor}
}

// locked runs f in a transaction and keeps others from changing what users of the
// organization, and of the actor's own, hold at the same time. It returns NotFound if the
// organization doesn't exist.
func (c *Control) locked(ctx context.Context, actor keyporter.Actor, organization keyporter.ID, f func(*store.Tx) error) error {
	all := []keyporter.ID{organization}
	if actor.User.Operator {
		all = distinct(append(all, actor.User.OrganizationID)) // sorted, so that two transactions that lock the same two never deadlock
	}
	return c.db.Do(ctx, func(tx *store.Tx) error {
		for _, id := range all {
			if err := tx.LockOrganization(ctx, id); err != nil {
				return missing(err, "organization")
			}
		}
		return f(tx)
	})
}

// asOperator is locked for what operators do. It checks that the actor is an operator before
// taking the lock, and again once nobody can dismiss them anymore.
func (c *Control) asOperator(ctx context.Context, actor keyporter.Actor, organization keyporter.ID, f func(*store.Tx) error) error {
	if err := mayOperate(ctx, c.db, actor); err != nil {
		return err
	}
	return c.locked(ctx, actor, organization, func(tx *store.Tx) error {
		if err := mayOperate(ctx, tx, actor); err != nil {
			return err
		}
		return f(tx)
	})
}

// missing says what wasn't found, in the same words whether it doesn't exist or isn't the
// actor's.
func missing(err error, what string) error {
	if keyporter.KindOf(err) == keyporter.NotFound {
		return notFound(what)
	}
	return err
}

// distinct returns the IDs sorted, each once.
func distinct(ids []keyporter.ID) []keyporter.ID {
	ids = slices.Clone(ids)
	slices.Sort(ids)
	return slices.Compact(ids)
}

func notFound(what string) error {
	return keyporter.Refuse(keyporter.NotFound, "There is no such "+what+".")
}
