package control

import (
	"context"
	"fmt"
	"strings"

	"github.com/keyporter/keyporter"
)

// Access says whether a user's own tokens of a kind work, as far as their roles and their
// organization are concerned. If they don't, Why tells the user the reason in a sentence
// that names the role or the feature.
type Access struct {
	Allowed bool
	Why     string
	About   []keyporter.Ref // what the answer rests on: roles that block, the user if no role grants, or a feature
}

// TokenAccess returns whether the actor may have tokens of a kind.
func (c *Control) TokenAccess(ctx context.Context, actor keyporter.Actor, kind keyporter.TokenKind) (Access, error) {
	user, err := signedIn(ctx, c.db, actor)
	if err != nil {
		return Access{}, err
	}
	org, err := c.db.OrganizationByID(ctx, user.OrganizationID)
	if err != nil {
		return Access{}, err
	}
	for _, f := range flagsOf(kind) {
		if !org.Has(f) {
			page, help := "Features of "+org.Name, "Only the operator of this Keyporter can grant it."
			if user.Operator {
				help = "You can grant it under “" + page + "”."
			}
			return Access{About: []keyporter.Ref{{Noun: "flag", ID: keyporter.ID(f), Name: page}}, Why: fmt.Sprintf("%s doesn’t have the feature “%s” (%s). %s", org.Name, f.Name(), f, help)}, nil
		}
	}
	roles, err := c.db.RolesByID(ctx, user.RoleIDs)
	if err != nil {
		return Access{}, err
	}
	return useAccess(user, roles), nil
}

// flagsOf returns the features that tokens of a kind require.
func flagsOf(kind keyporter.TokenKind) []keyporter.Flag {
	if kind == keyporter.OrganizationToken {
		return []keyporter.Flag{keyporter.FlagAPI, keyporter.FlagOrganizationAPIToken}
	}
	return []keyporter.Flag{keyporter.FlagAPI}
}

func useAccess(u keyporter.User, roles []keyporter.Role) Access {
	use := keyporter.Resolve(roles, keyporter.PermissionUseAPI)
	switch {
	case len(use.Blocking) > 0:
		return Access{About: keyporter.RoleRefs(use.Blocking), Why: fmt.Sprintf("You can’t use the API: %s.", blocks(use.Blocking))}
	case !use.Held():
		return Access{About: []keyporter.Ref{{Noun: "user", ID: u.ID, Name: "Your roles"}}, Why: "You can’t use the API: none of your roles grants it. An administrator of your organization can give you the role “Api User”."}
	}
	return Access{Allowed: true}
}

// blocks returns a clause that says which of the reader's roles block.
func blocks(roles []keyporter.Role) string {
	names := make([]string, len(roles))
	for i, r := range roles {
		names[i] = "“" + r.Name + "”"
	}
	if len(names) == 1 {
		return "your role " + names[0] + " blocks it"
	}
	return "your roles " + strings.Join(names, " and ") + " block it"
}
