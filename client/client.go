// Package client is for who owns an API written in Go: it asks Keyporter who is calling
// and whether he may, in the API's own process.
//
// A [Client] is a gateway of Keyporter's configuration and shows a secret of its own.
// Its [Client.Handler] stands before the handlers of the API; [CallerOf] tells them who
// calls. [Client.Introspect] is the plain question about one credential (RFC 7662).
//
// In the mode [Ask] each call costs a round trip. In the mode [Decide] it costs none:
// what Keyporter said of a credential is kept, and one stream stays open by which
// Keyporter says, as it happens, what is no longer true. A token that is switched off is
// refused within milliseconds. A stream that is silent for [Config.Silence] isn't
// trusted: then each call is asked about, until the stream is back. When Keyporter
// can't be asked either, calls are refused with 503, at once or after [Config.Grace].
//
// The package keeps its promises of compatibility (semantic versioning); it needs the
// standard library only.
package client

import (
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

// Mode is where it is decided about a call.
type Mode int

// The modes.
const (
	Ask    Mode = iota // Keyporter is asked on each call
	Decide             // what it said is kept for as long as it is true
)

// Config is what a Client needs. Address, Secret and API have to be there.
type Config struct {
	// Address is where Keyporter is, such as https://keys.example.com.
	Address string
	// Secret is that of the gateway, as `keyporter gateway secret` made it. It begins with kpg_.
	Secret string
	// API is the name by which Keyporter's configuration calls the API. Calls are counted under it.
	API string

	Mode Mode
	// Silence is how long the stream may say nothing before each call is asked about. Zero: 3 seconds.
	Silence time.Duration
	// Grace is how long after Keyporter was heard last, with the mode Decide, what it said
	// still holds when it can't be asked. A token that is revoked meanwhile works until
	// then. Zero: not at all, calls are refused with 503.
	Grace time.Duration
	// Size is how many credentials are kept at the most, about 1 KB each. Zero: 100,000.
	Size int

	// ClientIP says from where a call comes, for the list of who uses a token. Nil: from
	// r.RemoteAddr. Behind a proxy it has to be read out of what that one says.
	ClientIP func(r *http.Request) string
	// Origin says to which scheme, host and port a call was sent, such as
	// https://api.example.com: the proof of a key (RFC 9449) names it. Nil: as the call
	// arrives here. Behind a proxy it has to be said.
	Origin func(r *http.Request) string
	// Refuse answers a call that is refused. Nil: as a problem document (RFC 9457). The
	// header WWW-Authenticate is set before.
	Refuse func(http.ResponseWriter, *http.Request, Refusal)
	// Transport is how Keyporter is reached. Nil: by no more than 64 connections, and by the proxy that the environment names.
	Transport http.RoundTripper
	// Log is told when Keyporter can't be reached, and is again. Nil: nobody is.
	Log *slog.Logger
}

const (
	defaultSilence = 3 * time.Second
	defaultSize    = 100_000
	// askTime is how long an answer of Keyporter's is waited for.
	askTime = 3 * time.Second
)

// Client asks Keyporter. It is safe for concurrent use, and one is enough for a program.
type Client struct {
	cfg    Config
	http   *http.Client
	log    *slog.Logger
	memory *memory
	uses   uses

	complained atomic.Int64 // Unix seconds, last
	stop       context.CancelFunc
	jobs       sync.WaitGroup
}

// New returns a Client. It doesn't wait for Keyporter, which may come up later; until
// then calls are refused. Close ends it.
func New(cfg Config) (*Client, error) {
	address, err := url.Parse(cfg.Address)
	switch {
	case err != nil || address.Scheme != "http" && address.Scheme != "https" || address.Host == "" || address.User != nil || address.RawQuery != "" || address.Fragment != "":
		return nil, fmt.Errorf("Keyporter's address must look like https://keys.example.com: %q", cfg.Address)
	case cfg.Secret == "":
		return nil, errors.New("the gateway's secret is missing; `keyporter gateway secret` creates one")
	case cfg.API == "":
		return nil, errors.New("the API's name, as in Keyporter's configuration, is missing")
	case cfg.Silence < 0 || cfg.Grace < 0 || cfg.Size < 0:
		return nil, errors.New("silence, grace, and size can't be negative")
	}
	cfg.Address = strings.TrimSuffix(cfg.Address, "/")
	if cfg.Silence == 0 {
		cfg.Silence = defaultSilence
	}
	if cfg.Size == 0 {
		cfg.Size = defaultSize
	}
	if cfg.ClientIP == nil {
		cfg.ClientIP = remoteIP
	}
	if cfg.Origin == nil {
		cfg.Origin = origin
	}
	if cfg.Refuse == nil {
		cfg.Refuse = writeProblem
	}
	if cfg.Transport == nil {
		cfg.Transport = &http.Transport{
			Proxy: http.ProxyFromEnvironment, MaxConnsPerHost: 64, MaxIdleConnsPerHost: 64, IdleConnTimeout: time.Minute, TLSHandshakeTimeout: askTime,
		}
	}
	c := &Client{
		cfg: cfg, log: cfg.Log, memory: newMemory(cfg.Size),
		// The secret goes to the address that was given, and nowhere else.
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

func origin(r *http.Request) string {
	if r.TLS != nil {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

func remoteIP(r *http.Request) string {
	ip, _, _ := net.SplitHostPort(r.RemoteAddr)
	return ip
}

// Close reports the last counts of calls and ends what runs in the background. Calls
// that come afterwards are asked about one by one.
func (c *Client) Close() {
	c.stop()
	c.jobs.Wait()
	c.memory.deaf()
	c.http.CloseIdleConnections()
}
