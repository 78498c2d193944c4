package control

import (
	"context"
	"errors"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/names"
	"github.com/keyporter/keyporter/store"
)

// SignInSettings are how users of an organization sign in.
type SignInSettings struct {
	Provider  *keyporter.IdentityProvider // nil: it has none
	Passwords bool                        // they let users in
}

// SignInSettings returns how users of an organization sign in.
func (c *Control) SignInSettings(ctx context.Context, actor keyporter.Actor, organization keyporter.ID) (s SignInSettings, err error) {
	if err := mayOperate(ctx, c.db, actor); err != nil {
		return s, err
	}
	if s.Passwords, err = c.db.Passwords(ctx, organization); err != nil {
		return s, err
	}
	switch p, err := c.db.IdentityProviderOf(ctx, organization); keyporter.KindOf(err) {
	case keyporter.NotFound:
		return s, nil
	default:
		s.Provider = &p
		return s, err
	}
}

// SetIdentityProvider sets the provider where an organization's users sign in. It is for
// operators who have just signed in: whoever could claim any domain could sign in as anyone in it. An empty secret
// keeps the current one, unless issuer or client ID change. A domain in which active users of other
// organizations have logins is a Conflict.
func (c *Control) SetIdentityProvider(ctx context.Context, actor keyporter.Actor, p keyporter.IdentityProvider, secret string) (keyporter.IdentityProvider, error) {
	if err := mayOperate(ctx, c.db, actor); err != nil {
		return p, err
	}
	if err := c.requireLastingKey(); err != nil {
		return p, err
	}
	p, wrong := checkProvider(p)
	p.CreatedAt = c.now()
	p.ID = keyporter.NewID(p.CreatedAt)
	err := c.asOperator(ctx, actor, p.OrganizationID, func(tx *store.Tx) error {
		if err := c.mustBeFresh(actor); err != nil {
			return err
		}
		sealed, wrongSecret := c.providerSecret(ctx, tx, p, secret)
		err := keyporter.JoinFields(wrong, wrongSecret, checkNewUserRole(ctx, tx, p))
		if err != nil {
			return err
		}
		if err := mayAssign(ctx, tx, p); err != nil {
			return err
		}
		if p.ID, err = tx.PutIdentityProvider(ctx, p, sealed); keyporter.KindOf(err) == keyporter.Conflict {
			return keyporter.ConflictField("domains", "One of these domains already belongs to another organization.")
		}
		if err != nil {
			return err
		}
		if err := errors.Join(letsOperatorsIn(ctx, tx, p.OrganizationID), tx.DeleteSessionsOver(ctx, p.OrganizationID)); err != nil {
			return err
		}
		e := c.organizationEvent(keyporter.EventProviderSet, actor, p.OrganizationID, "issuer", p.Issuer)
		e.Detail["client_id"], e.Detail["domains"], e.Detail["role"] = p.ClientID, strings.Join(p.Domains, " "), string(p.RoleID)
		return tx.InsertEvent(ctx, e)
	})
	return p, err
}

// providerSecret returns the sealed client secret that a provider is to have.
func (c *Control) providerSecret(ctx context.Context, tx *store.Tx, p keyporter.IdentityProvider, secret string) ([]byte, error) {
	if secret != "" {
		return c.sealer.Seal(providerSecretOf(p.OrganizationID), []byte(secret)), nil
	}
	old, err := tx.IdentityProviderOf(ctx, p.OrganizationID)
	switch {
	case keyporter.KindOf(err) == keyporter.NotFound || err == nil && (old.Issuer != p.Issuer || old.ClientID != p.ClientID):
		// The secret of one provider must not be sent to another.
		return nil, keyporter.InvalidField("secret", "Enter the client secret the provider gave you for this client ID.")
	case err != nil:
		return nil, err
	}
	return tx.IdentityProviderSecret(ctx, old.ID)
}

func providerSecretOf(organization keyporter.ID) string {
	return store.ForProvider + string(organization)
}

// checkNewUserRole requires the role of new users to be one that the organization has.
func checkNewUserRole(ctx context.Context, q reader, p keyporter.IdentityProvider) error {
	if p.RoleID == "" {
		return nil
	}
	roles, err := rolesIn(ctx, q, p.OrganizationID)
	if err == nil {
		_, err = roles.pick([]keyporter.ID{p.RoleID})
	}
	return err
}

