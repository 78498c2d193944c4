package store_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/keyportertest"
	"github.com/keyporter/keyporter/store"
)

// TestListsReadNoWholeTable expects an index for everything that a page lists, however large the
// tables of other users and organizations grow.
func TestListsReadNoWholeTable(t *testing.T) {
	t.Parallel()
	db := open(t, keyportertest.SQLite(t))
	ctx, id, ids := t.Context(), keyporter.ID("01j"), []keyporter.ID{"01j", "01k", "01l"}
	hashes := []keyporter.SecretHash{{1}, {2}, {3}}
	uses := store.Uses{OrganizationID: id, Since: time.Now(), Now: time.Now()}
	plans := db.Explain(func() {
		for what, err := range map[string]error{
			"tokens of a user":                 errorOf(db.TokensOf(ctx, id, keyporter.UserToken, "", 100)),
			"tokens in an organization":        errorOf(db.TokensIn(ctx, id, keyporter.OrganizationToken, id, 100)),
			"tokens":                           errorOf(db.TokensByID(ctx, ids)),
			"connections of a user":            errorOf(db.ConnectionsOf(ctx, id, id, 100)),
			"connections in an organization":   errorOf(db.ConnectionsIn(ctx, id, "", 100)),
			"connections":                      errorOf(db.ConnectionsByID(ctx, ids)),
			"apps":                             errorOf(db.AppsByID(ctx, ids)),
			"users":                            errorOf(db.UsersByID(ctx, ids)),
			"logins in a domain":               outsiders(ctx, db, id),
			"users of an organization":         errorOf(db.UsersOf(ctx, store.UserList{OrganizationID: id, Match: "a", Limit: 100})),
			"names of organizations":           errorOf(db.OrganizationNames(ctx, ids)),
			"counts of users":                  errorOf(db.CountUsers(ctx, ids)),
			"uses":                             errorOf(db.UsesOf(ctx, ids, time.Now())),
			"refused calls of a token":         errorOf(db.RefusalsOf(ctx, id)),
			"refused calls in an organization": errorOf(db.RefusalsIn(ctx, id)),
			"tokens in use":                    errorOf(db.UsableTokens(ctx, uses)),
			"users tokens acted for":           errorOf(db.ActingTokens(ctx, uses)),
			"credentials":                      errorOf(db.CredentialsByHash(ctx, hashes)),
			"access tokens":                    errorOf(db.AccessByHash(ctx, hashes)),
			"roles":                            errorOf(db.RolesIn(ctx, id)),
			"roles of a user":                  errorOf(db.RolesOf(ctx, id)),
		} {
			if err != nil {
				t.Errorf("%s: %v", what, err)
			}
		}
	})
	if len(plans) < 20 {
		t.Errorf("only %d queries were explained", len(plans))
	}
	for query, plan := range plans {
		for _, step := range plan {
			what, scans := strings.CutPrefix(step, "SCAN ")
			if scans && !slices.Contains(plan, "CO-ROUTINE "+what) { // which holds the rows that an index found
				t.Errorf("%s\n%s", query, strings.Join(plan, "\n"))
				break
			}
		}
	}
}

func outsiders(ctx context.Context, db *store.DB, id keyporter.ID) error {
	_, _, err := db.OutsidersIn(ctx, "acme.example", id, 3)
	return err
}

// errorOf returns the error of a call that also returns a value.
func errorOf[T any](_ T, err error) error { return err }
