package store

import (
	"strconv"
	"strings"

	"github.com/keyporter/keyporter"
)

// placeholders returns a list such as ($2, $3) for IDs that follow other arguments, and all the
// arguments. It rounds the number of placeholders up to a power of two, repeating the last ID,
// so that the database only sees a few different statements.
func placeholders(ids []keyporter.ID, others ...any) (marks string, args []any) {
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
