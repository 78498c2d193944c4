package control

import (
	"context"
	"fmt"
	"strings"

	"github.com/keyporter/keyporter"
)

// Access tells whether a user may use the APIs at all, and if not, why, in a sentence
// for him that names the role or the flag.
type Access struct {
	Allowed bool
	Why     string
}

// APIAccess tells whether the actor may use the APIs.
func (c *Control) APIAccess(ctx context.Context, actor keyporter.Actor) (Access, error) {
	if actor.Kind != keyporter.ActorSession {
		return Access{}, keyporter.Refuse(keyporter.Unauthorized, "Sign in first.")
	}
	org, err := c.db.OrganizationByID(ctx, actor.User.OrganizationID)
	if err != nil {
		return Access{}, err
	}
	if !org.Has(keyporter.FlagAPI) {
		return Access{Why: fmt.Sprintf("API access is not part of what %s has: the feature “%s” is not granted to your organization.", org.Name, keyporter.FlagAPI)}, nil
	}
	roles, err := c.db.RolesOf(ctx, actor.User.ID)
	if err != nil {
		return Access{}, err
	}
	switch use := keyporter.Resolve(roles, keyporter.PermissionUseAPI); {
	case len(use.BlockedBy) > 0:
		return Access{Why: fmt.Sprintf("You may not use the API: the role “%s” blocks it for you.", strings.Join(use.BlockedBy, "”, “"))}, nil
	case len(use.GrantedBy) == 0:
		return Access{Why: "You may not use the API: none of your roles grants it. An administrator of your organization can give you the role “Api User”."}, nil
	}
	return Access{Allowed: true}, nil
}
