package server

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/keyporter/keyporter/store"
)

// databaseTime is how long a start waits for a database that can't be reached: after a power cut,
// PostgreSQL may come later than Keyporter.
const databaseTime = time.Minute

// openDatabase opens the database, and waits for its server.
func openDatabase(ctx context.Context, url string, log *slog.Logger, limit time.Duration) (*store.DB, error) {
	for end, told := time.Now().Add(limit), false; ; told = true {
		db, err := store.Open(ctx, url, log)
		if err == nil || !store.IsPostgres(url) || !store.IsUnreachable(err) {
			return db, err
		}
		if time.Now().After(end) {
			return nil, fmt.Errorf("after waiting for %s: %w", limit, err)
		}
		if !told {
			log.Warn("the database can't be reached; waiting for it", "limit", limit.String(), "error", err)
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(min(limit/10, time.Second)):
		}
	}
}
