// Package server runs Keyporter: it opens the database, starts the background jobs, serves the
// doors on a listener, and shuts down in order. It owns the configuration, TLS and the limits of
// the HTTP server, and leaves everything else to the doors.
package server

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/console"
	"github.com/keyporter/keyporter/control"
	"github.com/keyporter/keyporter/control/grants"
	"github.com/keyporter/keyporter/gateway"
	"github.com/keyporter/keyporter/introspection"
	"github.com/keyporter/keyporter/notify"
	"github.com/keyporter/keyporter/oauth"
	"github.com/keyporter/keyporter/seal"
	"github.com/keyporter/keyporter/soap"
	"github.com/keyporter/keyporter/store"
	"github.com/keyporter/keyporter/usage"
	"github.com/keyporter/keyporter/verify"
	"github.com/keyporter/keyporter/web"
)

// Server is a running Keyporter.
type Server struct {
	// Control makes changes in this Keyporter.
	Control *control.Control
	// Checker checks calls the way this Keyporter does.
	Checker *verify.Checker
	// Usage has the counts of this Keyporter.
	Usage *usage.Usage

	db      *store.DB
	notify  *notify.Sender
	grants  *grants.Grants
	gateway *gateway.Gateway
	soap    *soap.Door
	http    *http.Server
	addr    net.Addr
	envoy   *envoy // nil: it isn't served
	secure  bool
	log     *slog.Logger

	stop   *stop
	cancel context.CancelFunc // ends the jobs
	jobs   sync.WaitGroup
	failed chan error
}

// Start opens the database, listens, and returns as soon as it serves calls. now is the clock;
// nil is time.Now. Callers must call Stop in the end.
func Start(ctx context.Context, cfg Config, log *slog.Logger, now func() time.Time) (_ *Server, err error) {
	cfg = cfg.withDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	// Load the certificate before anything is created, because it may be missing.
	tlsConfig, err := cfg.tls()
	if err != nil {
		return nil, err
	}
	s := &Server{log: log, stop: newStop(cfg), failed: make(chan error, 2), cancel: func() {}}
	if s.db, err = openDatabase(ctx, cfg.Database, log, databaseTime); err != nil {
		return nil, err
	}
	cfg.warnOfExposed(log)
	if err := s.start(ctx, cfg, tlsConfig, now); err != nil {
		return nil, errors.Join(err, s.db.Close())
	}
	return s, nil
}

// cantListen says what to do if Keyporter can't listen on the address in a setting.
func cantListen(address, setting string, err error) error {
	flag := "--" + strings.ReplaceAll(setting, "_", "-")
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("another program uses %s; choose another address with %s", address, flag)
	}
	return fmt.Errorf("%s: %w", setting, err)
}

func (s *Server) start(ctx context.Context, cfg Config, tlsConfig *tls.Config, now func() time.Time) (err error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", cfg.Listen)
	if err != nil {
		return cantListen(cfg.Listen, "listen", err)
	}
	s.addr, s.secure = listener.Addr(), tlsConfig != nil
	if err := s.open(ctx, cfg, tlsConfig, now); err != nil {
		return errors.Join(err, listener.Close())
	}
	s.startJobs()
	if err := s.hears(ctx, hearTime); err != nil {
		s.cancel()
		s.jobs.Wait()
		s.envoy.close()
		return errors.Join(err, listener.Close())
	}
	go s.serve(listener)
	if s.envoy != nil {
		go s.serveEnvoy()
	}
	return nil
}

