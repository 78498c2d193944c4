package control

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/store"
)

// reader answers questions: the database, or the transaction that is about to change it.
type reader interface {
	OrganizationByID(context.Context, keyporter.ID) (keyporter.Organization, error)
	TokenByID(context.Context, keyporter.ID) (keyporter.Token, error)
	UserByID(context.Context, keyporter.ID) (keyporter.User, error)
	UsersOf(context.Context, store.UserList) ([]keyporter.User, error)
	RoleSets(context.Context, keyporter.ID) ([]store.RoleSet, error)
	RoleByID(context.Context, keyporter.ID) (keyporter.Role, error)
	RolesIn(context.Context, keyporter.ID) ([]keyporter.Role, error)
	RolesByID(context.Context, []keyporter.ID) ([]keyporter.Role, error)
	AppByID(context.Context, keyporter.ID) (keyporter.App, error)
	AppPeople(context.Context, keyporter.ID) ([]keyporter.ID, error)
	ConnectionByID(context.Context, keyporter.ID) (keyporter.Connection, error)
}

// authority is what an actor may do in an organization, as the database has it now.
type authority struct {
	user     keyporter.User // who acts, zero for a trusted actor
	trusted  bool           // above the rules of organizations
	operates bool           // runs the instance: an operator in person, or a trusted actor
	held     []keyporter.Permission
}

// holds reports whether the actor has permission p. Operators manage users everywhere;
// everything else they hold by their roles in their own organization, like anyone.
func (a *authority) holds(p keyporter.Permission) bool {
	return a.trusted || a.operates && p == keyporter.PermissionManageUsers || slices.Contains(a.held, p)
}

// cannotGive returns the permissions that the actor can't give to others because they don't
// hold them themselves. Operators can give any: the first administrator of an organization
// has to come from somewhere.
func (a *authority) cannotGive(all []keyporter.Permission) []keyporter.Permission {
	if a.operates {
		return nil
	}
	return without(all, a.held)
}

// mayChange requires the actor to hold everything the user holds. Otherwise anyone who
// manages users could become an administrator by setting an administrator's password.
func (a *authority) mayChange(u keyporter.User, roles []keyporter.Role) error {
	if u.Operator && !a.operates {
		return keyporter.Refuse(keyporter.Forbidden, u.Login+" is an operator of this Keyporter. Only operators can change that account.")
	}
	if more := a.cannotGive(keyporter.Held(roles)); len(more) > 0 {
		return keyporter.Refuse(keyporter.Forbidden, fmt.Sprintf("%s has permissions that you don’t have: %s. Only someone who has them can change that account.", u.Login, named(more)))
	}
	return nil
}

// authorityOf returns what the actor may do in every organization, without what they hold
// by their roles in their own. It reads the user again: they may have been disabled since
// they signed in. An actor who can do nothing at all counts as not signed in.
func authorityOf(ctx context.Context, q reader, actor keyporter.Actor) (authority, error) {
	if actor.Trusted() {
		return authority{trusted: true, operates: true}, nil
	}
	if !slices.ContainsFunc(allPermissions(), actor.Can) {
		return authority{}, notSignedIn()
	}
	user, err := q.UserByID(ctx, actor.User.ID)
	if keyporter.KindOf(err) == keyporter.NotFound {
		return authority{}, notSignedIn()
	}
	if err == nil {
		err = mayEnter(ctx, q, user)
	}
	if err != nil {
		return authority{}, err
	}
	return authority{user: user, operates: user.Operator && actor.SignedIn()}, nil
}

// authorityIn returns what the actor may do in an organization. One that isn't theirs
// doesn't exist, as far as they can tell.
func authorityIn(ctx context.Context, q reader, actor keyporter.Actor, organization keyporter.ID) (authority, error) {
	a, err := authorityOf(ctx, q, actor)
	if err != nil || a.trusted {
		return a, err
	}
	if a.user.OrganizationID != organization {
		if !a.operates {
			return authority{}, notFound("organization")
		}
		return a, nil
	}
	roles, err := q.RolesByID(ctx, a.user.RoleIDs)
	a.held = slices.DeleteFunc(keyporter.Held(roles), func(p keyporter.Permission) bool { return !actor.Can(p) })
	return a, err
}

