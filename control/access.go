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
	if f := lacks(org, kind); f != "" {
		page, help := "Features of "+org.Name, "Only the operator of this Keyporter can grant it."
		if user.Operator {
			help = "You can grant it under “" + page + "”."
		}
		return Access{About: []keyporter.Ref{{Noun: "flag", ID: keyporter.ID(f), Name: page}}, Why: OrganizationObstacle(org, kind) + " " + help}, nil
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

// lacks returns the first feature that tokens of a kind require and that the organization doesn't have, or "".
func lacks(o keyporter.Organization, kind keyporter.TokenKind) keyporter.Flag {
	for _, f := range flagsOf(kind) {
		if !o.Has(f) {
			return f
		}
	}
	return ""
}

// OrganizationObstacle says in a sentence what about an organization keeps tokens of a kind from working. Empty: nothing.
func OrganizationObstacle(o keyporter.Organization, kind keyporter.TokenKind) string {
	if !o.Active {
		return o.Name + " is suspended."
	}
	if f := lacks(o, kind); f != "" {
		return fmt.Sprintf("%s doesn’t have the feature “%s” (%s).", o.Name, f.Name(), f)
	}
	return ""
}

// ownerObstacle says in a sentence what about its owner keeps a token from working. Empty: nothing.
func ownerObstacle(u keyporter.User, all roles) string {
	use := keyporter.Resolve(all.existing(u.RoleIDs), keyporter.PermissionUseAPI)
	switch {
	case !u.Active:
		return "Its owner is switched off."
	case len(use.Blocking) > 0:
		return fmt.Sprintf("Its owner can’t use the API: %s.", blocks("their", use.Blocking))
	case !use.Held():
		return "Its owner can’t use the API: none of their roles grants it."
	}
	return ""
}

func useAccess(u keyporter.User, roles []keyporter.Role) Access {
	use := keyporter.Resolve(roles, keyporter.PermissionUseAPI)
	switch {
	case len(use.Blocking) > 0:
		return Access{About: keyporter.RoleRefs(use.Blocking), Why: fmt.Sprintf("You can’t use the API: %s.", blocks("your", use.Blocking))}
	case !use.Held():
		return Access{About: []keyporter.Ref{{Noun: "user", ID: u.ID, Name: "Your roles"}}, Why: "You can’t use the API: none of your roles grants it. An administrator of your organization can give you the role “Api User”."}
	}
	return Access{Allowed: true}
}

// blocks returns a clause that says which of somebody's roles block.
func blocks(whose string, roles []keyporter.Role) string {
	names := make([]string, len(roles))
	for i, r := range roles {
		names[i] = "“" + r.Name + "”"
	}
	if len(names) == 1 {
		return whose + " role " + names[0] + " blocks it"
	}
	return whose + " roles " + strings.Join(names, " and ") + " block it"
}
