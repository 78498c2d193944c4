package store

import (
	"slices"
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

// maxListed is how many values a list in a statement has: databases limit them.
const maxListed = 4096

// maxValues is how many rows go into one statement.
const maxValues = 64

// eachValues calls f with rows for VALUES and their arguments, a statement's worth at a time. They are
// column2 and so on, of these types, and column1 is the row's place among them: a statement that touches
// rows in this order can't meet another one halfway. f may get rows of NULLs besides, so that the
// database only sees a few different statements.
func eachValues[T any](all []T, types []string, of func(T) []any, f func(values string, args []any) error) error {
	for some := range slices.Chunk(all, maxValues) {
		n := 1
		for n < len(some) {
			n *= 2
		}
		var args []any
		var b strings.Builder
		for i := range n {
			b.WriteString(map[bool]string{true: "(", false: ", ("}[i == 0])
			b.WriteString(strconv.Itoa(i))
			row := make([]any, len(types))
			if i < len(some) {
				row = of(some[i])
			}
			for j, t := range types {
				b.WriteString(", CAST($" + strconv.Itoa(len(args)+j+1) + " AS " + t + ")")
			}
			b.WriteString(")")
			args = append(args, row...)
		}
		if err := f(b.String(), args); err != nil {
			return err
		}
	}
	return nil
}
