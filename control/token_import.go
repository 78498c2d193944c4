package control

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/names"
	"github.com/keyporter/keyporter/store"
)

// ImportedToken is a token that comes from another system.
type ImportedToken struct {
	Line      int // its line in the imported file
	Kind      keyporter.TokenKind
	Login     string // of the owner
	Name      string
	Secret    keyporter.ImportedSecret
	Enabled   bool
	ExpiresAt time.Time // zero: never
}

// LineFault is why a line can't be imported. It quotes nothing from the line, which may be
// the secret.
type LineFault struct {
	Line int
	Why  string
}

// ImportOptions control ImportTokens. The zero value imports.
type ImportOptions struct {
	Organization keyporter.ID // that every owner must belong to; empty: any
	DryRun       bool         // change nothing, but report what would change
}

// Import is the result of ImportTokens.
type Import struct {
	New     int // tokens that were imported, or would be
	Enabled int // of these
	There   int // that existed already: same secret, owner and name
	Deleted int // that existed before and were deleted: they stay deleted
	Faults  []LineFault
}

// errNotImported rolls back an import.
var errNotImported = errors.New("not imported")

// ImportTokens imports tokens from another system: all of them or, if one can't be imported,
// none. Those that already exist stay as they are, and those that were deleted stay deleted,
// so an import can be repeated. Only the owner of the machine may import: whoever brings
// secrets knows them.
func (c *Control) ImportTokens(ctx context.Context, actor keyporter.Actor, tokens []ImportedToken, o ImportOptions) (Import, error) {
	if err := mustBeTrusted(actor); err != nil {
		return Import{}, err
	}
	var done Import
	err := c.db.Do(ctx, func(tx *store.Tx) error {
		i := importing{Control: c, tx: tx, actor: actor, options: o, owners: map[string]keyporter.User{}, seen: map[keyporter.SecretHash]int{}}
		if err := i.takeAll(ctx, tokens); err != nil {
			return err
		}
		if done = i.Import; len(done.Faults) > 0 || o.DryRun {
			return errNotImported
		}
		return nil
	})
	if errors.Is(err, errNotImported) {
		err = nil
	}
	return done, err
}

// importing is one run of an import, in its transaction.
type importing struct {
	*Control
	Import

	tx      *store.Tx
	actor   keyporter.Actor
	options ImportOptions
	owners  map[string]keyporter.User    // by folded login; without an ID: no such user
	seen    map[keyporter.SecretHash]int // line numbers by secret
	deleted map[keyporter.SecretHash]bool
	written []keyporter.SecretHash
}

func (i *importing) takeAll(ctx context.Context, tokens []ImportedToken) error {
	hashes := make([]keyporter.SecretHash, len(tokens))
	for n, t := range tokens {
		hashes[n] = t.Secret.Hash
	}
	var err error
	if i.deleted, err = i.tx.DeletedSecrets(ctx, hashes); err != nil {
		return err
	}
	for n := range tokens {
		if err := i.take(ctx, &tokens[n]); err != nil {
			return err
		}
	}
	// Someone may have deleted a token since its secret was looked up. That deletion is
	// committed, or else the secret couldn't have been written again.
	revived, err := i.tx.DeletedSecrets(ctx, i.written)
	if err == nil && len(revived) > 0 {
		err = keyporter.Refuse(keyporter.Conflict, "A token was deleted in the meantime. Import the file again.")
	}
	return err
}

func (i *importing) take(ctx context.Context, in *ImportedToken) error {
	why, err := i.insert(ctx, in)
	if why != "" {
		i.Faults = append(i.Faults, LineFault{in.Line, why})
	}
	return err
}

// insert writes a token, or returns why it can't be imported.
func (i *importing) insert(ctx context.Context, in *ImportedToken) (why string, err error) {
	if line, again := i.seen[in.Secret.Hash]; again {
		return fmt.Sprintf("Line %d has the same secret.", line), nil
	}
	i.seen[in.Secret.Hash] = in.Line
	if i.deleted[in.Secret.Hash] {
		i.Deleted++
		return "", nil
	}
	owner, err := i.owner(ctx, in.Login)
	switch {
	case err != nil:
		return "", err
	case owner.ID == "":
		return "There is no user with this login name.", nil
	case i.options.Organization != "" && owner.OrganizationID != i.options.Organization:
		return "The owner belongs to another organization.", nil
	}
	now := i.now()
	t := keyporter.Token{
		ID: keyporter.NewID(now), OrganizationID: owner.OrganizationID, OwnerID: owner.ID, Kind: in.Kind, Name: in.Name,
		Enabled: in.Enabled, ExpiresAt: in.ExpiresAt, CreatedAt: now, First: in.Secret.First, Last: in.Secret.Last,
	}
	done, err := i.tx.ImportToken(ctx, t, in.Secret.Hash)
	switch {
	case err != nil:
		return "", err
	case !done:
		return i.there(ctx, t, in.Secret.Hash)
	}
	// Checked last: a line that was imported in time may be repeated after it has expired.
	if err := i.checkExpiry(in.ExpiresAt); err != nil {
		return err.Error(), nil //nolint:nilerr // a fault of the line
	}
	i.written = append(i.written, in.Secret.Hash)
	i.New++
	if t.Enabled {
		i.Enabled++
	}
	return "", i.tx.InsertEvent(ctx, i.tokenEvent(keyporter.EventTokenImport, i.actor, t, "name", t.Name))
}

// there counts a token that couldn't be written because it exists already, or returns why it
// can't be imported.
func (i *importing) there(ctx context.Context, t keyporter.Token, hash keyporter.SecretHash) (why string, err error) {
	other, err := i.tx.TokenBySecret(ctx, hash)
	switch {
	case keyporter.KindOf(err) == keyporter.NotFound:
		return "The owner has another token with this name, in Keyporter or in an earlier line.", nil
	case err != nil:
		return "", err
	case other.OwnerID != t.OwnerID || other.Kind != t.Kind:
		return "A token with this secret exists, with another owner or kind.", nil
	case !names.Same(other.Name, t.Name):
		return "A token with this secret exists, under another name.", nil
	}
	i.There++
	return "", nil
}

func (i *importing) owner(ctx context.Context, login string) (keyporter.User, error) {
	key := names.Key(login)
	if u, ok := i.owners[key]; ok {
		return u, nil
	}
	u, err := i.tx.UserByLogin(ctx, login)
	if keyporter.KindOf(err) == keyporter.NotFound {
		u, err = keyporter.User{}, nil
	}
	i.owners[key] = u
	return u, err
}
