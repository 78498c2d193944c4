package store_test

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/keyportertest/postgres"
	"github.com/keyporter/keyporter/store"
)

// overheard is a TCP port before a PostgreSQL server without TLS. It remembers what clients send.
type overheard struct {
	port string
	mu   sync.Mutex
	sent strings.Builder
}

func overhear(t *testing.T, address string) *overheard {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	o := &overheard{}
	_, o.port, _ = net.SplitHostPort(l.Addr().String())
	socket := filepath.Join(u.Query().Get("host"), ".s.PGSQL.5432")
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			server, err := (&net.Dialer{}).DialContext(context.WithoutCancel(t.Context()), "unix", socket)
			if err != nil {
				_ = client.Close()
				continue
			}
			go func() {
				_, _ = io.Copy(io.MultiWriter(server, o), client)
				_ = server.Close()
			}()
			go func() {
				_, _ = io.Copy(client, server)
				_ = client.Close()
			}()
		}
	}()
	return o
}

func (o *overheard) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.sent.Write(p)
}

// TestNothingIsSentInTheClearUnasked opens a database at an address that isn't this machine's, although
// Linux connects it to itself.
func TestNothingIsSentInTheClearUnasked(t *testing.T) {
	t.Parallel()
	database := postgres.New(t)
	name := strings.TrimPrefix(strings.Split(database, "?")[0], "postgres://postgres@/")
	for query, clear := range map[string]bool{
		"": false, "?application_name=x": false, "?sslmode=": false, "?ssl=true": false, "?sslmode=verify-full": false, "?sslmode=require": false, "?target_session_attrs=any": false,
		"?sslmode=disable": true, "?sslmode=prefer": true, "?application_name=x&sslmode=allow": true,
	} {
		for host, local := range map[string]bool{"0.0.0.0": false, "127.0.0.1:1,0.0.0.0": false, "localhost": true, "127.0.0.1": true} {
			if local && query != "" || strings.Contains(host, ",") && query != "" {
				continue
			}
			o := overhear(t, database)
			db, err := store.Open(t.Context(), "postgres://postgres:secretword@"+host+":"+o.port+"/"+name+query, slog.New(slog.DiscardHandler))
			if err == nil {
				_ = db.Close()
			}
			if (err == nil) != (clear || local) {
				t.Errorf("%s%s: %v", host, query, err)
			}
			if err != nil && !strings.Contains(keyporter.MessageOf(err), "TLS") || err != nil && strings.Contains(err.Error(), "secretword") {
				t.Errorf("%s%s: the refusal says %v", host, query, err)
			}
			o.mu.Lock()
			if sent := strings.Contains(o.sent.String(), "user\x00postgres"); sent != (clear || local) {
				t.Errorf("%s%s: sent in the clear: %v", host, query, sent)
			}
			o.mu.Unlock()
		}
	}
}

// TestAServiceFileMaySayTheMode has the address name a service.
func TestAServiceFileMaySayTheMode(t *testing.T) {
	t.Parallel()
	database := postgres.New(t)
	name := strings.TrimPrefix(strings.Split(database, "?")[0], "postgres://postgres@/")
	for lines, opens := range map[string]bool{
		"host=0.0.0.0\nport=PORT":                                              false,
		"host=0.0.0.0\nport=PORT\nsslmode=disable":                             true,
		"host=0.0.0.0\nport=PORT\nsslmode=require":                             false,
		"host=/nowhere,0.0.0.0\nport=5432,PORT":                                false, // a socket, which has no TLS, is tried first
		"host=/nowhere,0.0.0.0\nport=5432,PORT\nsslmode=allow":                 true,
		"host=/nowhere,127.0.0.1,0.0.0.0\nport=5432,1,PORT\nconnect_timeout=3": false,
	} {
		o := overhear(t, database)
		file := filepath.Join(t.TempDir(), "services")
		if err := os.WriteFile(file, []byte("[keys]\n"+strings.ReplaceAll(lines, "PORT", o.port)+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		db, err := store.Open(t.Context(), "postgres://postgres@/"+name+"?service=keys&servicefile="+url.QueryEscape(file), slog.New(slog.DiscardHandler))
		if err == nil {
			_ = db.Close()
		}
		if (err == nil) != opens {
			t.Errorf("%q: %v", lines, err)
		}
		o.mu.Lock()
		if sent := strings.Contains(o.sent.String(), "user\x00postgres"); sent != opens {
			t.Errorf("%q: sent in the clear: %v", lines, sent)
		}
		o.mu.Unlock()
	}
}
