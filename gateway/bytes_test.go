package gateway_test

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"text/tabwriter"

	"github.com/keyporter/keyporter/keyportertest"
)

// TestTableOfBytes sends what the table in docs/reference/gateway.md says is sent, over TCP, and
// compares what arrives with what the table says, byte for byte.
func TestTableOfBytes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	var out strings.Builder
	tab := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	rows := keyportertest.BytesTable(t, "../docs/reference/gateway.md")
	for _, r := range rows {
		got := w.arrives(t, r)
		fmt.Fprintf(tab, "%s\t%.70s\t%.70s\n", r.Area, r.Sent, got)
		if got != r.Arrives {
			t.Errorf("%s: %q arrives as\n%q, want\n%q", r.Area, r.Sent, got, r.Arrives)
		}
	}
	_ = tab.Flush()
	t.Logf("%d lines\n%s", len(rows), out.String())
}

// arrives sends what a row says, and returns what arrives at the other end.
func (w *world) arrives(t *testing.T, r keyportertest.BytesRow) string {
	t.Helper()
	request, response := r.Messages("/other/x", "ApiToken: "+w.secret)
	w.api.Answers(response)
	conn := w.connect(t)
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	answer, _ := io.ReadAll(conn)
	return r.Found(w.api.Got(), string(answer))
}
