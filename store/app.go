package store

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/keyporter/keyporter"
)

const appColumns = `
	a.id, coalesce(a.organization_id, ''), a.name, a.description, a.publisher, a.home_page, a.verified, a.state,
	a.authentication, a.keys, a.redirect_uris, a.scopes, a.device, a.own_tokens, a.without_pkce, a.jwt, a.introspects, a.dynamic,
	a.webhook, a.image_at, a.created_at, a.version`

// InsertApp writes a new app.
func (tx *Tx) InsertApp(ctx context.Context, a keyporter.App) error {
	uris, err := json.Marshal(a.RedirectURIs)
	if err != nil {
		return err
	}
	_, err = tx.exec(ctx, `
		INSERT INTO apps (id, organization_id, name, description, publisher, home_page, verified, state,
			authentication, keys, redirect_uris, scopes, device, own_tokens, without_pkce, jwt, introspects, dynamic,
			webhook, image_at, created_at, version)
		VALUES ($1, nullif($2, ''), $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, 0, $20, 1)`,
		a.ID, a.OrganizationID, a.Name, a.Description, a.Publisher, a.HomePage, a.Verified, a.State,
		a.Authentication, a.Keys, string(uris), joinScopes(a.Scopes), a.Device, a.OwnTokens, a.WithoutPKCE, a.JWT, a.Introspects, a.Dynamic,
		a.Webhook, millis(a.CreatedAt))
	if err != nil {
		return fmt.Errorf("insert app: %w", explain(err))
	}
	return nil
}

// UpdateApp writes what can be changed of an app, unless somebody changed it since
// version: then it is NotFound.
func (tx *Tx) UpdateApp(ctx context.Context, a keyporter.App, version int) error {
	uris, err := json.Marshal(a.RedirectURIs)
	if err != nil {
		return err
	}
	return tx.must(ctx, `
		UPDATE apps SET name = $3, description = $4, publisher = $5, home_page = $6, verified = $7, state = $8,
			authentication = $9, keys = $10, redirect_uris = $11, scopes = $12, device = $13, own_tokens = $14,
			without_pkce = $15, jwt = $16, introspects = $17, webhook = $18, version = version + 1
		WHERE id = $1 AND version = $2`,
		a.ID, version, a.Name, a.Description, a.Publisher, a.HomePage, a.Verified, a.State,
		a.Authentication, a.Keys, string(uris), joinScopes(a.Scopes), a.Device, a.OwnTokens, a.WithoutPKCE, a.JWT, a.Introspects, a.Webhook)
}

// SetAppState suspends an app or has it work, and tells whether that changed it.
func (tx *Tx) SetAppState(ctx context.Context, id keyporter.ID, s keyporter.AppState) (changed bool, err error) {
	n, err := tx.exec(ctx, `UPDATE apps SET state = $2, version = version + 1 WHERE id = $1 AND state <> $2`, id, s)
	return n > 0, explain(err)
}

// DeleteApp deletes an app with all of its connections, grants and tokens.
func (tx *Tx) DeleteApp(ctx context.Context, id keyporter.ID) error {
	for _, table := range []string{"credential_hours", "credential_clients", "credential_refusals"} {
		_, err := tx.exec(ctx, `DELETE FROM `+table+` WHERE credential_id = $1 OR credential_id IN (SELECT id FROM connections WHERE app_id = $1)`, id)
		if err != nil {
			return explain(err)
		}
	}
	return tx.must(ctx, `DELETE FROM apps WHERE id = $1`, id)
}

// AppByID returns an app.
func (q queries) AppByID(ctx context.Context, id keyporter.ID) (keyporter.App, error) {
	a, err := one(ctx, q.q, scanApp, `SELECT `+appColumns+` FROM apps a WHERE a.id = $1`, id)
	if err != nil {
		return a, fmt.Errorf("find app: %w", err)
	}
	return a, nil
}

