package server

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/keyportertest"
	"github.com/keyporter/keyporter/keyportertest/postgres"
	"github.com/keyporter/keyporter/store"
)

func TestMain(m *testing.M) { keyportertest.Main(m) }

// TestAServerThatHearsNothingDoesNotStart has a database in which the server can't hear itself.
func TestAServerThatHearsNothingDoesNotStart(t *testing.T) {
	t.Parallel()
	keyportertest.EachDatabase(t, func(t *testing.T, url string) {
		db, err := store.Open(t.Context(), url, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = db.Close() }()
		s := &Server{db: db}
		if err := s.hears(t.Context(), 20*time.Millisecond); keyporter.KindOf(err) != keyporter.Conflict {
			t.Errorf("deaf: %v", err)
		}
		told, tell := context.WithCancel(t.Context())
		tell()
		if err := s.hears(told, time.Minute); !errors.Is(err, context.Canceled) {
			t.Errorf("told to stop: %v", err)
		}
		listening, stop := context.WithCancel(t.Context())
		defer stop()
		go db.Listen(listening)
		if err := s.hears(t.Context(), hearTime); err != nil {
			t.Errorf("it listens: %v", err)
		}
	})
}

// TestAStartThatHearsNothingClosesItsListeners is told to stop while it waits to hear itself.
func TestAStartThatHearsNothingClosesItsListeners(t *testing.T) {
	t.Parallel()
	line := keyportertest.NewLine(t, postgres.New(t))
	log := slog.New(slog.DiscardHandler)
	db, err := store.Open(t.Context(), line.URL, log)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	line.Down()
	cfg := Config{Listen: "127.0.0.1:0", EnvoyListen: "127.0.0.1:0", Database: line.URL}.withDefaults()
	s := &Server{db: db, log: log, stop: newStop(cfg)}
	told, tell := context.WithCancel(t.Context())
	tell()
	if err := s.start(told, cfg, nil, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("start = %v", err)
	}
	for name, address := range map[string]string{"calls": s.addr.String(), "Envoy": s.EnvoyAddress()} {
		if conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address); err == nil {
			_ = conn.Close()
			t.Errorf("it still listens for %s", name)
		}
	}
}

// TestStartRefusesAPoolerThatSharesConnections starts Keyporter as an operator would.
func TestStartRefusesAPoolerThatSharesConnections(t *testing.T) {
	t.Parallel()
	url := postgres.Bouncer(t, postgres.New(t), "transaction")
	s, err := Start(t.Context(), Config{Listen: "127.0.0.1:0", Database: url}, slog.New(slog.DiscardHandler), nil)
	if err == nil {
		_ = s.Stop(t.Context())
	}
	if err == nil || !strings.Contains(err.Error(), "pool_mode=session") {
		t.Errorf("Start = %v", err)
	}
}
