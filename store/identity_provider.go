package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/keyporter/keyporter"
)

// PutIdentityProvider writes the identity provider of an organization, replaces the one it had,
// and returns the provider's ID. If another organization has one of its domains, the error is a
// Conflict. If the issuer or the client ID changes, it deletes all known identities, because the
// same subject can then be another person.
func (tx *Tx) PutIdentityProvider(ctx context.Context, p keyporter.IdentityProvider, sealedSecret []byte) (keyporter.ID, error) {
	_, err := tx.exec(ctx, `
		DELETE FROM user_identities WHERE provider_id IN
			(SELECT id FROM identity_providers WHERE organization_id = $1 AND (issuer <> $2 OR client_id <> $3))`,
		p.OrganizationID, p.Issuer, p.ClientID)
	if err != nil {
		return "", explain(err)
	}
	id, err := one(ctx, tx.q, scanString[keyporter.ID], `
		INSERT INTO identity_providers (id, organization_id, name, issuer, client_id, client_secret, role_id, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
		ON CONFLICT (organization_id) DO UPDATE SET name = excluded.name, issuer = excluded.issuer,
			client_id = excluded.client_id, client_secret = excluded.client_secret, role_id = excluded.role_id
		RETURNING id`,
		p.ID, p.OrganizationID, p.Name, p.Issuer, p.ClientID, sealedSecret, p.RoleID, millis(p.CreatedAt))
	if err != nil {
		return "", fmt.Errorf("write identity provider: %w", err)
	}
	if _, err := tx.exec(ctx, `DELETE FROM identity_domains WHERE provider_id = $1`, id); err != nil {
		return "", explain(err)
	}
	for _, d := range p.Domains {
		if _, err := tx.exec(ctx, `INSERT INTO identity_domains (domain, provider_id) VALUES ($1, $2)`, d, id); err != nil {
			return "", fmt.Errorf("write domain: %w", explain(err))
		}
	}
	return id, nil
}

// DeleteIdentityProvider deletes the identity provider of an organization. From then on, its users
// sign in with passwords.
func (tx *Tx) DeleteIdentityProvider(ctx context.Context, organization keyporter.ID) error {
	if _, err := tx.SetPasswords(ctx, organization, true); err != nil {
		return err
	}
	return tx.execOrNotFound(ctx, `DELETE FROM identity_providers WHERE organization_id = $1`, organization)
}

const selectProvider = `
	SELECT p.id, p.organization_id, p.name, p.issuer, p.client_id, p.role_id, p.created_at,
		coalesce((SELECT string_agg(d.domain, ' ') FROM identity_domains d WHERE d.provider_id = p.id), '')
	FROM identity_providers p`

// IdentityProviderOf returns the identity provider of an organization.
func (q queries) IdentityProviderOf(ctx context.Context, organization keyporter.ID) (keyporter.IdentityProvider, error) {
	return one(ctx, q.q, scanProvider, selectProvider+` WHERE p.organization_id = $1`, organization)
}

// IdentityProviderByID returns an identity provider.
func (q queries) IdentityProviderByID(ctx context.Context, id keyporter.ID) (keyporter.IdentityProvider, error) {
	return one(ctx, q.q, scanProvider, selectProvider+` WHERE p.id = $1`, id)
}

// IdentityProviderByDomain returns the identity provider for a domain, which must be in lower case.
func (q queries) IdentityProviderByDomain(ctx context.Context, domain string) (keyporter.IdentityProvider, error) {
	return one(ctx, q.q, scanProvider, selectProvider+` JOIN identity_domains o ON o.provider_id = p.id WHERE o.domain = $1`, domain)
}

// HasIdentityProviders reports whether any organization has one.
func (q queries) HasIdentityProviders(ctx context.Context) (bool, error) {
	n, err := one(ctx, q.q, scanInt, `SELECT count(*) FROM identity_providers`)
	return n > 0, err
}

// IdentityProviderSecret returns the sealed client secret of an identity provider.
func (q queries) IdentityProviderSecret(ctx context.Context, id keyporter.ID) ([]byte, error) {
	scan := func(row scanner) (sealed []byte, err error) { return sealed, row.Scan(&sealed) }
	return one(ctx, q.q, scan, `SELECT client_secret FROM identity_providers WHERE id = $1`, id)
}

func scanProvider(row scanner) (p keyporter.IdentityProvider, err error) {
	var created int64
	var domains string
	err = row.Scan(&p.ID, &p.OrganizationID, &p.Name, &p.Issuer, &p.ClientID, &p.RoleID, &created, &domains)
	p.CreatedAt, p.Domains = fromMillis(created), strings.Fields(domains)
	return p, err
}

