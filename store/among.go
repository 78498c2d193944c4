package store

import (
	"strconv"
	"strings"

	"github.com/keyporter/keyporter"
)

// among returns a list of placeholders, such as ($2, $3), for IDs that come after other
// arguments, and all arguments. The number of placeholders is a power of two, and the last
// ID fills the rest, so that lists of any length make few statements that the database has to know.
func among(ids []keyporter.ID, others ...any) (marks string, args []any) {
	n := 1
	for n < len(ids) {
		n *= 2
	}
	args = others
	var b strings.Builder
	for i := range n {
		b.WriteString(map[bool]string{true: "($", false: ", $"}[i == 0])
		b.WriteString(strconv.Itoa(len(others) + i + 1))
		args = append(args, ids[min(i, len(ids)-1)])
	}
	return b.String() + ")", args
}
