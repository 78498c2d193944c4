package store

import (
	"strconv"
	"strings"
)

// placeholders returns a list such as ($2, $3) for values that follow other arguments, and all the
// arguments. It rounds the number of placeholders up to a power of two, repeating the last value,
// so that the database only sees a few different statements.
func placeholders[T any](values []T, others ...any) (marks string, args []any) {
	n := 1
	for n < len(values) {
		n *= 2
	}
	args = others
	var b strings.Builder
	for i := range n {
		b.WriteString(map[bool]string{true: "($", false: ", $"}[i == 0])
		b.WriteString(strconv.Itoa(len(others) + i + 1))
		args = append(args, values[min(i, len(values)-1)])
	}
	return b.String() + ")", args
}
