package control

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/store"
)

// reader is what questions are asked of: the database, or the transaction that is about to change it.
type reader interface {
	OrganizationByID(context.Context, keyporter.ID) (keyporter.Organization, error)
	TokenByID(context.Context, keyporter.ID) (keyporter.Token, error)
	UserByID(context.Context, keyporter.ID) (keyporter.User, error)
	UsersOf(context.Context, store.UserList) ([]keyporter.User, error)
	RoleByID(context.Context, keyporter.ID) (keyporter.Role, error)
	RolesIn(context.Context, keyporter.ID) ([]keyporter.Role, error)
	RolesOf(context.Context, keyporter.ID) ([]keyporter.Role, error)
}

// rights are what an actor may do in one organization.
type rights struct {
	trusted  bool // the machine's owner
	operator bool
	user     keyporter.User // who acts, unless trusted
	held     []keyporter.Permission
}

// has tells whether the actor may do what p permits. An operator manages users
// everywhere; the rest he holds, like anybody, by his roles in his own organization.
func (r *rights) has(p keyporter.Permission) bool {
	return r.trusted || r.operator && p == keyporter.PermissionManageUsers || slices.Contains(r.held, p)
}

// lacks returns those of the permissions that the actor can't give, because he doesn't
// hold them himself. An operator gives any: the first administrator of an organization has to come from somewhere.
func (r *rights) lacks(all []keyporter.Permission) []keyporter.Permission {
	if r.trusted || r.operator {
		return nil
	}
	return without(all, r.held)
}

// mayChange wants the actor to hold what the user holds. Else a new password for an
// administrator would make administrators of all who manage users.
func (r *rights) mayChange(u keyporter.User, roles []keyporter.Role) error {
	if u.Operator && !r.trusted && !r.operator {
		return keyporter.Refuse(keyporter.Forbidden, u.Login+" is an operator of this Keyporter. Only operators may change him.")
	}
	if more := r.lacks(keyporter.Held(roles)); len(more) > 0 {
		return keyporter.Refuse(keyporter.Forbidden, fmt.Sprintf("%s holds what you don’t: %s. Only who holds that, too, may change him.", u.Login, words(more)))
	}
	return nil
}

// rightsIn returns what the actor may do in an organization. One that isn't his doesn't
// exist as far as he can tell. The actor is read anew: a session may be older than his last role.
func rightsIn(ctx context.Context, q reader, actor keyporter.Actor, organization keyporter.ID) (rights, error) {
	if actor.Trusted() {
		return rights{trusted: true}, nil
	}
	if actor.Kind != keyporter.ActorSession {
		return rights{}, keyporter.Refuse(keyporter.Unauthorized, "Sign in first.")
	}
	user, err := q.UserByID(ctx, actor.User.ID)
	if keyporter.KindOf(err) == keyporter.NotFound {
		return rights{}, keyporter.Refuse(keyporter.Unauthorized, "Sign in first.")
	}
	if err != nil {
		return rights{}, err
	}
	if err := mayEnter(ctx, q, user); err != nil {
		return rights{}, err
	}
	r := rights{user: user, operator: user.Operator}
	if user.OrganizationID != organization {
		if !user.Operator {
			return rights{}, notFound("organization")
		}
		return r, nil
	}
	roles, err := q.RolesOf(ctx, user.ID)
	r.held = keyporter.Held(roles)
	return r, err
}

// may asks whether the actor may do what one of the permissions permits, in an
// organization, and returns what else he may there.
func may(ctx context.Context, q reader, actor keyporter.Actor, organization keyporter.ID, oneOf ...keyporter.Permission) (rights, error) {
	r, err := rightsIn(ctx, q, actor, organization)
	if err == nil && !slices.ContainsFunc(oneOf, r.has) {
		err = keyporter.Refuse(keyporter.Forbidden, "You may not do that. It takes the permission to "+oneOf[0].Means()+" ("+string(oneOf[0])+").")
	}
	return r, err
}

// Powers are what an actor may see and do in general: which pages there are for him.
type Powers struct {
	ManageUsers              bool // of his organization
	ManageRoles              bool
	ManageOrganizationTokens bool // that others added
	Operate                  bool // the instance
}

// Powers tells what there is for an actor to manage.
func (c *Control) Powers(ctx context.Context, actor keyporter.Actor) (Powers, error) {
	r, err := rightsIn(ctx, c.db, actor, actor.User.OrganizationID)
	return Powers{
		ManageUsers: r.has(keyporter.PermissionManageUsers), ManageRoles: r.has(keyporter.PermissionManageRoles),
		ManageOrganizationTokens: r.has(keyporter.PermissionManageOrganizationTokens), Operate: r.trusted || r.operator,
	}, err
}

// CanGive returns the permissions that an actor can let roles of his organization grant anew.
func (c *Control) CanGive(ctx context.Context, actor keyporter.Actor) ([]keyporter.Permission, error) {
	r, err := rightsIn(ctx, c.db, actor, actor.User.OrganizationID)
	var all []keyporter.Permission
	for _, info := range keyporter.Permissions() {
		all = append(all, info.Permission)
	}
	return without(all, r.lacks(all)), err
}

// without returns what is in all and not in some.
func without(all, some []keyporter.Permission) []keyporter.Permission {
	return slices.DeleteFunc(slices.Clone(all), func(p keyporter.Permission) bool { return slices.Contains(some, p) })
}

func words[T ~string](all []T) string {
	texts := make([]string, len(all))
	for i, p := range all {
		texts[i] = string(p)
	}
	return strings.Join(texts, ", ")
}
