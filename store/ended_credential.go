package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/keyporter/keyporter"
)

// EndedCredential is a connection that has ended, or a deleted app that acted for itself. Of deleted tokens, see
// DeletedToken.
type EndedCredential struct {
	ID             keyporter.ID
	OrganizationID keyporter.ID   // empty: an app of the instance
	UserIDs        []keyporter.ID // whose connection it was, or who was responsible for the app
	AppID          keyporter.ID   // the same as ID: it was the app itself
	Name           string         // of the app
	EndedAt        time.Time
}

// OfApp reports whether the app acted for itself.
func (e *EndedCredential) OfApp() bool { return e.ID == e.AppID }

// endConnection deletes a connection. Its refused calls stay as long as those of a deleted token.
func (tx *Tx) endConnection(ctx context.Context, id keyporter.ID, now time.Time) error {
	if _, err := tx.exec(ctx, `
		INSERT INTO ended_credentials (id, user_id, organization_id, app_id, name, ended_at)
		SELECT c.id, c.user_id, c.organization_id, c.app_id, a.name, $2 FROM connections c JOIN apps a ON a.id = c.app_id WHERE c.id = $1`, id, millis(now)); err != nil {
		return explain(err)
	}
	return tx.execOrNotFound(ctx, `DELETE FROM connections WHERE id = $1`, id)
}

// endApps deletes apps with their connections. The refused calls of both stay as long as those of a deleted token.
func (tx *Tx) endApps(ctx context.Context, apps []keyporter.ID, now time.Time) error {
	marks, args := placeholders(apps, any(millis(now)))
	for _, query := range []string{
		`INSERT INTO ended_credentials (id, user_id, organization_id, app_id, name, ended_at)
			SELECT c.id, c.user_id, c.organization_id, c.app_id, a.name, $1 FROM connections c JOIN apps a ON a.id = c.app_id WHERE c.app_id IN ` + marks,
		`INSERT INTO ended_credentials (id, user_id, organization_id, app_id, name, ended_at)
			SELECT a.id, p.user_id, coalesce(a.organization_id, ''), a.id, a.name, $1 FROM apps a JOIN app_people p ON p.app_id = a.id WHERE a.id IN ` + marks,
		`INSERT INTO ended_credentials (id, user_id, organization_id, app_id, name, ended_at)
			SELECT a.id, '', coalesce(a.organization_id, ''), a.id, a.name, $1 FROM apps a WHERE a.id IN ` + marks,
	} {
		if _, err := tx.exec(ctx, query, args...); err != nil {
			return explain(err)
		}
	}
	marks, args = placeholders(apps)
	_, err := tx.exec(ctx, `DELETE FROM apps WHERE id IN `+marks, args...)
	return explain(err)
}

// EndedCredentialsByID returns what has ended and isn't forgotten yet. Other IDs aren't in the map.
func (q queries) EndedCredentialsByID(ctx context.Context, ids []keyporter.ID) (map[keyporter.ID]EndedCredential, error) {
	rows, err := listByID(ctx, q.q, scanEndedCredential, `
		SELECT id, user_id, organization_id, app_id, name, ended_at FROM ended_credentials WHERE id IN ($ids) ORDER BY id, user_id`, ids)
	if err != nil {
		return nil, fmt.Errorf("find ended credentials: %w", err)
	}
	all := map[keyporter.ID]EndedCredential{}
	for _, r := range rows {
		r.UserIDs = slices.Concat(all[r.ID].UserIDs, r.UserIDs)
		all[r.ID] = r
	}
	return all, nil
}

func scanEndedCredential(row scanner) (e EndedCredential, err error) {
	var user keyporter.ID
	var ended int64
	err = row.Scan(&e.ID, &user, &e.OrganizationID, &e.AppID, &e.Name, &ended)
	e.EndedAt = fromMillis(ended)
	if user != "" {
		e.UserIDs = []keyporter.ID{user}
	}
	return e, err
}

const selectEnded = `SELECT id FROM ended_credentials WHERE ended_at <= $1 ORDER BY ended_at, id LIMIT $2`

// pruneEnded forgets what ended as long ago as tokens that can't be restored anymore, with its refused calls.
func (db *DB) pruneEnded(ctx context.Context, now time.Time) error {
	for n := pruneRows; n == pruneRows; {
		err := db.Do(ctx, func(tx *Tx) error {
			ids, err := list(ctx, tx.q, scanString[keyporter.ID], selectEnded, millis(now.Add(-keyporter.RestoreWithin)), pruneRows)
			if err != nil {
				return err
			}
			n = len(ids)
			return tx.forgetEnded(ctx, ids)
		})
		if err != nil {
			return fmt.Errorf("forget what has ended: %w", err)
		}
	}
	return nil
}

func (tx *Tx) forgetEnded(ctx context.Context, ids []keyporter.ID) error {
	if len(ids) == 0 {
		return nil
	}
	// In order, as in AddRefusals: of two that hold the same ones, neither waits in a circle.
	if _, err := listByID(ctx, tx.q, scanString[keyporter.ID], `SELECT id FROM ended_credentials WHERE id IN ($ids) ORDER BY id`+tx.lock("UPDATE"), ids); err != nil {
		return err
	}
	marks, args := placeholders(ids)
	if _, err := tx.exec(ctx, `DELETE FROM ended_credentials WHERE id IN `+marks, args...); err != nil {
		return explain(err)
	}
	return tx.forgetUses(ctx, ids...)
}
