// Package client is for owners of APIs written in Go. From within the API's own process, it asks
// Keyporter who is calling, and whether they may.
//
// A [Client] is one of the gateways in Keyporter's configuration, and has its own secret. Its
// [Client.Handler] wraps the API's handlers, and [CallerOf] returns who is calling.
// [Client.Introspect] asks about a single credential (RFC 7662).
//
// In the mode [Ask], each call costs a round trip. In the mode [Decide], it costs none: the
// Client keeps Keyporter's answers in memory, and through an open stream Keyporter reports right
// away which of them are no longer true. A token that is switched off is refused within
// milliseconds. A stream that is silent for [Config.Silence] isn't trusted: the Client then asks
// about each call until the stream is back. If Keyporter can't be reached at all, calls are
// refused with 503, immediately or after [Config.Grace].
//
// The package follows semantic versioning, and only needs the standard library.
package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Mode says whether a Client may answer from memory.
type Mode int

const (
	// Ask asks Keyporter about each call.
	Ask Mode = iota
	// Decide keeps Keyporter's answers in memory for as long as they are true.
	Decide
)

// Config configures a Client. Address, Secret and API are required.
type Config struct {
	// Address is Keyporter's base URL, such as https://keys.example.com.
	Address string
	// Secret is the gateway's secret, created by `keyporter gateway secret`. It starts with kpg_.
	Secret string
	// API is the name of the API in Keyporter's configuration. Calls are counted under it.
	API string

	Mode Mode
	// Silence is how long the stream can be silent before the Client asks about each call. The
	// default is 3 seconds.
	Silence time.Duration
	// Grace is how long, in the mode Decide, answers in memory stay valid after the last sign of
	// life from Keyporter, if it can't be reached. A token that is revoked in the meantime works
	// until then. By default, there is no grace: calls are refused with 503.
	Grace time.Duration
	// Size is the maximum number of credentials in memory, at about 1 KB each. The default is
	// 100,000.
	Size int

	// ClientIP returns the client's IP address, which pages show with a token's uses. The default
	// takes it from r.RemoteAddr. Behind a proxy, read it from the header that the proxy sets.
	ClientIP func(r *http.Request) string
	// Refuse answers a refused call. WWW-Authenticate is already set. The default writes a problem
	// document (RFC 9457).
	Refuse func(http.ResponseWriter, *http.Request, Refusal)
	// Transport carries requests to Keyporter. The default opens at most 64 connections and uses
	// the proxy from the environment.
	Transport http.RoundTripper
	// Log receives a message when Keyporter becomes unreachable, and when it is back. By default,
	// nothing is logged.
	Log *slog.Logger

	reportEvery, reportTimeout time.Duration // zero: the constants; tests set them
}

const (
	defaultSilence = 3 * time.Second
	defaultSize    = 100_000
	// askTimeout limits how long a call waits for Keyporter's answer.
	askTimeout = 3 * time.Second
)

// Client asks Keyporter. It is safe for concurrent use, and a program needs only one.
type Client struct {
	cfg    Config
	http   *http.Client
	log    *slog.Logger
	memory *memory
	uses   uses

	outageLogged atomic.Int64 // when logOutage last logged, in Unix seconds
	stop         context.CancelFunc
	jobs         sync.WaitGroup
}

// New returns a Client, or an error if cfg is invalid. It doesn't wait for Keyporter, which may
// start later; until then, calls are refused. Call Close when you no longer need the Client.
func New(cfg Config) (*Client, error) {
	address, err := url.Parse(cfg.Address)
	switch {
	case err != nil || address.Scheme != "http" && address.Scheme != "https" || address.Host == "" || address.User != nil || address.RawQuery != "" || address.Fragment != "":
		return nil, fmt.Errorf("the address of Keyporter must look like https://keys.example.com: %q", cfg.Address)
	case cfg.Secret == "":
		return nil, errors.New("the gateway's secret is missing; `keyporter gateway secret` creates one")
	case cfg.API == "":
		return nil, errors.New("the API's name, as in Keyporter's configuration, is missing")
	case cfg.Silence < 0 || cfg.Grace < 0 || cfg.Size < 0:
		return nil, errors.New("silence, grace, and size can't be negative")
	}
	cfg.Address = strings.TrimSuffix(cfg.Address, "/")
	cfg.Silence = cmp.Or(cfg.Silence, defaultSilence)
	cfg.Size = cmp.Or(cfg.Size, defaultSize)
	cfg.reportEvery = cmp.Or(cfg.reportEvery, reportEvery)
	cfg.reportTimeout = cmp.Or(cfg.reportTimeout, reportTimeout)
	if cfg.ClientIP == nil {
		cfg.ClientIP = remoteIP
	}
	if cfg.Refuse == nil {
		cfg.Refuse = writeProblem
	}
	if cfg.Transport == nil {
		cfg.Transport = &http.Transport{
			Proxy: http.ProxyFromEnvironment, MaxConnsPerHost: 64, MaxIdleConnsPerHost: 64, IdleConnTimeout: time.Minute, TLSHandshakeTimeout: askTimeout,
		}
	}
	c := &Client{
		cfg: cfg, log: cfg.Log, memory: newMemory(cfg.Size),
		// Send the secret to the configured address, and nowhere else.
		http: &http.Client{Transport: cfg.Transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
	}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	var ctx context.Context
	ctx, c.stop = context.WithCancel(context.Background())
	if cfg.Mode == Decide {
		c.jobs.Go(func() { c.follow(ctx) })
	}
	c.jobs.Go(func() { c.report(ctx) })
	return c, nil
}

func remoteIP(r *http.Request) string {
	ip, _, _ := net.SplitHostPort(r.RemoteAddr)
	return ip
}

// Close reports the last counts of calls, for twenty seconds at most, and ends the background work. After that, the Client
// still answers calls, but asks about each one.
func (c *Client) Close() {
	c.stop()
	c.jobs.Wait()
	c.memory.setDeaf()
	c.http.CloseIdleConnections()
}
