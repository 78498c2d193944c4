package store

import (
	"errors"
	"net"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// parsePostgres reads the address of a database. Unless it says how, connections to another machine are
// encrypted, and the server proves its name: PostgreSQL's own clients would send the password in the clear
// to any server that refuses TLS.
func parsePostgres(address string) (*pgxpool.Config, error) {
	cfg, err := pgxpool.ParseConfig(address)
	if err == nil && !saysTLS(address, &cfg.ConnConfig.Config) && !isLocal(&cfg.ConnConfig.Config) {
		join := map[bool]string{true: "&", false: "?"}[strings.Contains(address, "?")]
		cfg, err = pgxpool.ParseConfig(address + join + "sslmode=verify-full")
	}
	if err != nil {
		return nil, errors.New("the address of the database can't be read") // the cause may quote the password
	}
	cfg.ConnConfig.ConnectTimeout = 5 * time.Second
	if cfg.ConnConfig.RuntimeParams["application_name"] == "" {
		cfg.ConnConfig.RuntimeParams["application_name"] = "keyporter"
	}
	return cfg, nil
}

// saysTLS reports whether the address, a variable, or a service file says whether to use TLS.
func saysTLS(address string, cfg *pgconn.Config) bool {
	_, text, _ := strings.Cut(address, "?") // url.Parse can't read the ports of several hosts
	query, _ := url.ParseQuery(text)
	if query.Get("sslmode") != "" || query.Get("ssl") == "true" || os.Getenv("PGSSLMODE") != "" {
		return true
	}
	if query.Get("service") == "" && os.Getenv("PGSERVICE") == "" {
		return false
	}
	// A mode in the service file shows in the result, unless it is the default.
	if cfg.TLSConfig == nil || !cfg.TLSConfig.InsecureSkipVerify || cfg.TLSConfig.VerifyPeerCertificate != nil {
		return true
	}
	for _, f := range cfg.Fallbacks {
		if f.TLSConfig == nil && f.Host == cfg.Host && f.Port == cfg.Port {
			return false
		}
	}
	return true
}

// isLocal reports whether all hosts of an address are on this machine.
func isLocal(cfg *pgconn.Config) bool {
	hosts := []string{cfg.Host}
	for _, f := range cfg.Fallbacks {
		hosts = append(hosts, f.Host)
	}
	for _, h := range hosts {
		network, _ := pgconn.NetworkAddress(h, cfg.Port)
		ip := net.ParseIP(h)
		if network != "unix" && !strings.EqualFold(h, "localhost") && (ip == nil || !ip.IsLoopback()) {
			return false
		}
	}
	return true
}
