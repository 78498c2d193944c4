package store

import (
	"crypto/tls"
	"errors"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// parsePostgres reads the address of a database. Unless it says how, connections to another machine are
// encrypted, and the server proves its name: PostgreSQL's own clients would send the password in the clear
// to any server that refuses TLS.
func parsePostgres(address string) (*pgxpool.Config, error) {
	if _, rest, _ := strings.Cut(address, "://"); strings.Contains(userInfo(rest), "?") {
		return nil, errors.New("the address of the database has a ? in the user name or password; write it as %3F") // where the parameters begin is a matter of opinion
	}
	cfg, err := pgxpool.ParseConfig(address)
	if err == nil && !saysTLS(address) && !isLocal(&cfg.ConnConfig.Config) {
		cfg, err = pgxpool.ParseConfig(with(address, "sslmode=verify-full"))
	}
	if err != nil {
		return nil, errors.New("the address of the database can't be read, or a file that it names (sslrootcert, service file) is missing") // the cause may quote the password
	}
	cfg.ConnConfig.ConnectTimeout = 5 * time.Second
	if cfg.ConnConfig.RuntimeParams["application_name"] == "" {
		cfg.ConnConfig.RuntimeParams["application_name"] = "keyporter"
	}
	return cfg, nil
}

// userInfo returns the user and the password in an address without its scheme, whatever they contain.
func userInfo(rest string) string {
	beforePath, _, _ := strings.Cut(rest, "/")
	return beforePath[:strings.LastIndex(beforePath, "@")+1]
}

// with returns the address with one more setting, which beats all others of its name.
func with(address, setting string) string {
	join := map[bool]string{true: "&", false: "?"}[strings.Contains(address, "?")]
	return address + join + setting
}

// saysTLS reports whether the address, a variable, or a service file says whether to use TLS.
func saysTLS(address string) bool {
	_, text, _ := strings.Cut(address, "?") // url.Parse can't read the ports of several hosts
	query, _ := url.ParseQuery(text)
	last := func(name string) string { // which pgx reads
		if all := query[name]; len(all) > 0 {
			return all[len(all)-1]
		}
		return ""
	}
	if last("sslmode") != "" || !query.Has("sslmode") && (last("ssl") == "true" || os.Getenv("PGSSLMODE") != "") {
		return true
	}
	if last("service") == "" && os.Getenv("PGSERVICE") == "" {
		return false
	}
	// A mode in the service file shows in how another machine is tried, unless it is the default (prefer): with TLS
	// first, and then without. If TLS is direct, which it may be without any mode, it is never without.
	pool, err := pgxpool.ParseConfig(with(address, "sslnegotiation=postgres"))
	if err != nil {
		return false
	}
	cfg := pool.ConnConfig
	var ways []*tls.Config
	for _, f := range append([]*pgconn.FallbackConfig{{Host: cfg.Host, Port: cfg.Port, TLSConfig: cfg.TLSConfig}}, cfg.Fallbacks...) {
		if !isLocalHost(f.Host) {
			ways = append(ways, f.TLSConfig)
		}
	}
	return len(ways) > 0 && (ways[0] == nil || !slices.Contains(ways, nil))
}

// isLocal reports whether all hosts of an address are on this machine.
func isLocal(cfg *pgconn.Config) bool {
	return isLocalHost(cfg.Host) && !slices.ContainsFunc(cfg.Fallbacks, func(f *pgconn.FallbackConfig) bool { return !isLocalHost(f.Host) })
}

func isLocalHost(host string) bool {
	network, _ := pgconn.NetworkAddress(host, 0)
	ip := net.ParseIP(host)
	return network == "unix" || strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}
