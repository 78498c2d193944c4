package control

import (
	"context"
	"fmt"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/names"
	"github.com/keyporter/keyporter/store"
)

// MaxTokens is how many tokens, of both kinds together, users can add for themselves. A
// program that adds one on every run stops here rather than when the disk is full.
const MaxTokens = 1000

// NewToken is the input of CreateToken.
type NewToken struct {
	Kind      keyporter.TokenKind // empty: a user token
	OwnerID   keyporter.ID
	Name      string
	ExpiresAt time.Time // zero: never
}

// CreateToken adds a token, switched off, and returns its secret, the only time it is ever
// shown. Users add tokens for themselves; the command line adds them for anyone.
func (c *Control) CreateToken(ctx context.Context, actor keyporter.Actor, in NewToken) (keyporter.Token, keyporter.Secret, error) {
	prefix := keyporter.SecretUserToken
	if in.Kind == "" {
		in.Kind = keyporter.UserToken
	}
	if in.Kind == keyporter.OrganizationToken {
		prefix = keyporter.SecretOrganizationToken
		if err := c.mustBeFresh(actor); err != nil {
			return keyporter.Token{}, keyporter.Secret{}, err
		}
	}
	owner, err := c.tokenOwner(ctx, actor, in)
	if err != nil {
		return keyporter.Token{}, keyporter.Secret{}, err
	}
	now := c.now()
	t := keyporter.Token{
		ID: keyporter.NewID(now), OrganizationID: owner.OrganizationID, OwnerID: owner.ID,
		Kind: in.Kind, ExpiresAt: in.ExpiresAt, CreatedAt: now,
	}
	t.Name, err = names.Parse("name", in.Name)
	if err := keyporter.JoinFields(err, c.checkExpiry(in.ExpiresAt)); err != nil {
		return keyporter.Token{}, keyporter.Secret{}, err
	}
	secret := keyporter.NewSecret(prefix)
	t.First, t.Last = secret.First(), secret.Last()
	err = c.db.Do(ctx, func(tx *store.Tx) error {
		if err := checkTokenLimit(ctx, tx, actor, owner.ID); err != nil {
			return err
		}
		if err := tx.InsertToken(ctx, t, secret.Hash()); err != nil {
			return nameTaken(err, actor, t)
		}
		return tx.InsertEvent(ctx, c.tokenEvent(keyporter.EventTokenCreate, actor, t, "name", t.Name))
	})
	if err != nil {
		return keyporter.Token{}, keyporter.Secret{}, err
	}
	return t, secret, nil
}

// tokenOwner returns the user for whom the actor may add a token.
func (c *Control) tokenOwner(ctx context.Context, actor keyporter.Actor, in NewToken) (keyporter.User, error) {
	if actor.Trusted() {
		return c.db.UserByID(ctx, in.OwnerID)
	}
	if !actor.Is(in.OwnerID) {
		return keyporter.User{}, keyporter.Refuse(keyporter.Forbidden, "Only the owner can add their tokens.")
	}
	access, err := c.TokenAccess(ctx, actor, in.Kind)
	if err == nil && !access.Allowed {
		err = keyporter.Refuse(keyporter.Forbidden, access.Why)
	}
	return actor.User, err
}

// checkTokenLimit requires the user to have fewer than MaxTokens. The machine's owner may exceed
// that.
func checkTokenLimit(ctx context.Context, tx *store.Tx, actor keyporter.Actor, owner keyporter.ID) error {
	if actor.Trusted() {
		return nil
	}
	n, err := tx.CountTokens(ctx, owner)
	if err == nil && n >= MaxTokens {
		who := "This user has"
		if actor.Is(owner) {
			who = "You have"
		}
		err = keyporter.ConflictField("name", fmt.Sprintf("%s reached the limit of %d tokens. Delete one first.", who, MaxTokens))
	}
	return err
}

// RenameToken renames a token. If it has the name already, nothing changes.
func (c *Control) RenameToken(ctx context.Context, actor keyporter.Actor, id keyporter.ID, name string) (keyporter.Token, error) {
	name, err := names.Parse("name", name)
	if err != nil {
		return keyporter.Token{}, err
	}
	return c.changeToken(ctx, actor, id, func(tx *store.Tx, t *keyporter.Token) (keyporter.Event, error) {
		if t.Name == name {
			return keyporter.Event{}, nil
		}
		e := c.tokenEvent(keyporter.EventTokenRename, actor, *t, "name", name)
		e.Detail["before"] = t.Name
		t.Name = name
		return e, nameTaken(tx.RenameToken(ctx, id, name), actor, *t)
	})
}

// EnableToken switches a token on. If it is on already, nothing changes.
func (c *Control) EnableToken(ctx context.Context, actor keyporter.Actor, id keyporter.ID) (keyporter.Token, error) {
	return c.switchToken(ctx, actor, id, true, keyporter.EventTokenEnable)
}

// DisableToken switches a token off: the next call with it is refused.
func (c *Control) DisableToken(ctx context.Context, actor keyporter.Actor, id keyporter.ID) (keyporter.Token, error) {
	return c.switchToken(ctx, actor, id, false, keyporter.EventTokenDisable)
}

