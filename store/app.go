package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/keyporter/keyporter"
)

const appColumns = `
	a.id, coalesce(a.organization_id, ''), a.name, a.description, a.publisher, a.home_page, a.verified, a.state, a.barred,
	a.authentication, a.keys, a.redirect_uris, a.scopes, a.device, a.own_tokens, a.without_pkce, a.jwt, a.introspects, a.dynamic,
	a.webhook, a.image_at, a.created_at, a.version, a.secret_in_form, a.es256`

// InsertApp writes a new app.
func (tx *Tx) InsertApp(ctx context.Context, a keyporter.App) error {
	uris, err := json.Marshal(a.RedirectURIs)
	if err != nil {
		return err
	}
	_, err = tx.exec(ctx, `
		INSERT INTO apps (id, organization_id, name, description, publisher, home_page, verified, state,
			authentication, keys, redirect_uris, scopes, device, own_tokens, without_pkce, jwt, introspects, dynamic,
			webhook, image_at, created_at, version, secret_in_form, es256)
		VALUES ($1, nullif($2, ''), $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, 0, $20, 1, $21, $22)`,
		a.ID, a.OrganizationID, a.Name, a.Description, a.Publisher, a.HomePage, a.Verified, a.State,
		a.Authentication, a.Keys, string(uris), joinScopes(a.Scopes), a.Device, a.OwnTokens, a.WithoutPKCE, a.JWT, a.Introspects, a.Dynamic,
		a.Webhook, millis(a.CreatedAt), a.SecretInForm, a.ES256)
	if err != nil {
		return fmt.Errorf("insert app: %w", explain(err))
	}
	return nil
}

// UpdateApp writes the parts of an app that can change. If the app is no longer at version,
// because someone else changed it, the error is NotFound.
func (tx *Tx) UpdateApp(ctx context.Context, a keyporter.App, version int) error {
	uris, err := json.Marshal(a.RedirectURIs)
	if err != nil {
		return err
	}
	return tx.execOrNotFound(ctx, `
		UPDATE apps SET name = $3, description = $4, publisher = $5, home_page = $6, verified = $7, state = $8,
			authentication = $9, keys = $10, redirect_uris = $11, scopes = $12, device = $13, own_tokens = $14,
			without_pkce = $15, jwt = $16, introspects = $17, webhook = $18, secret_in_form = $19, es256 = $20, version = version + 1
		WHERE id = $1 AND version = $2`,
		a.ID, version, a.Name, a.Description, a.Publisher, a.HomePage, a.Verified, a.State,
		a.Authentication, a.Keys, string(uris), joinScopes(a.Scopes), a.Device, a.OwnTokens, a.WithoutPKCE, a.JWT, a.Introspects, a.Webhook, a.SecretInForm, a.ES256)
}

// LockApp returns an app, and makes other transactions that lock it wait until this one ends.
// Lock an app before you decide anything based on its state: on PostgreSQL, two transactions
// that each read it and then write would otherwise both act on the same old state.
func (tx *Tx) LockApp(ctx context.Context, id keyporter.ID) (keyporter.App, error) {
	if err := tx.execOrNotFound(ctx, `UPDATE apps SET version = version WHERE id = $1`, id); err != nil {
		return keyporter.App{}, err
	}
	return tx.AppByID(ctx, id)
}

// SetAppState sets the state of an app, and reports whether that changed it.
func (tx *Tx) SetAppState(ctx context.Context, id keyporter.ID, s keyporter.AppState) (changed bool, err error) {
	n, err := tx.exec(ctx, `UPDATE apps SET state = $2, version = version + 1 WHERE id = $1 AND state <> $2`, id, s)
	return n > 0, explain(err)
}

// SetAppBarred records whether an operator has suspended an app.
func (tx *Tx) SetAppBarred(ctx context.Context, id keyporter.ID, barred bool) error {
	return tx.execOrNotFound(ctx, `UPDATE apps SET barred = $2 WHERE id = $1`, id, barred)
}

