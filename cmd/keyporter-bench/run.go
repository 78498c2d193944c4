//go:build linux

package main

import (
	"fmt"
	"net/http"
	"os"
)

// program is one of the programs compared: a process, and the requests it gets.
type program struct {
	letter, title string
	child         *child
	load          load
	closed        []slot // as fast as it can: one per round, two for the empty handler
	open          []slot // at half the rate of the baseline
}

// run is one run of the bench.
type run struct {
	options

	children  []*child
	keyporter *child
	upstream  *child     // the API behind the proxies
	api       *child     // with the middleware
	programs  []*program // a, b, c, u, d, e, m, i, t
	known     []string
	unknown   []string

	repeats int // repeated slots so far
	first   usage
	warm    usage
	last    usage
	written int // how often counts were written
	inside  inProcess
	decides inProcess // in the middleware
}

func (r *run) start(database string, secrets []string) error {
	r.known, r.unknown = secrets, unknownSecrets(r.used)
	start := func(name string, args ...string) (*child, error) {
		c, err := startChild(r.gogc, name, args...)
		if err == nil {
			r.children = append(r.children, c)
		}
		return c, err
	}
	empty, err := start(emptyProgram)
	if err != nil {
		return err
	}
	fixed, err := start(fixedProgram)
	if err != nil {
		return err
	}
	if r.upstream, err = start(upstreamProgram); err != nil {
		return err
	}
	proxy, err := start(proxyProgram, r.upstream.addr)
	if err != nil {
		return err
	}
	if r.keyporter, err = start(keyporterProgram, database, r.upstream.addr); err != nil {
		return err
	}
	if r.api, err = start(middlewareProgram, r.keyporter.addr); err != nil {
		return err
	}
	asks, tries, calls := requestTexts(question, r.known), requestTexts(question, r.unknown), requestTexts(call, r.known)
	add := func(letter, title string, c *child, requests [][]byte, status int) {
		r.programs = append(r.programs, &program{letter: letter, title: title, child: c, load: load{addr: c.addr, requests: requests, status: status, conns: r.conns}})
	}
	add("a", "net/http, empty", empty, asks, http.StatusOK)
	add("b", "net/http, the same headers, fixed", fixed, asks, http.StatusOK)
	add("c", "/verify, known tokens", r.keyporter, asks, http.StatusOK)
	add("u", "/verify, unknown tokens: 401", r.keyporter, tries, http.StatusUnauthorized)
	add("d", "httputil.ReverseProxy, bare", proxy, calls, http.StatusOK)
	add("e", "Keyporter's reverse proxy", r.keyporter, calls, http.StatusOK)
	add("m", "an API with the Go middleware", r.api, calls, http.StatusOK)
	add("i", "introspection, known tokens", r.keyporter, requestTexts(form("/oauth2/introspect", "token=%s"), r.known), http.StatusOK)
	add("t", "token endpoint, client credentials", r.keyporter, [][]byte{[]byte(form("/oauth2/token", "grant_type=client_credentials"))}, http.StatusOK)
	return nil
}

func (r *run) stop() {
	for _, c := range r.children {
		if err := c.stop(); err != nil {
			fmt.Fprintln(os.Stderr, "stop", c.name+":", err)
		}
	}
}

func (r *run) find(letter string) *program {
	for _, p := range r.programs {
		if p.letter == letter {
			return p
		}
	}
	return nil
}
