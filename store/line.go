package store

import "context"

// line is where transactions wait for SQLite's one writer. Changes wait in line, each for those that came
// before it. Those that checks and the watcher need go before all that wait.
type line struct{ changes, writer chan struct{} }

func newLine() *line { return &line{make(chan struct{}, 1), make(chan struct{}, 1)} }

// wait returns when it is someone's turn, with what ends it.
func (l *line) wait(ctx context.Context, first bool) (leave func(), err error) {
	if l == nil { // PostgreSQL has many writers
		return func() {}, nil
	}
	if !first {
		if err := enter(ctx, l.changes); err != nil {
			return nil, err
		}
		defer func() { <-l.changes }()
	}
	if err := enter(ctx, l.writer); err != nil {
		return nil, err
	}
	return func() { <-l.writer }, nil
}

func enter(ctx context.Context, turn chan struct{}) error {
	select {
	case turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