// may requires that the actor holds one of the permissions in an organization, and returns
// everything they may do there.
func may(ctx context.Context, q reader, actor keyporter.Actor, organization keyporter.ID, oneOf ...keyporter.Permission) (authority, error) {
	a, err := authorityIn(ctx, q, actor, organization)
	if err == nil && !slices.ContainsFunc(oneOf, a.holds) {
		err = oneOf[0].Lacking()
	}
	return a, err
}

// mayManage requires the same for something that belongs to a user. Its owner needs no
// permission. For anyone else without it, the thing doesn't exist.
func mayManage(ctx context.Context, q reader, actor keyporter.Actor, thing owned, p keyporter.Permission) error {
	a, err := authorityOf(ctx, q, actor)
	if err == nil && !actor.Is(thing.owner) {
		a, err = authorityIn(ctx, q, actor, thing.organization)
	}
	if err == nil && !a.manages(actor, thing, p) {
		err = notFound(thing.noun)
	}
	return hidden(err, thing.noun)
}

// hidden returns err, or NotFound if it would tell that something exists.
func hidden(err error, noun string) error {
	switch keyporter.KindOf(err) {
	case keyporter.Forbidden, keyporter.Unauthorized, keyporter.NotFound:
		return notFound(noun)
	default:
		return err
	}
}

// manages reports whether something is the actor's own, or the actor holds permission p in
// its organization.
func (a *authority) manages(actor keyporter.Actor, thing owned, p keyporter.Permission) bool {
	return actor.Is(thing.owner) || a.trusted || thing.organization == a.user.OrganizationID && a.holds(p)
}

// owned is something that belongs to a user.
type owned struct {
	noun                string // the word for it in messages, such as token
	owner, organization keyporter.ID
}

// mayOperate requires the machine's owner, or an operator of the instance in person.
func mayOperate(ctx context.Context, q reader, actor keyporter.Actor) error {
	a, err := authorityOf(ctx, q, actor)
	if err == nil && !a.operates {
		err = keyporter.OperatorsOnly()
	}
	return err
}

// mustBeTrusted requires the machine's owner or Keyporter itself.
func mustBeTrusted(actor keyporter.Actor) error {
	if !actor.Trusted() {
		return keyporter.Refuse(keyporter.Forbidden, "Only the owner of the machine can do that, on the command line.")
	}
	return nil
}

// mustBeFresh requires that the actor has just proved who they are.
func (c *Control) mustBeFresh(actor keyporter.Actor) error {
	if !actor.Fresh(c.now()) {
		return keyporter.Refuse(keyporter.Unauthorized, "You signed in too long ago for this. Sign in again. Nothing has changed.")
	}
	return nil
}

// signedIn requires a user who acts in person, for what belongs to them alone, and returns
// the user as they are now.
func signedIn(ctx context.Context, q reader, actor keyporter.Actor) (keyporter.User, error) {
	if !actor.SignedIn() {
		return keyporter.User{}, notSignedIn()
	}
	a, err := authorityOf(ctx, q, actor)
	return a.user, err
}

func notSignedIn() error { return keyporter.Refuse(keyporter.Unauthorized, "Sign in first.") }

// allPermissions returns every permission, in the order of the list.
func allPermissions() (all []keyporter.Permission) {
	for _, info := range keyporter.Permissions() {
		all = append(all, info.Permission)
	}
	return all
}

// without returns what is in all and not in some.
func without(all, some []keyporter.Permission) []keyporter.Permission {
	return slices.DeleteFunc(slices.Clone(all), func(p keyporter.Permission) bool { return slices.Contains(some, p) })
}

// named returns the names of permissions, for a sentence.
func named(permissions []keyporter.Permission) string {
	names := make([]string, len(permissions))
	for i, p := range permissions {
		names[i] = p.Name()
	}
	return strings.Join(names, ", ")
}

func words[T ~string](all []T) string {
	texts := make([]string, len(all))
	for i, p := range all {
		texts[i] = string(p)
	}
	return strings.Join(texts, ", ")
}