// DeleteApp deletes an app with all its connections, grants, tokens and counts. Its refused calls, and those of its
// connections, stay for now, see EndedCredential.
func (tx *Tx) DeleteApp(ctx context.Context, id keyporter.ID, now time.Time) error {
	n, err := tx.deleteApps(ctx, now, `SELECT id FROM apps WHERE id = $1`, id)
	if err == nil && n == 0 {
		err = explain(sql.ErrNoRows)
	}
	return err
}

// deleteApps deletes the apps that a query finds, with all that DeleteApp deletes, and returns how many. It locks
// them before it looks for their connections: from then on, nobody can connect them. It locks those, too: nobody else ends them.
func (tx *Tx) deleteApps(ctx context.Context, now time.Time, query string, args ...any) (n int, err error) {
	apps, err := list(ctx, tx.q, scanString[keyporter.ID], query+tx.lock("UPDATE"), args...)
	if err != nil || len(apps) == 0 {
		return 0, err
	}
	connections, err := listByID(ctx, tx.q, scanString[keyporter.ID], `SELECT id FROM connections WHERE app_id IN ($ids) ORDER BY id`+tx.lock("UPDATE"), apps)
	if err != nil {
		return 0, err
	}
	if err := tx.endApps(ctx, apps, now); err != nil {
		return 0, err
	}
	return len(apps), tx.forgetCounts(ctx, append(connections, apps...)...)
}

// AppByID returns an app.
func (q queries) AppByID(ctx context.Context, id keyporter.ID) (keyporter.App, error) {
	a, err := one(ctx, q.q, scanApp, `SELECT `+appColumns+` FROM apps a WHERE a.id = $1`, id)
	if err != nil {
		return a, fmt.Errorf("find app: %w", err)
	}
	return a, nil
}

// AppsByID returns apps. IDs that no app has aren't in the map.
func (q queries) AppsByID(ctx context.Context, ids []keyporter.ID) (map[keyporter.ID]keyporter.App, error) {
	apps, err := listByID(ctx, q.q, scanApp, `SELECT `+appColumns+` FROM apps a WHERE a.id IN ($ids)`, ids)
	if err != nil {
		return nil, fmt.Errorf("find apps: %w", err)
	}
	return byID(apps, func(a keyporter.App) keyporter.ID { return a.ID }), nil
}

// AppList selects apps, latest first.
type AppList struct {
	All            bool               // every app; otherwise the union of the next three fields
	OrganizationID keyporter.ID       // apps of this organization; empty: of none
	PersonID       keyporter.ID       // apps this user is responsible for
	Instance       bool               // apps of the whole instance
	State          keyporter.AppState // empty: any
	Match          string             // part of the name; empty: any
}

// Apps returns a page of a list of apps.
func (q queries) Apps(ctx context.Context, l AppList, p Page) ([]keyporter.App, error) {
	c := l.condition()
	if l.State != "" {
		c.and("a.state = " + c.arg(l.State))
	}
	order, limit := sorting{id: "a.id", descending: true}.next(&c, p)
	apps, err := list(ctx, q.q, scanApp, `SELECT `+appColumns+` FROM apps a WHERE `+c.text+order+limit, c.args...)
	if err != nil {
		return nil, fmt.Errorf("list apps: %w", err)
	}
	return inOrder(apps, p), nil
}

// AppCounts says how many apps of a list are in which state, each up to MaxCounted + 1.
type AppCounts struct {
	Selected    int // in the state that the list selects
	All         int
	Active      int
	Suspended   int
	Quarantined int
}

// CountListedApps counts the apps of a list.
func (q queries) CountListedApps(ctx context.Context, l AppList) (AppCounts, error) {
	c := counting{condition: l.condition(), table: "apps a", columns: "state"}
	states := []keyporter.AppState{keyporter.AppActive, keyporter.AppSuspended, keyporter.AppQuarantined}
	for _, s := range states {
		c.parts = append(c.parts, "state = "+c.arg(s))
	}
	n, err := q.countParts(ctx, c)
	return AppCounts{Selected: n[slices.Index(states, l.State)+1], All: n[0], Active: n[1], Suspended: n[2], Quarantined: n[3]}, err
}

