package server

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/keyporter/keyporter/keyportertest/postgres"
)

// TestAStartWaitsForTheDatabase starts PostgreSQL after Keyporter.
func TestAStartWaitsForTheDatabase(t *testing.T) {
	t.Parallel()
	server := postgres.Start(t)
	url := server.New(t)
	server.Stop()
	var log strings.Builder
	logger := slog.New(slog.NewTextHandler(&log, nil))
	if _, err := openDatabase(t.Context(), url, logger, 200*time.Millisecond); err == nil || !strings.Contains(err.Error(), "after waiting") {
		t.Errorf("while it is away: %v", err)
	}
	back := make(chan error)
	go func() {
		time.Sleep(200 * time.Millisecond)
		back <- server.Start()
	}()
	log.Reset()
	db, err := openDatabase(t.Context(), url, logger, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if err := <-back; err != nil {
		t.Fatal(err)
	}
	_ = db.Close()
	if strings.Count(log.String(), "waiting for it") != 1 {
		t.Errorf("logged %s", log.String())
	}
	begin := time.Now()
	if _, err := openDatabase(t.Context(), server.URL("missing"), logger, time.Minute); err == nil || time.Since(begin) > 30*time.Second {
		t.Errorf("a database that doesn't exist: %v", err)
	}
}
