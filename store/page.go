package store

import (
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
func (c *condition) like(column, part string) string {
	return column + " LIKE " + c.arg(contains(part)) + ` ESCAPE '\'`
}

// ownerLogin selects rows of users of an organization by part of their login. It has SQLite read the index of logins by
// comparing them.
func (c *condition) ownerLogin(column string, organization keyporter.ID, part string) string {
	return column + " IN (SELECT u.id FROM users u WHERE u.organization_id = " + c.arg(organization) + " AND u.login_key >= '' AND " + c.like("u.login_key", part) + ")"
}

// appName selects the app a by part of its name. There are no keys of these names: SQLite ignores the letter case of
// ASCII only.
func (c *condition) appName(part string) string {
	pattern := "%" + escapeLike(strings.ToLower(part)) + "%"
	return "lower(a.name) LIKE " + c.arg(pattern) + ` ESCAPE '\'`
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