// condition selects the apps of the list in any state.
func (l *AppList) condition() (c condition) {
	c.text = or(c.arg(l.All), "a.organization_id = "+c.arg(l.OrganizationID), c.arg(l.Instance)+" AND a.organization_id IS NULL",
		"EXISTS (SELECT 1 FROM app_people p WHERE p.app_id = a.id AND p.user_id = "+c.arg(l.PersonID)+")")
	if l.Match != "" {
		c.and(c.has("a.name", l.Match))
	}
	return c
}

func scanApp(row scanner) (a keyporter.App, err error) {
	var uris, scopes string
	var image, created int64
	err = row.Scan(&a.ID, &a.OrganizationID, &a.Name, &a.Description, &a.Publisher, &a.HomePage, &a.Verified, &a.State, &a.SuspendedByOperator,
		&a.Authentication, &a.Keys, &uris, &scopes, &a.Device, &a.OwnTokens, &a.WithoutPKCE, &a.JWT, &a.Introspects, &a.Dynamic,
		&a.Webhook, &image, &created, &a.Version, &a.SecretInForm, &a.ES256)
	if err != nil {
		return a, err
	}
	a.ImageAt, a.CreatedAt, a.Scopes = fromMillis(image), fromMillis(created), splitScopes(scopes)
	if err := json.Unmarshal([]byte(uris), &a.RedirectURIs); err != nil {
		return a, fmt.Errorf("read the redirect URIs of app %s: %w", a.ID, err)
	}
	return a, nil
}

// joinScopes writes scopes into one text. That works because names have neither spaces (RFC 6749
// §3.3) nor question marks (package server refuses those).
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

// AppWithSecret returns an app, and reports whether a secret with that hash is one of its own.
func (q queries) AppWithSecret(ctx context.Context, id keyporter.ID, hash keyporter.SecretHash) (a keyporter.App, itsOwn bool, err error) {
	scan := func(row scanner) (keyporter.App, error) { return scanApp(alsoScans{row, &itsOwn}) }
	a, err = one(ctx, q.q, scan, `SELECT `+appColumns+`, EXISTS (SELECT 1 FROM app_secrets s WHERE s.hash = $2 AND s.app_id = a.id)
		FROM apps a WHERE a.id = $1`, id, hash[:])
	if err != nil {
		return a, false, fmt.Errorf("find app: %w", err)
	}
	return a, itsOwn, nil
}

// SetAppPeople makes these users, and nobody else, responsible for an app.
func (tx *Tx) SetAppPeople(ctx context.Context, app keyporter.ID, users []keyporter.ID) error {
	if _, err := tx.exec(ctx, `DELETE FROM app_people WHERE app_id = $1`, app); err != nil {
		return explain(err)
	}
	for _, u := range users {
		if _, err := tx.exec(ctx, `INSERT INTO app_people (app_id, user_id) VALUES ($1, $2)`, app, u); err != nil {
			return fmt.Errorf("add person responsible for app: %w", explain(err))
		}
	}
	return nil
}

// AppPeople returns the users who are responsible for an app.
func (q queries) AppPeople(ctx context.Context, app keyporter.ID) ([]keyporter.ID, error) {
	return list(ctx, q.q, scanString[keyporter.ID], `SELECT user_id FROM app_people WHERE app_id = $1 ORDER BY user_id`, app)
}

// AppsOf returns the apps that a user is responsible for.
func (q queries) AppsOf(ctx context.Context, user keyporter.ID) ([]keyporter.ID, error) {
	return list(ctx, q.q, scanString[keyporter.ID], `SELECT app_id FROM app_people WHERE user_id = $1 ORDER BY app_id`, user)
}
