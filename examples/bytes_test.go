package examples_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/keyporter/keyporter/keyportertest"
)

// TestTableOfBytes sends the calls of the table in docs/reference/gateway.md through each proxy, and
// prints what the API gets. Paths and queries must arrive as they were sent, or be refused; what the table
// strips or refuses must be stripped or refused.
func TestTableOfBytes(t *testing.T) {
	w := newWorld(t)
	raw := keyportertest.NewRawAPI(t)
	w.api.URL = raw.URL
	rows := keyportertest.BytesTable(t, "../docs/reference/gateway.md")
	for _, f := range w.fronts(t) {
		var out strings.Builder
		tab := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
		for _, r := range rows {
			if strings.HasPrefix(r.Area, "answer") || r.Area == "status" {
				continue
			}
			got := through(t, f.address, raw, r, "ApiToken: "+w.secret)
			fmt.Fprintf(tab, "%s\t%.60s\t%.60s\n", r.Area, r.Sent, got)
			refused := len(got) == 3 && got >= "400" || got == ""
			switch {
			case refused, got == r.Arrives, r.Area == "path" && unescaped(got) == unescaped(r.Arrives):
			case r.Area == "path", r.Area == "query", r.Arrives == "nothing" && got == r.Sent, r.Arrives >= "400" && r.Arrives < "600":
				t.Errorf("%s, %s: %q arrives as %q, want %q", f.name, r.Area, r.Sent, got, r.Arrives)
			}
		}
		_ = tab.Flush()
		t.Logf("%s\n%s", f.name, out.String())
	}
}

// unescaped returns what a path means. Caddy and Traefik escape characters that a URL shouldn't have.
func unescaped(path string) string {
	meaning, err := url.PathUnescape(path)
	if err != nil {
		return path
	}
	return meaning
}

// through sends a row through a proxy and returns what the API gets, or the status of the refusal.
func through(t *testing.T, address string, api *keyportertest.RawAPI, r keyportertest.BytesRow, token string) string {
	t.Helper()
	request, response := r.Messages("/shop/x", token)
	api.Answers(response)
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(3 * time.Second))
	var answer bytes.Buffer
	if _, err := io.WriteString(conn, request); err == nil {
		_, _ = io.Copy(&answer, conn)
	}
	return r.Found(api.Got(), answer.String())
}
