package control

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/store"
)

// MaxChanged is how many tokens can be changed at once.
const MaxChanged = 1000

// TokenAction is what can be done to many tokens at once.
type TokenAction string

// The actions.
const (
	EnableTokens    TokenAction = "enable"
	DisableTokens   TokenAction = "disable"
	SetTokensExpiry TokenAction = "expiry"
	DeleteTokens    TokenAction = "delete" // RestoreToken brings each back
)

// TokenChange is the change that ChangeTokens makes to each token.
type TokenChange struct {
	Action    TokenAction
	ExpiresAt time.Time // for SetTokensExpiry; zero: never
}

// ChangedTokens says what ChangeTokens did to which tokens, sorted by ID. Each ID is in one of the lists, once.
type ChangedTokens struct {
	Done      []keyporter.ID
	Unchanged []keyporter.ID // they were like that already
	Missing   []keyporter.ID // they don't exist, as far as the actor can tell
}

// ChangeTokens makes the same change to up to MaxChanged tokens, in one transaction, with an event for each. Tokens
// that don't exist or that the actor may not manage are no error.
func (c *Control) ChangeTokens(ctx context.Context, actor keyporter.Actor, ids []keyporter.ID, change TokenChange) (done ChangedTokens, err error) {
	event, refused := c.bulkEvent(change)
	if err := c.mayAsk(ctx, actor, keyporter.JoinFields(refused, checkSelected(ids))); err != nil {
		return done, err
	}
	err = c.db.Do(ctx, func(tx *store.Tx) error {
		// Locked before the events count toward the actor's limit, as in a change of a single token: two changes that did
		// it in different orders would wait for each other.
		if err := tx.LockTokens(ctx, ids); err != nil {
			return err
		}
		var tokens []keyporter.Token
		tokens, done.Missing, err = c.selected(ctx, tx, actor, ids)
		if err != nil {
			return err
		}
		done.Done, done.Unchanged = nil, nil
		var events []keyporter.Event
		for _, t := range tokens {
			if change.isMade(&t) {
				done.Unchanged = append(done.Unchanged, t.ID)
				continue
			}
			done.Done = append(done.Done, t.ID)
			e := c.tokenEvent(event, actor, t, "name", t.Name)
			if change.Action == SetTokensExpiry {
				e = c.tokenEvent(event, actor, t, "expires", expiryText(change.ExpiresAt))
			}
			events = append(events, e)
		}
		if len(events) == 0 {
			return nil
		}
		if err := change.make(ctx, tx, done.Done, c.now()); err != nil {
			return err
		}
		return tx.InsertEvents(ctx, events)
	})
	if err != nil {
		return ChangedTokens{}, err
	}
	return done, nil
}

// bulkEvent returns the event of a change to one token.
func (c *Control) bulkEvent(change TokenChange) (keyporter.EventName, error) {
	switch change.Action {
	case EnableTokens:
		return keyporter.EventTokenEnable, nil
	case DisableTokens:
		return keyporter.EventTokenDisable, nil
	case SetTokensExpiry:
		return keyporter.EventTokenExpiry, c.checkExpiry(change.ExpiresAt)
	case DeleteTokens:
		return keyporter.EventTokenDelete, nil
	}
	return "", keyporter.InvalidField("action", "Choose what to do with the tokens.")
}

// mayAsk returns what is wrong with the input, except to those who may do nothing at all.
func (c *Control) mayAsk(ctx context.Context, actor keyporter.Actor, wrong error) error {
	_, err := authorityOf(ctx, c.db, actor)
	return cmp.Or(err, wrong)
}

func checkSelected(ids []keyporter.ID) error {
	switch {
	case len(ids) == 0:
		return keyporter.InvalidField("token", "Select at least one token.")
	case len(ids) > MaxChanged:
		return keyporter.InvalidField("token", "Select up to 1,000 tokens at a time.")
	case slices.ContainsFunc(ids, func(id keyporter.ID) bool { return !plain(string(id)) }):
		return keyporter.InvalidField("token", "One of the selected tokens doesn’t have a valid ID.")
	}
	return nil
}