// open puts the doors together, once it is known where they are.
func (s *Server) open(ctx context.Context, cfg Config, tlsConfig *tls.Config, now func() time.Time) (err error) {
	issuer := cmp.Or(strings.TrimSuffix(cfg.Address, "/"), s.URL())
	s.Usage = usage.New(s.db, now)
	if s.Checker, err = verify.New(s.db, verify.Options{APIs: cfg.APIs, Address: s.calledAt(cfg, issuer), Now: now, Log: s.log, CacheSize: cfg.CacheSize, Usage: s.Usage}); err != nil {
		return err
	}
	for _, note := range s.Checker.Notes() {
		s.log.Warn("check the routes: " + note)
	}
	if err := cfg.takeKeyBack(s.log); err != nil {
		return err
	}
	sealer, err := cfg.Sealer(ctx, s.db)
	if err != nil {
		return err
	}
	s.grants = grants.New(s.db, grants.Options{Now: now, Sealer: sealer, Lifetimes: cfg.lifetimes()})
	s.Control = control.New(s.db, control.Options{Now: now, Usage: s.Usage, Checker: s.Checker, Sealer: sealer, Scopes: cfg.Scopes, Grants: s.grants})
	s.notify = notify.NewSender(s.db, notify.Options{Now: now, Sealer: sealer, Log: s.log})
	proxies, err := web.ParseProxies(cfg.TrustedProxies)
	if err != nil {
		return err
	}
	address, err := url.Parse(cfg.Address)
	if err != nil {
		return err
	}
	proxies = proxies.Report(s.log)
	proxies.HTTPS = address.Scheme == "https" // also of HTTPS://
	sunset, err := cfg.sunset()
	if err != nil {
		return err
	}
	s.soap = soap.New(soap.Config{Checker: s.Checker, Proxies: proxies, Sunset: sunset, Address: cfg.Address, Log: s.log})
	s.gateway = gateway.New(gateway.Config{Checker: s.Checker, Proxies: proxies, Sunset: sunset, Issuer: issuer, Log: s.log})
	pages := console.New(console.Config{Control: s.Control, Checker: s.Checker, Proxies: proxies, Log: s.log, Address: cfg.Address, Issuer: issuer, Example: s.Checker.Example(), Scopes: cfg.Scopes, Guides: cfg.Guides, Now: now, Stopping: s.stop.streams})
	apps, asks := s.doorsForApps(cfg, sealer, proxies, issuer, pages)
	if sealer != nil {
		if err := s.knowsKey(ctx, sealer); err != nil {
			return err
		}
	}
	s.http = s.httpServer(web.StrictTransport(proxies, s.routes(proxies, web.WithRequestID(doors(apps, asks, s.orRefused(pages))))))
	s.http.TLSConfig = tlsConfig
	s.http.RegisterOnShutdown(sync.OnceFunc(func() { close(s.stop.streams) }))
	s.envoy, err = listenForEnvoy(ctx, cfg.EnvoyListen, s.gateway, tlsConfig)
	return err
}

// calledAt returns the address at which calls come here, if the configuration says so. If it only
// says to listen on all addresses of the machine, it doesn't.
func (s *Server) calledAt(cfg Config, issuer string) string {
	host, _, _ := net.SplitHostPort(s.addr.String())
	if ip := net.ParseIP(host); cfg.Address == "" && (ip == nil || ip.IsUnspecified()) {
		return ""
	}
	return issuer
}

// knowsKey returns an error if the key isn't the one that this database knows, or what is sealed in the database
// doesn't open with it. Otherwise apps and sign-ins through identity providers would fail one by one, and nobody
// would think of the key. A key becomes known only after it has opened what there is.
func (s *Server) knowsKey(ctx context.Context, sealer *seal.Sealer) error {
	const mismatch = "key_file doesn't match this database; restore the right one (if you have replaced it, put it back below the new one), or see “If the key is lost” in docs/explanation/security.md"
	if _, err := s.grants.SigningKeys(ctx); err != nil {
		return fmt.Errorf(mismatch+": %w", err)
	}
	if err := canBeFirst(ctx, s.db, sealer); err != nil {
		return fmt.Errorf(mismatch+": %w", err)
	}
	kept, err := s.db.KeepKey(ctx, sealer.Fingerprints())
	if err == nil && !kept {
		err = errors.New(mismatch)
	}
	return err
}

