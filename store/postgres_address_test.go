package store_test

import (
	"crypto/tls"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/keyportertest"
	"github.com/keyporter/keyporter/keyportertest/postgres"
	"github.com/keyporter/keyporter/store"
)

// TestNothingIsSentInTheClearUnasked opens a database at an address that isn't this machine's, although
// Linux connects it to itself.
func TestNothingIsSentInTheClearUnasked(t *testing.T) {
	t.Parallel()
	database := postgres.New(t)
	name := strings.TrimPrefix(strings.Split(database, "?")[0], "postgres://postgres@/")
	for query, clear := range map[string]bool{
		"": false, "?application_name=x": false, "?sslmode=": false, "?sslmode=verify-full&sslmode=": false, "?ssl=true": false, "?ssl=true&ssl=false": false, "?ssl=true&sslmode=": false, "?sslmode=verify-full": false, "?sslmode=require": false, "?target_session_attrs=any": false,
		"?sslmode=disable": true, "?sslmode=prefer": true, "?application_name=x&sslmode=allow": true,
	} {
		for host, local := range map[string]bool{"0.0.0.0": false, "127.0.0.1:1,0.0.0.0": false, "localhost": true, "127.0.0.1": true} {
			if local && query != "" || strings.Contains(host, ",") && query != "" {
				continue
			}
			line := keyportertest.NewLine(t, database)
			_, port, _ := net.SplitHostPort(line.Address)
			db, err := store.Open(t.Context(), "postgres://postgres:secretword@"+host+":"+port+"/"+name+query, slog.New(slog.DiscardHandler))
			if err == nil {
				_ = db.Close()
			}
			if (err == nil) != (clear || local) {
				t.Errorf("%s%s: %v", host, query, err)
			}
			if err != nil && !strings.Contains(keyporter.MessageOf(err), "TLS") || err != nil && strings.Contains(err.Error(), "secretword") {
				t.Errorf("%s%s: the refusal says %v", host, query, err)
			}
			if sent := strings.Contains(line.Sent(), "user\x00postgres"); sent != (clear || local) {
				t.Errorf("%s%s: sent in the clear: %v", host, query, sent)
			}
		}
	}
}

// TestAQuestionMarkInAPasswordIsRefused has addresses in which it is unclear where the parameters begin.
func TestAQuestionMarkInAPasswordIsRefused(t *testing.T) {
	for _, address := range []string{"postgres://keys:secret?word@0.0.0.0:1/keys", "postgres://keys:x?sslmode=disable@0.0.0.0:1/keys", "postgres://0.0.0.0?user=keys@acme"} {
		_, err := store.Open(t.Context(), address, slog.New(slog.DiscardHandler))
		if err == nil || !strings.Contains(err.Error(), "%3F") || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", address, err)
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
		line := keyportertest.NewLine(t, database)
		_, port, _ := net.SplitHostPort(line.Address)
		file := filepath.Join(t.TempDir(), "services")
		if err := os.WriteFile(file, []byte("[keys]\n"+strings.ReplaceAll(lines, "PORT", port)+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		db, err := store.Open(t.Context(), "postgres://postgres@/"+name+"?service=keys&servicefile="+url.QueryEscape(file), slog.New(slog.DiscardHandler))
		if err == nil {
			_ = db.Close()
		}
		if (err == nil) != opens {
			t.Errorf("%q: %v", lines, err)
		}
		if sent := strings.Contains(line.Sent(), "user\x00postgres"); sent != opens {
			t.Errorf("%q: sent in the clear: %v", lines, sent)
		}
	}
}

// TestDirectTLSSaysNoMode has an impostor with a certificate of its own wait for what is sent to it. TLS without a
// question first (sslnegotiation=direct) says that there is TLS, and not that any certificate will do.
func TestDirectTLSSaysNoMode(t *testing.T) {
	t.Parallel()
	certificate, key := keyportertest.Certificate(t, t.TempDir())
	pair, err := tls.LoadX509KeyPair(certificate, key)
	if err != nil {
		t.Fatal(err)
	}
	for lines, trusts := range map[string]bool{
		"sslnegotiation=direct":                                                  false,
		"sslnegotiation=direct\nsslrootcert=" + certificate:                      false, // is verify-ca to pgx: any name
		"sslnegotiation=direct\nsslmode=require":                                 true,
		"sslnegotiation=direct\nsslmode=verify-full\nsslrootcert=" + certificate: false,
		"application_name=x":                                                     false, // and direct in the address
	} {
		impostor, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{pair}, NextProtos: []string{"postgresql"}})
		if err != nil {
			t.Fatal(err)
		}
		got := make(chan string)
		go func() {
			all := ""
			for {
				c, err := impostor.Accept()
				if err != nil {
					got <- all
					return
				}
				first := make([]byte, 1024)
				n, _ := c.Read(first)
				all += string(first[:n])
				_ = c.Close()
			}
		}()
		_, port, _ := net.SplitHostPort(impostor.Addr().String())
		file := filepath.Join(t.TempDir(), "services")
		if err := os.WriteFile(file, []byte("[keys]\nhost=0.0.0.0\nport="+port+"\n"+lines+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		query := "service=keys&servicefile=" + url.QueryEscape(file)
		if !strings.Contains(lines, "direct") {
			query = "sslnegotiation=direct&" + query
		}
		if db, err := store.Open(t.Context(), "postgres://postgres@/keys?"+query, slog.New(slog.DiscardHandler)); err == nil {
			_ = db.Close()
			t.Errorf("%q: the impostor has a database", lines)
		}
		_ = impostor.Close()
		if sent := strings.Contains(<-got, "user\x00postgres"); sent != trusts {
			t.Errorf("%q: sent to the impostor: %v", lines, sent)
		}
	}
}