// isMade reports whether the change would leave a token as it is.
func (change *TokenChange) isMade(t *keyporter.Token) bool {
	switch change.Action {
	case EnableTokens:
		return t.Enabled
	case DisableTokens:
		return !t.Enabled
	case SetTokensExpiry:
		return t.ExpiresAt.Equal(change.ExpiresAt.Truncate(time.Millisecond))
	case DeleteTokens:
	}
	return false
}

func (change *TokenChange) make(ctx context.Context, tx *store.Tx, ids []keyporter.ID, now time.Time) error {
	switch change.Action {
	case EnableTokens, DisableTokens:
		return tx.SetTokensEnabled(ctx, ids, change.Action == EnableTokens, now)
	case SetTokensExpiry:
		return tx.SetTokensExpiry(ctx, ids, change.ExpiresAt, now)
	case DeleteTokens:
	}
	return tx.DeleteTokens(ctx, ids, now)
}

// tokenReader finds many tokens: the database, or the transaction that is about to change them.
type tokenReader interface {
	reader
	TokensByID(context.Context, []keyporter.ID) (map[keyporter.ID]keyporter.Token, error)
}

// selected returns those of the tokens that the actor may manage, as manageable does with one, and the IDs of the
// others, both sorted by ID.
func (c *Control) selected(ctx context.Context, q tokenReader, actor keyporter.Actor, ids []keyporter.ID) (tokens []keyporter.Token, missing []keyporter.ID, err error) {
	a, err := authorityIn(ctx, q, actor, actor.User.OrganizationID)
	if err != nil {
		return nil, nil, err
	}
	found, err := q.TokensByID(ctx, ids)
	for _, id := range distinct(ids) {
		t, ok := found[id]
		if ok && a.manages(actor, owned{"token", t.OwnerID, t.OrganizationID}, manages(t.Kind)) {
			tokens = append(tokens, t)
		} else {
			missing = append(missing, id)
		}
	}
	return tokens, missing, err
}

// SelectedTokens is what depends on tokens, shown before they are changed.
type SelectedTokens struct {
	Tokens  []ListedToken  // with the clients of the last 30 days; those that were called with last come first
	Missing []keyporter.ID // they don't exist, as far as the actor can tell
}

// TokensImpact returns what depends on up to MaxChanged tokens.
func (c *Control) TokensImpact(ctx context.Context, actor keyporter.Actor, ids []keyporter.ID) (i SelectedTokens, err error) {
	if err := c.mayAsk(ctx, actor, checkSelected(ids)); err != nil {
		return i, err
	}
	tokens, missing, err := c.selected(ctx, c.db, actor, ids)
	if err != nil {
		return i, err
	}
	i.Missing = missing
	for _, organization := range idsOf(tokens, func(t keyporter.Token) keyporter.ID { return t.OrganizationID }) { // one, unless the actor is trusted
		o, err := c.db.OrganizationByID(ctx, organization)
		if err != nil {
			return i, err
		}
		listed, err := c.listedIn(ctx, o, slices.DeleteFunc(slices.Clone(tokens), func(t keyporter.Token) bool { return t.OrganizationID != organization }))
		if err != nil {
			return i, err
		}
		i.Tokens = append(i.Tokens, listed...)
	}
	since := c.now().Add(-RecentUse)
	for j := range i.Tokens {
		use := &i.Tokens[j].Use
		use.Clients = slices.DeleteFunc(use.Clients, func(c keyporter.ClientUse) bool { return c.LastAt.Before(since) })
	}
	slices.SortStableFunc(i.Tokens, func(a, b ListedToken) int {
		lastA, _ := a.Use.Last()
		lastB, _ := b.Use.Last()
		return cmp.Or(lastB.LastAt.Compare(lastA.LastAt), cmp.Compare(a.ID, b.ID))
	})
	return i, nil
}
