package control

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/names"
	"github.com/keyporter/keyporter/store"
)

// A domain that is assigned to an organization's provider is that organization's alone: no user of
// another organization has a login in it. Otherwise their administrators could add a login that
// everyone takes for someone of the organization.

// addLimit limits how many users the people of an organization add, because each refusal says
// something about the logins of others.
var addLimit = store.Limit{Burst: 100, Every: 20 * time.Second}

// mayHaveLogin requires that no other organization has the domain of a user's login, and keeps it so
// until the transaction ends.
func mayHaveLogin(ctx context.Context, tx *store.Tx, u keyporter.User) error {
	domain := names.Domain(u.Login)
	if err := tx.LockDomain(ctx, domain); err != nil {
		return err
	}
	p, err := tx.IdentityProviderByDomain(ctx, domain)
	switch {
	case keyporter.KindOf(err) == keyporter.NotFound:
		return nil
	case err == nil && p.OrganizationID != u.OrganizationID:
		return loginTaken()
	}
	return err
}

// loginTaken has the same words for a login that someone has and for the domain of another
// organization, so that nobody learns whether a certain login exists there.
func loginTaken() error {
	return keyporter.ConflictField("login", "A user with this login name already exists, or its domain belongs to another organization.")
}

// countAddition counts a user that someone adds.
func (c *Control) countAddition(ctx context.Context, actor keyporter.Actor, organization keyporter.ID) error {
	if actor.Trusted() || actor.User.Operator {
		return nil
	}
	return c.db.Attempt(ctx, c.now(), store.Attempt{What: "users of " + string(organization), Limit: addLimit})
}

// mayAssign requires that no active user of another organization has a login in the domains that a
// provider is to have and hasn't yet, and keeps it so until the transaction ends.
func mayAssign(ctx context.Context, tx *store.Tx, p keyporter.IdentityProvider) error {
	old, err := tx.IdentityProviderOf(ctx, p.OrganizationID)
	if err != nil && keyporter.KindOf(err) != keyporter.NotFound {
		return err
	}
	const shown = 3
	for _, d := range p.Domains {
		if slices.Contains(old.Domains, d) {
			continue
		}
		if err := tx.LockDomain(ctx, d); err != nil {
			return err
		}
		logins, all, err := tx.OutsidersIn(ctx, d, p.OrganizationID, shown)
		if err != nil {
			return err
		}
		if all == 0 {
			continue
		}
		who := strings.Join(logins, ", ")
		if more := all - len(logins); more > 0 {
			who += fmt.Sprintf(", and %d more", more)
		}
		return keyporter.ConflictField("domains", fmt.Sprintf("Users of other organizations have login names in %s: %s. If the domain isn’t theirs, switch these users off first.", d, who))
	}
	return nil
}
