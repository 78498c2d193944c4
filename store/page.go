package store

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/keyporter/keyporter"
)

// Place is where a row is in a sorted list.
type Place struct {
	Text   string // what the list is sorted by, if that is a text
	Number int64  // the same, if it is a number or a time
	ID     keyporter.ID
}

// Page selects a page of a list.
type Page struct {
	From     *Place // the row next to the page, which isn't on it; nil: none
	Backward bool   // the page ends before From instead of starting after it; without From, it is the last page
	Limit    int
}

// MaxCounted is how many rows of a list are counted. MaxCounted + 1 stands for more.
const MaxCounted = 10_000

// condition is what follows WHERE, with its arguments.
type condition struct {
	text string
	args []any
}

// arg adds an argument and returns its placeholder.
func (c *condition) arg(value any) string {
	c.args = append(c.args, value)
	return "$" + strconv.Itoa(len(c.args))
}

// marks adds arguments and returns a list of their placeholders, see placeholders.
func (c *condition) marks(values []string) (marks string) {
	marks, c.args = placeholders(values, c.args...)
	return marks
}

// and adds a condition that must be true, too.
func (c *condition) and(text string) { c.text += " AND " + text }

// or joins conditions of which one must be true.
func or(conditions ...string) string { return "(" + strings.Join(conditions, " OR ") + ")" }

// like returns the condition that a column has the pattern of contains.
func (c *condition) like(column, part string) string { return c.hasPattern(column, contains(part)) }

// hasPattern returns the condition that a column has a pattern in which escapeLike escaped what isn't one. Without
// ESCAPE, SQLite takes half the time.
func (c *condition) hasPattern(column, pattern string) string {
	text := column + " LIKE " + c.arg(pattern)
	if strings.Contains(pattern, `\`) {
		text += ` ESCAPE '\'`
	}
	return text
}

// ownerLogin selects rows of users of an organization by part of their login. It has SQLite read the index of logins by
// comparing them.
func (c *condition) ownerLogin(column string, organization keyporter.ID, part string) string {
	return column + " IN (SELECT u.id FROM users u WHERE u.organization_id = " + c.arg(organization) + " AND u.login_key >= '' AND " + c.like("u.login_key", part) + ")"
}

// has returns the condition that a column of which there is no key has a part. Of letters other than ASCII, SQLite minds
// the case.
func (c *condition) has(column, part string) string {
	return c.hasPattern("lower("+column+")", "%"+escapeLike(strings.ToLower(part))+"%")
}

// sorting is the order of a list: by a column or expression, and then by ID. Without a column, by ID alone.
type sorting struct {
	by         string
	number     bool // it is a number, not a text
	id         string
	descending bool
}

// next limits c to the rows of a page, and returns their order and number.
func (s sorting) next(c *condition, p Page) (order, limit string) {
	sign, direction := ">", ""
	if s.descending != p.Backward {
		sign, direction = "<", " DESC"
	}
	if p.From != nil {
		switch {
		case s.by == "":
			c.and(s.id + " " + sign + " " + c.arg(p.From.ID))
		case s.number:
			c.and("(" + s.by + ", " + s.id + ") " + sign + " (" + c.arg(p.From.Number) + ", " + c.arg(p.From.ID) + ")")
		default:
			c.and("(" + s.by + ", " + s.id + ") " + sign + " (" + c.arg(p.From.Text) + ", " + c.arg(p.From.ID) + ")")
		}
	}
	order = " ORDER BY "
	if s.by != "" {
		order += s.by + direction + ", "
	}
	return order + s.id + direction, " LIMIT " + c.arg(p.Limit)
}

// inOrder returns the rows of a page in the order of the list.
func inOrder[T any](rows []T, p Page) []T {
	if p.Backward {
		slices.Reverse(rows)
	}
	return rows
}

// limitCounted ends a query for rows that are counted.
const limitCounted = " LIMIT 10001"

// counting is a list whose rows are counted, and those of each of its parts.
type counting struct {
	condition          // that all rows meet
	table     string   // with its alias
	columns   string   // that tell the parts
	parts     []string // conditions, which don't use the alias
}

// countParts counts the rows of a list, and then those of each of its parts, each up to MaxCounted + 1. If there are few,
// it reads them once.
func (q queries) countParts(ctx context.Context, c counting) ([]int, error) {
	counts := []string{`(SELECT count(*) FROM few)`}
	for _, part := range c.parts {
		counts = append(counts, `CASE WHEN (SELECT count(*) FROM few) <= `+strconv.Itoa(MaxCounted)+` THEN (SELECT count(*) FROM few WHERE `+part+`)
			ELSE (SELECT count(*) FROM (SELECT 1 FROM `+c.table+` WHERE `+c.text+` AND `+part+limitCounted+`) c) END`)
	}
	n, err := one(ctx, q.q, func(row scanner) ([]int, error) {
		n, into := make([]int, len(counts)), make([]any, len(counts))
		for i := range n {
			into[i] = &n[i]
		}
		return n, row.Scan(into...)
	}, `WITH few AS MATERIALIZED (SELECT `+c.columns+` FROM `+c.table+` WHERE `+c.text+limitCounted+`) SELECT `+strings.Join(counts, ", "), c.args...)
	if err != nil {
		return make([]int, len(counts)), fmt.Errorf("count %s: %w", c.table, err)
	}
	return n, nil
}
