package control

import (
	"context"
	"slices"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/store"
)

// AppPeople is the input of SetAppPeople.
type AppPeople struct {
	AppID  keyporter.ID
	Logins []string       // of the users who will be responsible, the complete list
	Shown  []keyporter.ID // the users who were responsible when the form was shown
}

// SetAppPeople makes users responsible for an app, at least one. They belong to its
// organization. For an app of the instance, an operator may name anyone, and the people
// responsible may name users of their own organization. If the people responsible are no
// longer those in Shown, it returns a Conflict and changes nothing.
func (c *Control) SetAppPeople(ctx context.Context, actor keyporter.Actor, in AppPeople) error {
	return c.changeApp(ctx, actor, in.AppID, func(tx *store.Tx, a keyporter.App, over appAuthority) (keyporter.Event, error) {
		before, err := tx.AppPeople(ctx, a.ID)
		if err != nil {
			return keyporter.Event{}, err
		}
		if !slices.Equal(before, distinct(in.Shown)) {
			return keyporter.Event{}, keyporter.Refuse(keyporter.Conflict, "Someone else has changed who is responsible for this app in the meantime. Your changes weren’t saved. Review the current list and try again.")
		}
		organization := a.OrganizationID
		if organization == "" && !over.operates {
			organization = actor.User.OrganizationID
		}
		var people []keyporter.ID
		for _, login := range in.Logins {
			u, err := tx.UserByLogin(ctx, loginKey(login))
			if keyporter.KindOf(err) != keyporter.NotFound && err != nil {
				return keyporter.Event{}, err
			}
			if err != nil || organization != "" && u.OrganizationID != organization && !slices.Contains(before, u.ID) {
				// The same words whether the login doesn't exist or belongs to another
				// organization.
				return keyporter.Event{}, keyporter.InvalidField("people", "There is no user “"+text(login, keyporter.MaxLoginLen)+"” who could be responsible for this app.")
			}
			people = append(people, u.ID)
		}
		if people = distinct(people); len(people) == 0 {
			return keyporter.Event{}, keyporter.InvalidField("people", "Someone has to be responsible. Add another person first.")
		}
		if slices.Equal(before, people) {
			return keyporter.Event{}, nil
		}
		e := c.appEvent(keyporter.EventAppPeople, actor, a)
		e.Detail["people"], e.Detail["before"] = words(people), words(before)
		return e, tx.SetAppPeople(ctx, a.ID, people)
	})
}