// AppsIn returns the apps of an organization (empty: of the instance), the latest first:
// up to limit, older than the app before (empty: from the latest).
func (q queries) AppsIn(ctx context.Context, organization, before keyporter.ID, limit int) ([]keyporter.App, error) {
	return list(ctx, q.q, scanApp, `SELECT `+appColumns+` FROM apps a
		WHERE coalesce(a.organization_id, '') = $1 AND ($2 = '' OR a.id < $2)
		ORDER BY a.id DESC LIMIT $3`, organization, before, limit)
}

// AppsOf returns the apps that a user is responsible for, the latest first, as AppsIn does.
func (q queries) AppsOf(ctx context.Context, user, before keyporter.ID, limit int) ([]keyporter.App, error) {
	return list(ctx, q.q, scanApp, `SELECT `+appColumns+` FROM apps a JOIN app_people p ON p.app_id = a.id
		WHERE p.user_id = $1 AND ($2 = '' OR a.id < $2)
		ORDER BY a.id DESC LIMIT $3`, user, before, limit)
}

func scanApp(row scanner) (a keyporter.App, err error) {
	var uris, scopes string
	var image, created int64
	err = row.Scan(&a.ID, &a.OrganizationID, &a.Name, &a.Description, &a.Publisher, &a.HomePage, &a.Verified, &a.State,
		&a.Authentication, &a.Keys, &uris, &scopes, &a.Device, &a.OwnTokens, &a.WithoutPKCE, &a.JWT, &a.Introspects, &a.Dynamic,
		&a.Webhook, &image, &created, &a.Version)
	if err != nil {
		return a, err
	}
	a.ImageAt, a.CreatedAt, a.Scopes = fromMillis(image), fromMillis(created), splitScopes(scopes)
	if err := json.Unmarshal([]byte(uris), &a.RedirectURIs); err != nil {
		return a, fmt.Errorf("read the redirect URIs of app %s: %w", a.ID, err)
	}
	return a, nil
}

// joinScopes writes scopes in one text: names can have neither blanks nor question marks (RFC 6749 §3.3, keyporter.Scope).
func joinScopes(scopes []keyporter.AppScope) string {
	texts := make([]string, len(scopes))
	for i, s := range scopes {
		texts[i] = s.Name
		if s.Optional {
			texts[i] += "?"
		}
	}
	return strings.Join(texts, " ")
}

func splitScopes(text string) (scopes []keyporter.AppScope) {
	for s := range strings.FieldsSeq(text) {
		name, optional := strings.CutSuffix(s, "?")
		scopes = append(scopes, keyporter.AppScope{Name: name, Optional: optional})
	}
	return scopes
}

// SetAppImage keeps a PNG as the image of an app.
func (tx *Tx) SetAppImage(ctx context.Context, id keyporter.ID, png []byte, at time.Time) error {
	return tx.must(ctx, `UPDATE apps SET image = $2, image_at = $3 WHERE id = $1`, id, png, millis(at))
}

// AppImage returns the image of an app, a PNG. An app that has none is NotFound.
func (q queries) AppImage(ctx context.Context, id keyporter.ID) ([]byte, error) {
	scan := func(row scanner) (png []byte, err error) { return png, row.Scan(&png) }
	return one(ctx, q.q, scan, `SELECT image FROM apps WHERE id = $1 AND image IS NOT NULL`, id)
}

// InsertAppSecret writes the hash of a new secret of an app, unless it has two already: then it is NotFound.
func (tx *Tx) InsertAppSecret(ctx context.Context, c keyporter.AppCredential, hash keyporter.SecretHash) error {
	err := tx.must(ctx, `
		UPDATE apps SET version = version + 1
		WHERE id = $1 AND (SELECT count(*) FROM app_secrets s WHERE s.app_id = apps.id) < 2`, c.AppID)
	if err != nil {
		return err
	}
	_, err = tx.exec(ctx, `
		INSERT INTO app_secrets (hash, id, app_id, first, last, created_at)
		VALUES ($1, $2, $3, $4, $5, $6)`, hash[:], c.ID, c.AppID, c.First, c.Last, millis(c.CreatedAt))
	return explain(err)
}

