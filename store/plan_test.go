package store_test

import (
	"context"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/keyporter/keyporter/keyportertest"
	"github.com/keyporter/keyporter/store"
)

// TestNoStatementScansATableThatGrows reads the plan of every statement on both databases.
func TestNoStatementScansATableThatGrows(t *testing.T) {
	t.Parallel()
	keyportertest.EachOfBoth(t, func(t *testing.T, url string) {
		db := open(t, url)
		texts := store.Texts(t.Context(), db)
		if len(texts) < 150 {
			t.Errorf("only %d statements were found", len(texts))
		}
		plan, scan := sqlitePlan(db), regexp.MustCompile(`^SCAN (\w+)`)
		if store.IsPostgres(url) {
			plan, scan = postgresPlan(t, url), regexp.MustCompile(`Seq Scan on (\w+)`)
		}
		for _, text := range texts {
			steps, err := plan(t.Context(), text)
			if err != nil {
				t.Errorf("%s\n%v", text, err)
			}
			for _, step := range steps {
				if strings.HasSuffix(step, "USING INDEX users_operator") || strings.HasSuffix(step, "INDEX tokens_of_organizations") {
					continue // which has no other rows than those
				}
				if m := scan.FindStringSubmatch(step); m != nil && !inMemory(steps, m[1]) && !small(text, m[1]) {
					t.Errorf("%s\n%s", text, strings.Join(steps, "\n"))
					break
				}
			}
		}
	})
}

func sqlitePlan(db *store.DB) func(context.Context, string) ([]string, error) {
	return func(ctx context.Context, text string) ([]string, error) {
		return db.Lines(ctx, `EXPLAIN QUERY PLAN `+text, make([]any, parameters(text))...)
	}
}

// postgresPlan returns what explains statements without their arguments, on a connection that would rather do
// anything than read a whole table.
func postgresPlan(t *testing.T, url string) func(context.Context, string) ([]string, error) {
	t.Helper()
	config, err := pgx.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	config.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
	conn, err := pgx.ConnectConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	if _, err := conn.Exec(t.Context(), `SET enable_seqscan = off; SET plan_cache_mode = force_generic_plan`); err != nil {
		t.Fatal(err)
	}
	return func(ctx context.Context, text string) ([]string, error) {
		if _, err := conn.Exec(ctx, `DEALLOCATE ALL; PREPARE p AS `+text); err != nil {
			return nil, err
		}
		execute := `EXPLAIN EXECUTE p`
		if n := parameters(text); n > 0 {
			execute += `(` + strings.Repeat(`NULL, `, n-1) + `NULL)`
		}
		rows, err := conn.Query(ctx, execute)
		if err != nil {
			return nil, err
		}
		return pgx.CollectRows(rows, pgx.RowTo[string])
	}
}

// parameters returns how many parameters a statement has.
func parameters(text string) (n int) {
	for _, m := range regexp.MustCompile(`\$(\d+)`).FindAllStringSubmatch(text, -1) {
		i, _ := strconv.Atoi(m[1])
		n = max(n, i)
	}
	return n
}

// small reports whether a statement may scan a table.
func small(text, table string) bool {
	if slices.Contains([]string{
		"schema_range",       // one row
		"goose_db_version",   // one for a migration
		"setup_links",        // the first operator's
		"signing_keys",       // two at a time
		"identity_providers", // one for an organization; counted at the start
	}, table) {
		return true
	}
	for _, whole := range []string{
		"SELECT hash FROM token_secrets UNION ALL SELECT hash FROM access_tokens", // at the start: see verify.known
		"FROM apps WHERE length(webhook_secret) > 0 UNION ALL",                    // until the database knows its key; of the grants, one
		// An operator's lists, in the order of an index until the page is full.
		"FROM organizations WHERE name_key LIKE", "(SELECT 1 FROM organizations LIMIT $1)", "FROM apps a WHERE ($1 OR",
	} {
		if strings.Contains(strings.Join(strings.Fields(text), " "), whole) {
			return true
		}
	}
	return false
}

// inMemory reports whether a plan made the rows that it scans.
func inMemory(plan []string, what string) bool {
	return slices.ContainsFunc(plan, func(step string) bool {
		step = strings.TrimSpace(step)
		return step == "CO-ROUTINE "+what || step == "MATERIALIZE "+what || what == "v" || what == "CONSTANT"
	})
}
