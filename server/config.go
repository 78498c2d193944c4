package server

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/console"
	"github.com/keyporter/keyporter/introspection"
	"github.com/keyporter/keyporter/oauth"
	"github.com/keyporter/keyporter/store"
	"github.com/keyporter/keyporter/verify"
	"github.com/keyporter/keyporter/web"
)

// Config has every setting. All except scopes, apis and gateways can be given in the
// configuration file, as a KEYPORTER_… variable, or as a flag; a flag beats a variable,
// and a variable beats the file. The zero value of each setting is its default.
type Config struct {
	// Listen is the address and port where pages, the gateway, and /verify are served. Default: 127.0.0.1:8080.
	Listen string `yaml:"listen"`
	// EnvoyListen is the address and port for Envoy's external authorization over gRPC, with the same certificate as the pages, if there is one. Only trusted_proxies can ask. Default: none.
	EnvoyListen string `yaml:"envoy_listen"`
	// Address is where people and apps reach Keyporter, such as https://keys.example.com: the issuer that apps know, the beginning of links, and where an API is called if its resource says nothing else. With https, cookies are Secure and browsers use nothing but HTTPS, whatever a proxy says. Default: in pages, the address of the request; for apps, the one that listen names.
	Address string `yaml:"address"`
	// Database is the path of an SQLite file, created if it is missing, or the address of a PostgreSQL database: postgres://user@host/name, with the settings that PostgreSQL's own clients know. Connections to another machine use TLS, and the server must prove its name, as with sslmode=verify-full, unless sslmode says something else in the address, in PGSSLMODE, or in a service file. Leave the password to PGPASSWORD or ~/.pgpass: everyone on the machine can read flags. Default: keyporter.db.
	Database string `yaml:"database"`
	// TLSCertificate is the path of a PEM file with the certificate and its chain. It requires tls_key, and turns plain HTTP off.
	TLSCertificate string `yaml:"tls_certificate"`
	// TLSKey is the path of a PEM file with the certificate's private key. Who may read and replace it is as with key_file.
	TLSKey string `yaml:"tls_key"`
	// TrustedProxies are the addresses or networks of proxies in front of Keyporter, which can ask at /verify, and whose X-Forwarded-…, X-Original-…, and Forwarded (RFC 7239) headers are believed: where a client is, whether it uses HTTPS, and the host name that it uses. They must set or strip these headers, or append to them. Lists are read from the end, as far as trusted proxies wrote them. If a proxy sends both X-Forwarded-For and Forwarded and they disagree, neither is believed. Default: 127.0.0.1 and ::1. "none" trusts nobody.
	TrustedProxies []string `yaml:"trusted_proxies"`
	// OrganizationTokensEnd is the day, such as 2027-12-31, after which organization tokens may stop working. Responses to calls with one announce it in the Sunset header (RFC 8594); the tokens keep working. Default: none.
	OrganizationTokensEnd string `yaml:"organization_tokens_end"`
	// CacheSize is how many credentials are kept in memory, about 1 KB each. Default: 100000.
	CacheSize int `yaml:"cache_size"`
	// LogLevel is the lowest level that is logged: debug, info, warn, or error. Default: info.
	LogLevel string `yaml:"log_level"`
	// LogFormat is the form of a log line: text or json. Default: text.
	LogFormat string `yaml:"log_format"`
	// KeyFile is the path of a file with the keys that encrypt what the database must not reveal: 32 bytes in base64, one per line, as printed by `openssl rand -base64 32`. The first key encrypts; all of them decrypt. All nodes need the same file, and a backup of the database is worth little without it. Only Keyporter's user may read it; its group may, too, if the file belongs to root, as mounted secrets do. The file and each link to it must belong to Keyporter's user or to root, and nobody else may write to a folder on the way, unless it is sticky, like /tmp. Default: the path of the SQLite database, where a link to it leads, plus .key, created if it is missing. With PostgreSQL there is no default; without one, apps can't connect, and browsers in which people have signed in are forgotten at each restart and on other nodes. A database that was used with a key needs it on every node.
	KeyFile string `yaml:"key_file"`
	// StopSeconds is how long stopping may take, from the signal to the end of the program. Calls that run then have all of it but the last two seconds, or the last quarter if that is less, to end. Default: 15.
	StopSeconds int `yaml:"stop_seconds"`
	// StopDelaySeconds is how long, of stop_seconds, Keyporter keeps accepting calls while /healthz already answers 503, so that a load balancer notices and sends calls elsewhere. Default: 0.
	StopDelaySeconds int `yaml:"stop_delay_seconds"`
	// AccessTokenMinutes is how long access tokens work. Default: 60.
	AccessTokenMinutes int `yaml:"access_token_minutes"`
	// RefreshIdleDays is how many days an unused refresh token works. Default: 30.
	RefreshIdleDays int `yaml:"refresh_idle_days"`
	// RefreshEndDays is how many days an app can keep refreshing before it has to ask its user again. Default: 180.
	RefreshEndDays int `yaml:"refresh_end_days"`
	// AppRegistration decides whether apps can register themselves (RFC 7591): off, or quarantine, where an operator must approve each app before it works. Default: off.
	AppRegistration string `yaml:"app_registration"`
	// Scopes are what apps can ask for. Each has a name, such as envelope.read, and means, which says what it permits in words that continue "It can …": "read your envelopes". They can be set only in the file. OpenID Connect's own scopes (openid, profile, email, offline_access) always exist.
	Scopes []keyporter.Scope `yaml:"scopes"`
	// APIs are the APIs behind the gateway. They can be set only in the file.
	APIs []verify.API `yaml:"apis"`
	// Gateways are the proxies or middlewares in front of an API that ask by introspection. Each has its own secret. They can be set only in the file. With PostgreSQL they need key_file, like apps.
	Gateways []Gateway `yaml:"gateways"`
	// Guides are links on the page “API Tokens and Apps” to documents about your APIs, such as a tutorial. They can be set only in the file. Default: none.
	Guides []console.Guide `yaml:"guides"`

	file string // that it was read from
}