// domainPattern is a domain name of at least two labels.
var domainPattern = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])$`)

func checkProvider(p keyporter.IdentityProvider) (keyporter.IdentityProvider, error) {
	var wrong [4]error
	p.Name, wrong[0] = names.Parse("name", p.Name)
	if p.Issuer = strings.TrimSpace(p.Issuer); !isIssuer(p.Issuer) {
		wrong[1] = keyporter.InvalidField("issuer", "Enter the provider’s address, such as https://login.example.com, without a query.")
	}
	if p.ClientID = strings.TrimSpace(p.ClientID); p.ClientID == "" || len(p.ClientID) > 500 {
		wrong[2] = keyporter.InvalidField("client", "Enter the client ID the provider gave you.")
	}
	p.Domains, wrong[3] = cleanDomains(p.Domains)
	return p, keyporter.JoinFields(wrong[:]...)
}

// cleanDomains validates and normalizes the domains of email addresses.
func cleanDomains(domains []string) ([]string, error) {
	for i, d := range domains {
		domains[i] = strings.ToLower(strings.TrimPrefix(strings.TrimSpace(d), "@"))
		if len(d) > 253 || !domainPattern.MatchString(domains[i]) {
			return domains, keyporter.InvalidField("domains", "“"+text(d, 60)+"” isn’t a domain. Enter domains such as example.com, separated by spaces.")
		}
	}
	slices.Sort(domains)
	if domains = slices.Compact(domains); len(domains) == 0 {
		return nil, keyporter.InvalidField("domains", "Enter the email domains the provider is responsible for.")
	}
	return domains, nil
}

// isIssuer reports whether a provider can have this address. Plain HTTP is only for
// providers on the same machine.
func isIssuer(issuer string) bool {
	u, err := url.Parse(issuer)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || len(issuer) > 500 {
		return false
	}
	ip, err := netip.ParseAddr(u.Hostname())
	return u.Scheme == "https" || u.Scheme == "http" && err == nil && ip.IsLoopback()
}

// DeleteIdentityProvider removes an organization's provider. From then on, its users can
// sign in with passwords. If an operator has none, it is a Conflict.
func (c *Control) DeleteIdentityProvider(ctx context.Context, actor keyporter.Actor, organization keyporter.ID) error {
	return c.asOperator(ctx, actor, organization, func(tx *store.Tx) error {
		if err := c.mustBeFresh(actor); err != nil {
			return err
		}
		if err := tx.DeleteIdentityProvider(ctx, organization); err != nil {
			return missing(err, "identity provider")
		}
		if err := errors.Join(letsOperatorsIn(ctx, tx, organization), tx.DeleteSessionsOver(ctx, organization)); err != nil {
			return err
		}
		return tx.InsertEvent(ctx, c.organizationEvent(keyporter.EventProviderDelete, actor, organization, "", ""))
	})
}

// SetPasswords sets whether users of an organization can sign in with passwords. Switching
// them off requires a provider to sign in at, and that it knows the organization's operators.
func (c *Control) SetPasswords(ctx context.Context, actor keyporter.Actor, organization keyporter.ID, on bool) error {
	name := keyporter.EventPasswordsOff
	if on {
		name = keyporter.EventPasswordsOn
	}
	return c.asOperator(ctx, actor, organization, func(tx *store.Tx) error {
		if err := c.mustBeFresh(actor); err != nil {
			return err
		}
		_, err := tx.IdentityProviderOf(ctx, organization)
		if keyporter.KindOf(err) == keyporter.NotFound && !on {
			return keyporter.Refuse(keyporter.Conflict, "Without passwords nobody could sign in: the organization has no identity provider.")
		}
		if err != nil && keyporter.KindOf(err) != keyporter.NotFound {
			return err
		}
		changed, err := tx.SetPasswords(ctx, organization, on)
		if err != nil || !changed {
			return err
		}
		if err := errors.Join(letsOperatorsIn(ctx, tx, organization), tx.DeleteSessionsOver(ctx, organization)); err != nil {
			return err
		}
		return tx.InsertEvent(ctx, c.organizationEvent(name, actor, organization, "", ""))
	})
}

// letsOperatorsIn refuses a change that leaves an active operator of an organization without a way to
// sign in. Call it after the change. A first sign-in at a provider never finds an operator by their
// address, so they need a password, or have signed in there before they became one.
func letsOperatorsIn(ctx context.Context, tx *store.Tx, organization keyporter.ID) error {
	login, err := tx.LockedOutOperator(ctx, organization)
	if err == nil && login != "" {
		err = keyporter.Refuse(keyporter.Conflict, login+" would be an operator who can’t sign in: they have no password they can use, and the organization’s provider doesn’t know them. If passwords stay on, set one for them. Otherwise, have them sign in at the provider while they aren’t an operator, and make them an operator afterward.")
	}
	return err
}
