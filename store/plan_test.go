package store_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/keyportertest"
	"github.com/keyporter/keyporter/store"
)

// TestListsReadNoWholeTable: what a page lists is found by an index, however large the
// tables of other users and organizations grow.
func TestListsReadNoWholeTable(t *testing.T) {
	t.Parallel()
	db := open(t, keyportertest.SQLite(t))
	ctx, id, ids := t.Context(), keyporter.ID("01j"), []keyporter.ID{"01j", "01k", "01l"}
	uses := store.Uses{OrganizationID: id, Since: time.Now(), Now: time.Now()}
	plans := db.Explain(func() {
		for what, err := range map[string]error{
			"tokens of a user":                 second(db.TokensOf(ctx, id, keyporter.UserToken, "", 100)),
			"tokens in an organization":        second(db.TokensIn(ctx, id, keyporter.OrganizationToken, id, 100)),
			"tokens":                           second(db.TokensByID(ctx, ids)),
			"connections of a user":            second(db.ConnectionsOf(ctx, id, id, 100)),
			"connections in an organization":   second(db.ConnectionsIn(ctx, id, "", 100)),
			"connections":                      second(db.ConnectionsByID(ctx, ids)),
			"apps":                             second(db.AppsByID(ctx, ids)),
			"users":                            second(db.UsersByID(ctx, ids)),
			"users of an organization":         second(db.UsersOf(ctx, store.UserList{OrganizationID: id, Match: "a", Limit: 100})),
			"names of organizations":           second(db.OrganizationNames(ctx, ids)),
			"counts of users":                  second(db.CountUsers(ctx, ids)),
			"uses":                             second(db.UsesOf(ctx, ids, time.Now())),
			"refused calls of a token":         second(db.RefusalsOf(ctx, id)),
			"refused calls in an organization": second(db.RefusalsIn(ctx, id)),
			"tokens in use":                    second(db.UsableTokens(ctx, uses)),
			"whom tokens acted for":            second(db.ActingTokens(ctx, uses)),
			"roles":                            second(db.RolesIn(ctx, id)),
			"roles of a user":                  second(db.RolesOf(ctx, id)),
		} {
			if err != nil {
				t.Errorf("%s: %v", what, err)
			}
		}
	})
	if len(plans) < 18 {
		t.Errorf("only %d queries were explained", len(plans))
	}
	for query, plan := range plans {
		for _, step := range plan {
			what, scans := strings.CutPrefix(step, "SCAN ")
			if scans && !slices.Contains(plan, "CO-ROUTINE "+what) { // which has what a search found
				t.Errorf("%s\n%s", query, strings.Join(plan, "\n"))
				break
			}
		}
	}
}

// second returns the error of a call that returns something else, too.
func second[T any](_ T, err error) error { return err }