// reserved returns the first segments of the paths that Keyporter serves itself.
func reserved() []string {
	return slices.Concat(console.Segments(), oauth.Segments(), introspection.Segments(), []string{"verify", "healthz"})
}

// DefaultDatabase is the path of the database if the configuration names none.
const DefaultDatabase = "keyporter.db"

// withDefaults returns the configuration with defaults in place of zero values.
func (c Config) withDefaults() Config {
	for _, s := range []struct {
		field *string
		value string
	}{{&c.Listen, "127.0.0.1:8080"}, {&c.Database, DefaultDatabase}, {&c.LogLevel, "info"}, {&c.LogFormat, "text"}, {&c.AppRegistration, registrationOff}} {
		if *s.field == "" {
			*s.field = s.value
		}
	}
	c.StopSeconds = cmp.Or(c.StopSeconds, defaultStop)
	switch {
	case len(c.TrustedProxies) == 0:
		c.TrustedProxies = []string{"127.0.0.1", "::1"}
	case len(c.TrustedProxies) == 1 && c.TrustedProxies[0] == "none":
		c.TrustedProxies = nil
	}
	return c
}

// Validate reports everything that is wrong with the configuration, in one error.
func (c Config) Validate() error {
	c = c.withDefaults()
	var faults []error
	bad := func(wrong bool, format string, args ...any) {
		if wrong {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	bad(!validListen(c.Listen), "listen: %q must look like 127.0.0.1:8080, with a port up to 65535", c.Listen)
	bad(c.EnvoyListen != "" && !validListen(c.EnvoyListen), "envoy_listen: %q must look like 127.0.0.1:9001, with a port up to 65535", c.EnvoyListen)
	u, err := url.Parse(c.Address)
	bad(c.Address != "" && (err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || !verify.ValidPort(u) || strings.Trim(u.Path, "/") != ""),
		"address: %q must look like https://keys.example.com", c.Address)
	// As a path, it would become a folder with an empty database in it. The message doesn't quote it, because it may contain a password.
	bad(strings.Contains(c.Database, "://") && !store.IsPostgres(c.Database), "database: must be the path of an SQLite file, or start with postgres://")
	bad((c.TLSCertificate == "") != (c.TLSKey == ""), "tls_certificate and tls_key go together, and one is missing")
	_, err = web.ParseProxies(c.TrustedProxies)
	bad(err != nil, "trusted_proxies: %w", err)
	_, err = c.sunset()
	bad(err != nil, "organization_tokens_end: %q must be a day such as 2027-12-31", c.OrganizationTokensEnd)
	bad(c.CacheSize < 0, "cache_size: %d is negative", c.CacheSize)
	bad(new(slog.LevelVar).UnmarshalText([]byte(c.LogLevel)) != nil, "log_level: %q must be debug, info, warn, or error", c.LogLevel)
	bad(c.LogFormat != "text" && c.LogFormat != "json", "log_format: %q must be text or json", c.LogFormat)
	faults = append(faults, c.validateStop()...)
	faults = append(faults, c.validateApps()...)
	faults = append(faults, c.validateAPIs()...)
	faults = append(faults, c.validateGateways()...)
	return errors.Join(append(faults, console.ValidateGuides(c.Guides))...)
}

// sunset returns the end of the last day of organization tokens, or zero if none is set.
func (c Config) sunset() (time.Time, error) {
	if c.OrganizationTokensEnd == "" {
		return time.Time{}, nil
	}
	day, err := time.Parse(time.DateOnly, c.OrganizationTokensEnd)
	return day.AddDate(0, 0, 1), err
}

// Logger returns the logger that the configuration asks for, writing to standard error.
func (c Config) Logger() *slog.Logger {
	c = c.withDefaults()
	var level slog.LevelVar
	_ = level.UnmarshalText([]byte(c.LogLevel)) // Validate has checked it
	options := &slog.HandlerOptions{Level: &level}
	if c.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(os.Stderr, options))
	}
	return slog.New(slog.NewTextHandler(os.Stderr, options))
}

func (c Config) tls() (*tls.Config, error) {
	if c.TLSCertificate == "" {
		return nil, nil //nolint:nilnil // plain HTTP
	}
	chain, err := os.ReadFile(c.TLSCertificate)
	if err != nil {
		return nil, fmt.Errorf("load the certificate: %w", err)
	}
	key, err := readPrivate("tls_key", c.TLSKey)
	if err != nil {
		return nil, err
	}
	cert, err := tls.X509KeyPair(chain, key)
	if err != nil {
		return nil, fmt.Errorf("load the certificate: %w", err)
	}
	return &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}}, nil
}