// LockDomain keeps others from adding logins in a domain, and from assigning it to a provider, until
// the transaction ends. Lock organizations before domains, and domains in order.
func (tx *Tx) LockDomain(ctx context.Context, domain string) error {
	_, err := tx.exec(ctx, `INSERT INTO login_domains (domain) VALUES ($1) ON CONFLICT (domain) DO UPDATE SET domain = excluded.domain`, domain)
	if err != nil {
		return fmt.Errorf("lock domain: %w", explain(err))
	}
	return nil
}

// OutsidersIn returns the logins of up to limit active users of other organizations in a domain, and
// how many there are. It reads the login itself: in a key, the domain may begin elsewhere, and the key
// of a user who isn't found by name has none. The index users_domain has the same expression.
func (q queries) OutsidersIn(ctx context.Context, domain string, organization keyporter.ID, limit int) (logins []string, all int, err error) {
	scan := func(row scanner) (login string, err error) { return login, row.Scan(&login, &all) }
	logins, err = list(ctx, q.q, scan, `
		SELECT login, count(*) OVER () FROM users
		WHERE lower(replace(substr(login, length(rtrim(login, replace(login, '@', ''))) + 1), 'I', 'i')) = $1
			AND organization_id <> $2 AND active
		ORDER BY login_key
		LIMIT $3`, domain, organization, limit)
	return logins, all, err
}

// Vouched reports whether a user signed in at an identity provider that a domain is assigned to.
func (q queries) Vouched(ctx context.Context, user keyporter.ID, domain string) (bool, error) {
	n, err := one(ctx, q.q, scanInt, `
		SELECT count(*) FROM user_identities i JOIN identity_domains d ON d.provider_id = i.provider_id
		WHERE i.user_id = $1 AND d.domain = $2`, user, domain)
	return n > 0, err
}

// InsertIdentity records the subject by which an identity provider knows a user.
func (tx *Tx) InsertIdentity(ctx context.Context, provider keyporter.ID, subject string, user keyporter.ID, at time.Time) error {
	_, err := tx.exec(ctx, `
		INSERT INTO user_identities (provider_id, subject, user_id, created_at) VALUES ($1, $2, $3, $4)`,
		provider, subject, user, millis(at))
	if err != nil {
		return fmt.Errorf("write identity: %w", explain(err))
	}
	return nil
}

// UserByIdentity returns the user a provider knows by a subject. If its issuer or client ID has changed
// in the meantime, it knows nobody.
func (q queries) UserByIdentity(ctx context.Context, p keyporter.IdentityProvider, subject string) (keyporter.User, error) {
	return q.user(ctx, `SELECT `+userColumns+` FROM users
		WHERE id = (SELECT i.user_id FROM user_identities i JOIN identity_providers p ON p.id = i.provider_id
			WHERE i.provider_id = $1 AND i.subject = $2 AND p.issuer = $3 AND p.client_id = $4)`, p.ID, subject, p.Issuer, p.ClientID)
}

// HasIdentity reports whether a provider knows a user by any subject.
func (q queries) HasIdentity(ctx context.Context, provider, user keyporter.ID) (bool, error) {
	n, err := one(ctx, q.q, scanInt, `SELECT count(*) FROM user_identities WHERE provider_id = $1 AND user_id = $2`, provider, user)
	return n > 0, err
}

// LockedOutOperator returns the login of an active operator of the organization who has no way to sign
// in: no password that counts, and no identity at its provider. If there is none, it is empty.
func (q queries) LockedOutOperator(ctx context.Context, organization keyporter.ID) (string, error) {
	login, err := one(ctx, q.q, scanString[string], `
		SELECT u.login FROM users u JOIN organizations o ON o.id = u.organization_id
		WHERE o.id = $1 AND u.operator AND u.active AND (NOT o.passwords OR u.password_hash = '') AND NOT EXISTS
			(SELECT 1 FROM user_identities i JOIN identity_providers p ON p.id = i.provider_id
			WHERE i.user_id = u.id AND p.organization_id = o.id)
		ORDER BY u.login LIMIT 1`, organization)
	if keyporter.KindOf(err) == keyporter.NotFound {
		return "", nil
	}
	return login, err
}

// Passwords reports whether users of an organization can sign in with passwords.
func (q queries) Passwords(ctx context.Context, organization keyporter.ID) (bool, error) {
	n, err := one(ctx, q.q, scanInt, `SELECT count(*) FROM organizations WHERE id = $1 AND passwords`, organization)
	return n > 0, err
}

// SetPasswords sets whether users of an organization can sign in with passwords, and reports
// whether that changed anything.
func (tx *Tx) SetPasswords(ctx context.Context, organization keyporter.ID, on bool) (changed bool, err error) {
	n, err := tx.exec(ctx, `UPDATE organizations SET passwords = $2 WHERE id = $1 AND passwords <> $2`, organization, on)
	return n > 0, explain(err)
}
