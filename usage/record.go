package usage

import (
	"context"
	"fmt"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/store"
)

// Report is a number of calls with one credential that were decided elsewhere.
type Report struct {
	Credential keyporter.ID // API token, connection, or app that acts for itself
	ActedFor   string       // login name of the user an organization token acted for
	Agent      string       // User-Agent
	Address    string
	API        string
	Version    int // of the API, 0 if it has none
	LastAt     time.Time
	Allowed    int
	Refused    int
}

// maxAge is how far back a report may reach.
const maxAge = time.Hour

// Record counts calls that were decided elsewhere. It trusts a report about how many calls
// there were and where they came from, but about when only within the last hour. Credentials
// that don't exist, or no longer do, are skipped.
func (u *Usage) Record(ctx context.Context, reports []Report) error {
	now := u.now()
	var batch store.Batch
	for _, r := range reports {
		last := r.LastAt
		if last.After(now) {
			last = now
		} else if last.Before(now.Add(-maxAge)) {
			last = now.Add(-maxAge)
		}
		batch.Uses = append(batch.Uses, store.Use{CredentialID: r.Credential, ActedFor: text(cut(r.ActedFor, keyporter.MaxLoginLen)), ClientUse: keyporter.ClientUse{
			Agent: text(cut(r.Agent, maxAgent)), Address: text(cut(r.Address, maxAddress)), Version: versionText(r.API, r.Version),
			LastAt: last, Allowed: r.Allowed, Refused: r.Refused,
		}})
		batch.Routes = append(batch.Routes, store.RouteUse{
			CredentialID: r.Credential, RoutePattern: keyporter.RoutePattern{Version: versionText(r.API, r.Version)},
			LastAt: last, Counts: keyporter.Counts{Allowed: r.Allowed, Refused: r.Refused},
		})
	}
	err := u.db.Do(ctx, func(tx *store.Tx) error { return tx.AddUses(ctx, batch) })
	if err != nil {
		return fmt.Errorf("record reported calls: %w", err)
	}
	return nil
}
