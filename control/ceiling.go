package control

import (
	"cmp"
	"context"
	"fmt"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/store"
)

// Ceilings are numbers beyond which nobody but the owner of the machine can add more. MaxTokens and
// MaxRoles are others. Zero means the default.
type Ceilings struct {
	Organizations int // 100,000
	Users         int // of an organization: 200,000
	Apps          int // of an organization, and of the instance: 500
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
	return ceiling("login", "users", c.ceilings.Users, full, err)
}

// checkApps requires room for one more app in an organization, or in the instance if organization is
// empty, and keeps others from adding one until the transaction ends.
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
	return ceiling("name", "apps", c.ceilings.Apps, full, err)
}

func (c *Control) checkOrganizations(ctx context.Context, tx *store.Tx, actor keyporter.Actor) error {
	if actor.Trusted() {
		return nil
	}
	full, err := tx.HasOrganizations(ctx, c.ceilings.Organizations)
	return ceiling("organization", "organizations", c.ceilings.Organizations, full, err)
}

func ceiling(field, things string, n int, full bool, err error) error {
	if err != nil || !full {
		return err
	}
	return keyporter.ConflictField(field, fmt.Sprintf("The limit of %d %s is reached. The owner of the machine can add more from the command line.", n, things))
}
