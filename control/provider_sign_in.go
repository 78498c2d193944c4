package control

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/names"
	"github.com/keyporter/keyporter/store"
)

// ProviderClient is what is needed to talk to an identity provider.
type ProviderClient struct {
	keyporter.IdentityProvider
	Secret string // Keyporter's client secret at the provider
}

// HasProviders tells anyone whether any organization signs in through a provider.
func (c *Control) HasProviders(ctx context.Context, _ keyporter.Actor) (bool, error) {
	return c.db.HasIdentityProviders(ctx)
}

// providerFor returns where the owner of an email address signs in.
func (c *Control) providerFor(ctx context.Context, login string) (ProviderClient, error) {
	p, err := c.db.IdentityProviderByDomain(ctx, names.Domain(login))
	if keyporter.KindOf(err) == keyporter.NotFound {
		return ProviderClient{}, keyporter.InvalidField("login", "No provider is set up for this email domain. Use your password.")
	}
	if err != nil {
		return ProviderClient{}, err
	}
	return c.providerClient(ctx, p)
}

func (c *Control) providerClient(ctx context.Context, p keyporter.IdentityProvider) (ProviderClient, error) {
	sealed, err := c.db.IdentityProviderSecret(ctx, p.ID)
	if err != nil {
		return ProviderClient{}, err
	}
	secret, err := c.sealer.Open(providerSecretOf(p.OrganizationID), sealed)
	return ProviderClient{IdentityProvider: p, Secret: string(secret)}, err
}

// Identity is who someone is, according to a provider.
type Identity struct {
	Provider keyporter.IdentityProvider // as it was at the time
	Subject  string
	Email    string
	Browser  string    `json:"-"` // as in SignIn
	Verified bool      // the provider vouches for the address
	ProvedAt time.Time // when they last proved to the provider who they are; zero: unknown

	joins    keyporter.ID // the user whose password they have entered here, too; empty: none
	password string       // its hash
}

// SignInByProvider opens a session for someone who signed in at their organization's
// provider. First-time users are recognized by their
// address, or become users of the organization if the provider is set to create them. If the
// account with the address has a password, the error is a *PasswordNeeded; if it has none but
// power over others, the error is Forbidden.
func (c *Control) SignInByProvider(ctx context.Context, actor keyporter.Actor, in Identity) (SignedIn, error) {
	user, err := c.db.UserByIdentity(ctx, in.Provider, in.Subject)
	if keyporter.KindOf(err) == keyporter.NotFound {
		user, err = c.firstSignIn(ctx, in)
	}
	if needed, ok := errors.AsType[*PasswordNeeded](err); ok {
		needed.Sealed, err = c.sealJoin(in)
		if err == nil {
			err = needed
		}
	}
	if err != nil {
		return SignedIn{}, err
	}
	if user.OrganizationID != in.Provider.OrganizationID || in.joins != "" && in.joins != user.ID {
		return SignedIn{}, notLetIn()
	}
	if err := mayEnter(ctx, c.db, user); err != nil {
		return SignedIn{}, err
	}
	hash, err := c.db.PasswordHash(ctx, user.ID)
	if err != nil {
		return SignedIn{}, err
	}
	by := store.Opener{ProviderID: in.Provider.ID, Issuer: in.Provider.Issuer, ClientID: in.Provider.ClientID}
	return c.openSession(ctx, actor, knownUser{User: user, hash: hash, provedAt: in.ProvedAt, by: by, browser: in.Browser})
}

func notLetIn() error {
	return keyporter.Refuse(keyporter.Forbidden, "The provider knows you, but this Keyporter doesn’t let you in. An administrator of your organization can add you.")
}

// firstSignIn finds or creates the user when someone first comes from the provider. Only an
// address that the provider vouches for, in a domain that an operator assigned to it, says
// who they are; a user whom the provider knows under another subject is someone else.
func (c *Control) firstSignIn(ctx context.Context, in Identity) (user keyporter.User, err error) {
	if !in.Verified || in.Subject == "" || len(in.Subject) > 255 {
		return user, keyporter.Refuse(keyporter.Forbidden, "The provider hasn’t verified your email address. Confirm the address there, then sign in again.")
	}
	err = c.locked(ctx, keyporter.System(), in.Provider.OrganizationID, func(tx *store.Tx) (err error) {
		// As the provider is now, not as it was when the sign-in began.
		p, err := tx.IdentityProviderByDomain(ctx, names.Domain(in.Email))
		if keyporter.KindOf(err) == keyporter.NotFound || err == nil && (p.ID != in.Provider.ID || p.Issuer != in.Provider.Issuer || p.ClientID != in.Provider.ClientID) {
			return notLetIn()
		}
		if err != nil {
			return err
		}
		if user, err = c.userForIdentity(ctx, tx, p, in); err != nil {
			return err
		}
		return tx.InsertIdentity(ctx, p.ID, in.Subject, user.ID, c.now())
	})
	return user, err
}

func (c *Control) userForIdentity(ctx context.Context, tx *store.Tx, p keyporter.IdentityProvider, in Identity) (keyporter.User, error) {
	user, err := tx.UserByLogin(ctx, in.Email)
	switch {
	case keyporter.KindOf(err) == keyporter.NotFound:
		return c.createUser(ctx, tx, p, in.Email)
	case err != nil:
		return user, err
	case user.OrganizationID != p.OrganizationID, !names.SameAddress(user.Login, in.Email): // a look-alike
		return user, notLetIn()
	case user.Operator:
		return user, keyporter.Refuse(keyporter.Forbidden, "This account runs this Keyporter, so it isn’t connected to a provider by its address. Sign in with its password.")
	}
	known, err := tx.HasIdentity(ctx, p.ID, user.ID)
	if err != nil {
		return user, err
	}
	if known {
		return user, notLetIn()
	}
	hash, err := tx.PasswordHash(ctx, user.ID)
	switch {
	case err != nil:
		return user, err
	case hash != in.password:
		return user, &PasswordNeeded{Login: user.Login}
	case hash == "":
		return user, hasNoPower(ctx, tx, user)
	}
	return user, nil
}

// hasNoPower refuses to connect an account without a password by its address if it has power over others.
// Someone came from a provider to get it, and since then the provider has changed: the same
// address may be another person now.
func hasNoPower(ctx context.Context, tx *store.Tx, user keyporter.User) error {
	roles, err := tx.RolesByID(ctx, user.RoleIDs)
	if err == nil && slices.ContainsFunc(keyporter.Held(roles), keyporter.Permission.GivesPower) {
		err = keyporter.Refuse(keyporter.Forbidden, "This account has permissions over others, so it isn’t connected to a provider by its address alone. Ask an administrator to set a password for it. Then sign in this way again and enter the password once.")
	}
	return err
}

// createUser creates a user with the role that the provider gives.
func (c *Control) createUser(ctx context.Context, tx *store.Tx, p keyporter.IdentityProvider, email string) (keyporter.User, error) {
	if p.RoleID == "" {
		return keyporter.User{}, notLetIn()
	}
	if err := checkNewUserRole(ctx, tx, p); err != nil {
		return keyporter.User{}, err // the role was deleted in the meantime
	}
	login, err := names.ParseLogin(email)
	if err != nil {
		return keyporter.User{}, notLetIn()
	}
	now := c.now()
	u := keyporter.User{
		ID: keyporter.NewID(now), OrganizationID: p.OrganizationID, Login: login, Active: true,
		RoleIDs: []keyporter.ID{p.RoleID}, CreatedAt: now,
	}
	return u, c.insertUser(ctx, tx, keyporter.System(), u, "")
}