func (c *Control) switchToken(ctx context.Context, actor keyporter.Actor, id keyporter.ID, on bool, name keyporter.EventName) (keyporter.Token, error) {
	return c.changeToken(ctx, actor, id, func(tx *store.Tx, t *keyporter.Token) (keyporter.Event, error) {
		now := c.now().UTC().Truncate(time.Millisecond) // as stored
		changed, err := tx.SetTokenEnabled(ctx, id, on, now)
		if err != nil || !changed {
			return keyporter.Event{}, err // nothing happened, so no event
		}
		t.Enabled, t.ChangedAt = on, now
		return c.tokenEvent(name, actor, *t, "name", t.Name), nil
	})
}

// SetTokenExpiry sets when a token expires; zero means never. If it does so already, nothing changes.
func (c *Control) SetTokenExpiry(ctx context.Context, actor keyporter.Actor, id keyporter.ID, at time.Time) (keyporter.Token, error) {
	if err := c.checkExpiry(at); err != nil {
		return keyporter.Token{}, err
	}
	return c.changeToken(ctx, actor, id, func(tx *store.Tx, t *keyporter.Token) (keyporter.Event, error) {
		if change := (TokenChange{Action: SetTokensExpiry, ExpiresAt: at}); change.isMade(t) {
			return keyporter.Event{}, nil
		}
		t.ExpiresAt, t.ChangedAt = at, c.now()
		return c.tokenEvent(keyporter.EventTokenExpiry, actor, *t, "expires", expiryText(at)), tx.SetTokenExpiry(ctx, id, at, t.ChangedAt)
	})
}

// expiryText is how events tell an expiry.
func expiryText(at time.Time) string {
	if at.IsZero() {
		return "never"
	}
	return at.UTC().Format(time.RFC3339)
}

// DeleteToken deletes a token. RestoreToken brings it back within keyporter.RestoreWithin.
func (c *Control) DeleteToken(ctx context.Context, actor keyporter.Actor, id keyporter.ID) error {
	_, err := c.changeToken(ctx, actor, id, func(tx *store.Tx, t *keyporter.Token) (keyporter.Event, error) {
		return c.tokenEvent(keyporter.EventTokenDelete, actor, *t, "name", t.Name), tx.DeleteToken(ctx, id, c.now())
	})
	return err
}

// changeToken makes one change to a token that the actor may manage, and returns the token
// as it is afterward. If change returns an event without a name, nothing changed and no
// event is written.
func (c *Control) changeToken(ctx context.Context, actor keyporter.Actor, id keyporter.ID, change func(*store.Tx, *keyporter.Token) (keyporter.Event, error)) (keyporter.Token, error) {
	var t keyporter.Token
	err := c.db.Do(ctx, func(tx *store.Tx) (err error) {
		if t, err = manageable(ctx, tx, actor, id); err != nil {
			return err
		}
		e, err := change(tx, &t)
		if err != nil || e.Name == "" {
			return err
		}
		return tx.InsertEvent(ctx, e)
	})
	return t, err
}

// Token returns a token that the actor may manage.
func (c *Control) Token(ctx context.Context, actor keyporter.Actor, id keyporter.ID) (keyporter.Token, error) {
	return manageable(ctx, c.db, actor, id)
}

// manageable returns the token if the actor may manage it: their own or, with tokens.manage
// (organization_tokens.manage), those of their organization. Any other doesn't exist, as far
// as they can tell.
func manageable(ctx context.Context, q reader, actor keyporter.Actor, id keyporter.ID) (keyporter.Token, error) {
	t, err := q.TokenByID(ctx, id)
	if err != nil {
		return keyporter.Token{}, missing(err, "token")
	}
	if err := mayManage(ctx, q, actor, owned{"token", t.OwnerID, t.OrganizationID}, manages(t.Kind)); err != nil {
		return keyporter.Token{}, err
	}
	return t, nil
}

// manages returns the permission to manage tokens of a kind that others added.
func manages(kind keyporter.TokenKind) keyporter.Permission {
	if kind == keyporter.OrganizationToken {
		return keyporter.PermissionManageOrganizationTokens
	}
	return keyporter.PermissionManageTokens
}

// checkExpiry requires a new expiry to be in the future.
func (c *Control) checkExpiry(at time.Time) error {
	switch {
	case at.IsZero():
		return nil
	case !at.After(c.now()):
		return keyporter.InvalidField("expires", "The expiry must be in the future.")
	case at.UTC().Year() > 9999:
		return keyporter.InvalidField("expires", "The expiry is too far in the future.")
	}
	return nil
}

func (c *Control) tokenEvent(name keyporter.EventName, actor keyporter.Actor, t keyporter.Token, key, value string) keyporter.Event {
	e := c.event(name, actor)
	e.OrganizationID, e.UserID, e.TokenID = t.OrganizationID, t.OwnerID, t.ID
	e.Detail = map[string]string{key: value}
	return e
}

// nameTaken explains a conflict: its owner has another token with the name.
func nameTaken(err error, actor keyporter.Actor, t keyporter.Token) error {
	if keyporter.KindOf(err) != keyporter.Conflict {
		return err
	}
	who := "This user already has"
	if actor.User.ID == t.OwnerID {
		who = "You already have"
	}
	return keyporter.ConflictField("name", who+" a token with this name. Choose another name.")
}
