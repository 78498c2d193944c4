package store

import (
	"context"
	"time"

	"github.com/keyporter/keyporter"
)

// SetAppImage sets the image of an app, a PNG. An empty one removes it.
func (tx *Tx) SetAppImage(ctx context.Context, id keyporter.ID, png []byte, at time.Time) error {
	if png == nil {
		return tx.execOrNotFound(ctx, `UPDATE apps SET image = NULL, image_at = 0 WHERE id = $1`, id)
	}
	return tx.execOrNotFound(ctx, `UPDATE apps SET image = $2, image_at = $3 WHERE id = $1`, id, png, millis(at))
}

// SetAppVerified records whether an operator vouches for an app.
func (tx *Tx) SetAppVerified(ctx context.Context, id keyporter.ID, verified bool) error {
	return tx.execOrNotFound(ctx, `UPDATE apps SET verified = $2, version = version + 1 WHERE id = $1`, id, verified)
}

// AppImage returns the image of an app, a PNG. If it has none, the error is NotFound.
func (q queries) AppImage(ctx context.Context, id keyporter.ID) ([]byte, error) {
	scan := func(row scanner) (png []byte, err error) { return png, row.Scan(&png) }
	return one(ctx, q.q, scan, `SELECT image FROM apps WHERE id = $1 AND image IS NOT NULL`, id)
}