// doors sends introspection and OAuth requests to their doors, and all others to the pages. Only
// introspection has streams, which take as long as they like.
func doors(apps, asks, pages http.Handler) http.Handler {
	pages = inTime(pages)
	if apps != nil {
		apps = inTime(apps)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case asks != nil && introspection.Serves(r.URL.Path):
			asks.ServeHTTP(w, r)
		case apps != nil && oauth.Serves(r.URL.Path):
			apps.ServeHTTP(w, r)
		default:
			pages.ServeHTTP(w, r)
		}
	})
}

func (s *Server) httpServer(h http.Handler) *http.Server {
	return &http.Server{
		Handler:           closeUnclear(s.stop.count(logPanics(s.log, h))),
		BaseContext:       func(net.Listener) context.Context { return s.stop.calls },
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    32 << 10,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug), // mostly clients' mistakes

		DisableGeneralOptionsHandler: true, // it answers OPTIONS * with 200 without asking anyone
	}
}

// health responds with 200 while calls can be checked, and with 503 while they can't, and when
// this node is about to stop.
func (s *Server) health(w http.ResponseWriter, r *http.Request) {
	if s.stop.begun.Load() {
		web.WriteProblem(w, web.Problem{Status: http.StatusServiceUnavailable, Detail: "This Keyporter is stopping."})
		return
	}
	if err := s.db.Ping(r.Context()); err != nil {
		web.WriteProblem(w, web.Problem{Status: http.StatusServiceUnavailable, Detail: "The database can't be reached."})
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write([]byte("ok\n"))
}

func (s *Server) startJobs() {
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	s.jobs.Go(func() { s.db.Listen(ctx) })
	s.jobs.Go(func() { s.Checker.Run(ctx) })
	s.jobs.Go(func() { s.Usage.Run(ctx, s.log) })
	s.jobs.Go(func() { s.prune(ctx) })
	s.jobs.Go(func() { s.notify.Run(ctx) })
}

// hearTime is how long the first proof may take that this node hears changes from others.
const hearTime = 15 * time.Second

// hears waits for that proof. Without it, the node would ask the database on each call for good.
func (s *Server) hears(ctx context.Context, within time.Duration) error {
	late := time.NewTimer(within)
	defer late.Stop()
	for !s.db.Hears() {
		select {
		case <-ctx.Done(): // the process is told to stop
			return ctx.Err()
		case <-late.C:
			return keyporter.Refuse(keyporter.Conflict, "Keyporter doesn't hear its own heartbeat through the database, so it wouldn't hear changes from other nodes either. "+
				"If a connection pooler is in front of PostgreSQL, use the address of PostgreSQL itself.")
		case <-time.After(5 * time.Millisecond):
		}
	}
	return nil
}

func (s *Server) prune(ctx context.Context) {
	tick := time.NewTicker(time.Hour)
	defer tick.Stop()
	for {
		if err := s.Control.Prune(ctx, keyporter.System()); err != nil && ctx.Err() == nil {
			s.log.Warn("can't delete expired rows", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (s *Server) serve(l net.Listener) {
	var err error
	if s.http.TLSConfig != nil {
		err = s.http.ServeTLS(l, "", "")
	} else {
		err = s.http.Serve(l)
	}
	if !errors.Is(err, http.ErrServerClosed) {
		s.failed <- fmt.Errorf("serve: %w", err)
	}
}

// URL returns the address of the pages on this machine.
func (s *Server) URL() string {
	host, port, _ := net.SplitHostPort(s.addr.String())
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	scheme := "http://"
	if s.secure {
		scheme = "https://"
	}
	return scheme + net.JoinHostPort(host, port)
}

// Statements returns how many SQL statements have run so far, see store.DB.Statements.
func (s *Server) Statements() int64 { return s.db.Statements() }

// Failed returns a channel that receives an error if serving ends without Stop.
func (s *Server) Failed() <-chan error { return s.failed }
