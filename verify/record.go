package verify

import (
	"context"
	"fmt"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/store"
)

// Use are calls that were decided about elsewhere, out of what Inspect had answered.
type Use struct {
	Credential keyporter.ID // API token, connection, or app that acts for itself
	SpokeFor   string       // login name, with an organization token
	Agent      string       // User-Agent
	Address    string
	API        *API
	Version    int // of the API, 0 when there is none
	LastAt     time.Time
	Allowed    int
	Refused    int
}

// maxAge is how far back a report of uses may reach.
const maxAge = time.Hour

// Record counts calls that were decided about elsewhere. It is believed how many there
// were and where they came from, but not when, beyond the last hour. Credentials that
// there aren't, or not any more, count nothing.
func (c *Checker) Record(ctx context.Context, uses []Use) error {
	now := c.now()
	rows := make([]store.Use, 0, len(uses))
	for _, u := range uses {
		last := u.LastAt
		if last.After(now) {
			last = now
		} else if last.Before(now.Add(-maxAge)) {
			last = now.Add(-maxAge)
		}
		rows = append(rows, store.Use{CredentialID: u.Credential, SpokeFor: text(cut(u.SpokeFor, keyporter.MaxLoginLen)), ClientUse: keyporter.ClientUse{
			Agent: text(cut(u.Agent, maxAgent)), Address: text(cut(u.Address, maxAddress)), Version: versionText(u.API, u.Version),
			LastAt: last, Allowed: u.Allowed, Refused: u.Refused,
		}})
	}
	err := c.db.Do(ctx, func(tx *store.Tx) error { return tx.AddUses(ctx, rows) })
	if err != nil {
		return fmt.Errorf("record uses: %w", err)
	}
	return nil
}
