package control

import (
	"context"
	"crypto/rand"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/store"
)

const setupLifetime = 24 * time.Hour

// SetupCode returns the code of a new one-time link by which the first operator makes
// his account, and ends the link before it. Once there is an operator it returns none.
func (c *Control) SetupCode(ctx context.Context) (code string, err error) {
	if has, err := c.db.HasOperator(ctx); has || err != nil {
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
	Address      string
}

// SetupOpen tells whether a setup code still works; a code that doesn't is NotFound.
func (c *Control) SetupOpen(ctx context.Context, code string) error {
	ok, err := c.db.HasSetupLink(ctx, keyporter.HashSecret(code), c.now())
	if err == nil && !ok {
		err = setupEnded()
	}
	return err
}

// Setup makes the first organization and its first user, who runs the instance and
// administers the organization. The code works once.
func (c *Control) Setup(ctx context.Context, in Setup) (keyporter.User, error) {
	if err := c.SetupOpen(ctx, in.Code); err != nil {
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
	hash, err := c.hashPassword(ctx, in.Password)
	if err != nil {
		return keyporter.User{}, err
	}
	actor := keyporter.Session(user, c.now())
	actor.Address = in.Address
	err = c.db.Do(ctx, func(tx *store.Tx) error {
		err := tx.UseSetupLink(ctx, keyporter.HashSecret(in.Code), c.now())
		if keyporter.KindOf(err) == keyporter.NotFound {
			return setupEnded()
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

func setupEnded() error {
	return keyporter.Refuse(keyporter.NotFound, "This link has been used or has expired. As long as there is no operator, restart Keyporter to get a new one.")
}
