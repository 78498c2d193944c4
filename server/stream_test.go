package server_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/keyporter/keyporter/keyportertest"
	"github.com/keyporter/keyporter/server"
	"github.com/keyporter/keyporter/verify"
)

// TestNoStreamIsCutByTheServer streams through everything that is in front of the gateway, which closes the
// connection after a body in chunks. KEYPORTER_STREAMS=10000 asks for more answers than usual.
func TestNoStreamIsCutByTheServer(t *testing.T) {
	t.Parallel()
	api := httptest.NewServer(http.HandlerFunc(keyportertest.Events))
	t.Cleanup(api.Close)
	s, err := server.Start(t.Context(), server.Config{
		Listen: "127.0.0.1:0", Database: filepath.Join(t.TempDir(), "keyporter.db"),
		APIs: []verify.API{{Name: "events", Upstream: api.URL, Routes: []verify.Route{{Path: "/events", Public: true}}}},
	}, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Stop(t.Context()) })
	body := strings.Repeat("x", 6000) + keyportertest.EndOfCall + strings.Repeat("x", 6000)
	keyportertest.CountCutStreams(t, http.DefaultClient, body, func() *http.Request {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL()+"/events", nil)
		if err != nil {
			panic(err)
		}
		return r
	})
}
