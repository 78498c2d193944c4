package store

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/keyporter/keyporter"
)

// AddRefusals writes refused calls, which must be ordered oldest first, and deletes those that
// are neither among the latest of their credential nor among the latest of their organization.
// It drops refusals of credentials that have been deleted since and are forgotten, too.
func (tx *Tx) AddRefusals(ctx context.Context, calls []keyporter.RefusedCall) error {
	calls, organizations, err := hold(ctx, tx, append(credentialTables("KEY SHARE"), heldTable{"deleted_tokens", "KEY SHARE"}, heldTable{"ended_credentials", "KEY SHARE"}), calls, func(c keyporter.RefusedCall) keyporter.ID { return c.CredentialID })
	if err != nil {
		return fmt.Errorf("insert refusals: %w", err)
	}
	if err := tx.insertRefusals(ctx, calls, organizations); err != nil {
		return fmt.Errorf("insert refusals: %w", explain(err))
	}
	for _, credential := range slices.Sorted(maps.Keys(organizations)) { // in order, as in AddUses
		_, err := tx.exec(ctx, `
			DELETE FROM credential_refusals
			WHERE credential_id = $1
				AND id NOT IN (SELECT id FROM credential_refusals WHERE credential_id = $1 ORDER BY id DESC LIMIT $3)
				AND id NOT IN (SELECT id FROM credential_refusals WHERE organization_id = $2 ORDER BY id DESC LIMIT $3)`,
			credential, organizations[credential], keyporter.RefusalLimit)
		if err != nil {
			return fmt.Errorf("forget old refusals: %w", explain(err))
		}
	}
	return nil
}

func (tx *Tx) insertRefusals(ctx context.Context, calls []keyporter.RefusedCall, organizations map[keyporter.ID]keyporter.ID) error {
	types := []string{"TEXT", "TEXT", "TEXT", "BIGINT", "TEXT", "TEXT", "TEXT", "TEXT", "TEXT", "TEXT", "TEXT", "TEXT", "TEXT"}
	return eachValues(calls, types, func(c keyporter.RefusedCall) []any {
		return []any{
			c.CredentialID, c.ID, c.RequestID, millis(c.At),
			c.Reason, c.Cause, c.Method, c.Path, c.Version, c.LoginName, c.Address, c.Agent, organizations[c.CredentialID],
		}
	}, func(values string, args []any) error {
		_, err := tx.exec(ctx, `
			INSERT INTO credential_refusals (credential_id, id, request_id, at,
				reason, cause, method, path, version, login_name, address, agent, organization_id)
			SELECT column2, column3, column4, column5, column6, column7, column8, column9, column10, column11, column12, column13, column14
			FROM (VALUES `+values+`) v
			WHERE column2 IS NOT NULL
			ORDER BY column1`, args...)
		return err
	})
}

const selectRefusal = `
	SELECT id, request_id, at, organization_id, credential_id, reason, cause, method, path, version, login_name, address, agent
	FROM credential_refusals`

// RefusalsOf returns the latest refusals of a token, a connection, or an app that acts for itself, latest first.
func (q queries) RefusalsOf(ctx context.Context, credential keyporter.ID) ([]keyporter.RefusedCall, error) {
	return list(ctx, q.q, scanRefusal, selectRefusal+` WHERE credential_id = $1 ORDER BY id DESC LIMIT $2`, credential, keyporter.RefusalLimit)
}

// RefusalByRequestID returns the refusal of the call with this request ID.
func (q queries) RefusalByRequestID(ctx context.Context, id string) (keyporter.RefusedCall, error) {
	c, err := one(ctx, q.q, scanRefusal, selectRefusal+` WHERE request_id = $1 ORDER BY id LIMIT 1`, id)
	if err != nil {
		return c, fmt.Errorf("find refusal: %w", err)
	}
	return c, nil
}

func scanRefusal(row scanner) (c keyporter.RefusedCall, err error) {
	var at int64
	err = row.Scan(&c.ID, &c.RequestID, &at, &c.OrganizationID, &c.CredentialID, &c.Reason, &c.Cause,
		&c.Method, &c.Path, &c.Version, &c.LoginName, &c.Address, &c.Agent)
	c.At = fromMillis(at)
	return c, err
}