// DeleteAppSecret deletes a secret of an app.
func (tx *Tx) DeleteAppSecret(ctx context.Context, app, id keyporter.ID) error {
	return tx.must(ctx, `DELETE FROM app_secrets WHERE app_id = $1 AND id = $2`, app, id)
}

// AppSecretsOf returns the secrets of an app, the latest first.
func (q queries) AppSecretsOf(ctx context.Context, app keyporter.ID) ([]keyporter.AppCredential, error) {
	scan := func(row scanner) (c keyporter.AppCredential, err error) {
		var created int64
		err = row.Scan(&c.ID, &c.AppID, &c.First, &c.Last, &created)
		c.CreatedAt = fromMillis(created)
		return c, err
	}
	return list(ctx, q.q, scan, `
		SELECT id, app_id, first, last, created_at FROM app_secrets WHERE app_id = $1 ORDER BY created_at DESC, id DESC`, app)
}

// AppBySecret returns the app to which a secret with that hash belongs.
func (q queries) AppBySecret(ctx context.Context, hash keyporter.SecretHash) (keyporter.App, error) {
	return one(ctx, q.q, scanApp, `SELECT `+appColumns+` FROM apps a JOIN app_secrets s ON s.app_id = a.id WHERE s.hash = $1`, hash[:])
}

// SetAppPeople makes these users, and no others, responsible for an app.
func (tx *Tx) SetAppPeople(ctx context.Context, app keyporter.ID, users []keyporter.ID) error {
	if _, err := tx.exec(ctx, `DELETE FROM app_people WHERE app_id = $1`, app); err != nil {
		return explain(err)
	}
	for _, u := range users {
		if _, err := tx.exec(ctx, `INSERT INTO app_people (app_id, user_id) VALUES ($1, $2)`, app, u); err != nil {
			return fmt.Errorf("make responsible for app: %w", explain(err))
		}
	}
	return nil
}

// AppPeople returns who is responsible for an app.
func (q queries) AppPeople(ctx context.Context, app keyporter.ID) ([]keyporter.ID, error) {
	return list(ctx, q.q, scanString[keyporter.ID], `SELECT user_id FROM app_people WHERE app_id = $1 ORDER BY user_id`, app)
}

// AppPolicyOf returns which apps the users of an organization may connect, and, with ListedApps, which are listed.
func (q queries) AppPolicyOf(ctx context.Context, organization keyporter.ID) (keyporter.AppPolicy, []keyporter.ID, error) {
	p, err := one(ctx, q.q, scanString[keyporter.AppPolicy], `SELECT apps FROM organizations WHERE id = $1`, organization)
	if err != nil {
		return "", nil, fmt.Errorf("find app policy: %w", err)
	}
	listed, err := list(ctx, q.q, scanString[keyporter.ID], `SELECT app_id FROM organization_apps WHERE organization_id = $1 ORDER BY app_id`, organization)
	return p, listed, err
}

// SetAppPolicy sets which apps the users of an organization may connect.
func (tx *Tx) SetAppPolicy(ctx context.Context, organization keyporter.ID, p keyporter.AppPolicy, listed []keyporter.ID) error {
	if err := tx.must(ctx, `UPDATE organizations SET apps = $2 WHERE id = $1`, organization, p); err != nil {
		return err
	}
	if _, err := tx.exec(ctx, `DELETE FROM organization_apps WHERE organization_id = $1`, organization); err != nil {
		return explain(err)
	}
	for _, id := range listed {
		if _, err := tx.exec(ctx, `INSERT INTO organization_apps (organization_id, app_id) VALUES ($1, $2)`, organization, id); err != nil {
			return fmt.Errorf("list app: %w", explain(err))
		}
	}
	return nil
}
