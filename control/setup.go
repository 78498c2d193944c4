package control

import (
	"context"
	"crypto/rand"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/store"
)

const setupLifetime = 24 * time.Hour

// setupEvery is the time between two setup links. Nodes that start at once must not end each other's.
const setupEvery = time.Minute

// SetupCode returns the code of a new one-time link with which the first operator creates
// their account, and ends the previous link. It is for Keyporter itself and the owner of the
// machine. Once there is an operator, it returns an empty code. Within a minute of the previous link,
// the error is TooMany.
func (c *Control) SetupCode(ctx context.Context, actor keyporter.Actor) (code string, err error) {
	if err := mustBeTrusted(actor); err != nil {
		return "", err
	}
	if has, err := c.db.HasOperator(ctx); has || err != nil {
		return "", err
	}
	if err := c.db.Attempt(ctx, c.now(), store.Attempt{What: "setup link", Limit: store.Limit{Burst: 1, Every: setupEvery}}); err != nil {
		return "", err
	}
	code = rand.Text() + rand.Text()
	err = c.db.Do(ctx, func(tx *store.Tx) error {
		return tx.ReplaceSetupLink(ctx, keyporter.HashSecret(code), c.now().Add(setupLifetime))
	})
	return code, err
}

// Setup is the input of Control.Setup.
type Setup struct {
	Code         string
	Organization string
	Login        string
	Password     string
}

// SetupOpen checks, for anyone with a setup code, whether it still works; it returns
// NotFound if it doesn't.
func (c *Control) SetupOpen(ctx context.Context, _ keyporter.Actor, code string) error {
	ok, err := c.db.HasSetupLink(ctx, keyporter.HashSecret(code), c.now())
	if err == nil && !ok {
		err = setupEnded(c.db.HasOperator(ctx))
	}
	return err
}

// Setup creates the first organization and its first user, who runs the instance and
// administers the organization, for whoever has the code. It works once.
func (c *Control) Setup(ctx context.Context, actor keyporter.Actor, in Setup) (keyporter.User, error) {
	if err := c.SetupOpen(ctx, actor, in.Code); err != nil {
		return keyporter.User{}, err
	}
	org, wrongOrganization := c.newOrganization(in.Organization)
	user, wrongUser := c.newUser(NewUser{
		OrganizationID: org.ID, Login: in.Login, Password: in.Password,
		Operator: true, RoleIDs: []keyporter.ID{keyporter.RoleAdministrator},
	})
	if err := keyporter.JoinFields(wrongOrganization, wrongUser); err != nil {
		return keyporter.User{}, err
	}
	hash, err := c.hashPassword(ctx, waiter{actor: actor}, in.Password)
	if err != nil {
		return keyporter.User{}, err
	}
	actor = keyporter.Session(user, c.now()).From(actor)
	err = c.db.Do(ctx, func(tx *store.Tx) error {
		err := tx.UseSetupLink(ctx, keyporter.HashSecret(in.Code), c.now())
		if keyporter.KindOf(err) == keyporter.NotFound {
			return setupEnded(tx.HasOperator(ctx))
		}
		if err != nil {
			return err
		}
		if err := c.insertOrganization(ctx, tx, actor, org); err != nil {
			return err
		}
		return c.insertUser(ctx, tx, actor, user, hash)
	})
	return user, err
}

func setupEnded(hasOperator bool, err error) error {
	switch {
	case err != nil:
		return err
	case hasOperator:
		return keyporter.Refuse(keyporter.NotFound, "This link no longer works: there is an operator already. Sign in.")
	}
	return keyporter.Refuse(keyporter.NotFound, "This link has been replaced or has expired. Restart Keyporter to get a new one.")
}
