package control

import (
	"cmp"
	"context"
	"fmt"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/store"
)

// Ceilings limit how many there can be. The command line can exceed those of organizations and users.
// MaxTokens and MaxRoles are others. Zero means the default.
type Ceilings struct {
	Organizations int // 100,000
	Users         int // of an organization: 200,000
	Apps          int // of each organization, and of the instance: 500; those that registered themselves don't count
	Sessions      int // of a user: 100; one more ends the oldest
}

func (n Ceilings) orDefault() Ceilings {
	return Ceilings{cmp.Or(n.Organizations, 100_000), cmp.Or(n.Users, 200_000), cmp.Or(n.Apps, 500), cmp.Or(n.Sessions, 100)}
}

// checkUsers requires room for one more user in an organization. People who come from a provider are
// counted, too.
func (c *Control) checkUsers(ctx context.Context, tx *store.Tx, actor keyporter.Actor, organization keyporter.ID) error {
	full, err := false, error(nil)
	if actor.Kind != keyporter.ActorCommand {
		full, err = tx.HasUsers(ctx, organization, c.ceilings.Users)
	}
	return ceiling("login", "The limit of %d users is reached. "+commandLineAddsMore, c.ceilings.Users, full, err)
}

// checkApps requires room for one more app in an organization, and keeps others from adding one until the
// transaction ends. Without an organization, the limit is the instance's. There is no row to lock, so
// operators who add apps at the same time may exceed it by a few.
func (c *Control) checkApps(ctx context.Context, tx *store.Tx, actor keyporter.Actor, organization keyporter.ID) error {
	if actor.Trusted() {
		return nil
	}
	if organization != "" {
		if err := tx.LockOrganization(ctx, organization); err != nil {
			return err
		}
	}
	full, err := tx.HasApps(ctx, organization, c.ceilings.Apps)
	return ceiling("name", "The limit of %d apps is reached. Delete one that is no longer used.", c.ceilings.Apps, full, err)
}

// checkOrganizations requires room for one more organization, also without a row to lock.
func (c *Control) checkOrganizations(ctx context.Context, tx *store.Tx, actor keyporter.Actor) error {
	if actor.Trusted() {
		return nil
	}
	full, err := tx.HasOrganizations(ctx, c.ceilings.Organizations)
	return ceiling("organization", "The limit of %d organizations is reached. "+commandLineAddsMore, c.ceilings.Organizations, full, err)
}

const commandLineAddsMore = "The owner of the machine can add more from the command line."

// ceiling returns an error about a field if there is no room. The message says how many n there can be.
func ceiling(field, message string, n int, full bool, err error) error {
	if err != nil || !full {
		return err
	}
	return keyporter.ConflictField(field, fmt.Sprintf(message, n))
}
