//go:build linux

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"runtime"
	"syscall"
	"time"
)

// The names of the programs.
const (
	emptyProgram      = "empty"
	fixedProgram      = "fixed"
	proxyProgram      = "proxy"
	upstreamProgram   = "upstream"
	keyporterProgram  = "keyporter"
	middlewareProgram = "middleware"
)

// runChild runs one of the programs until its input ends.
func runChild(name string, args []string) error {
	switch name {
	case keyporterProgram:
		return runKeyporter(args[0], args[1])
	case middlewareProgram:
		return runMiddleware(args[0])
	}
	var h http.Handler
	switch name {
	case emptyProgram:
		h = http.HandlerFunc(empty)
	case fixedProgram:
		h = fixed()
	case upstreamProgram:
		h = http.HandlerFunc(upstream)
	case proxyProgram:
		target, err := url.Parse("http://" + args[0])
		if err != nil {
			return err
		}
		h = bareProxy(target)
	default:
		return fmt.Errorf("there is no program %q", name)
	}
	addr, err := serve(h)
	if err != nil {
		return err
	}
	return obey(addr, map[string]func(order) (any, error){"usage": func(order) (any, error) { return usageNow(), nil }})
}

// serve serves h until the process ends, and returns its address.
func serve(h http.Handler) (addr string, err error) {
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	// The limits are those that every server needs, and that Keyporter's has.
	s := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 32 << 10}
	go func() { _ = s.Serve(l) }() // until the process ends
	return l.Addr().String(), nil
}

// obey prints the address of the program, and follows orders until the input ends.
func obey(addr string, orders map[string]func(order) (any, error)) error {
	in, out := json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout)
	if err := out.Encode(addr); err != nil {
		return err
	}
	for {
		var o order
		if err := in.Decode(&o); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		answer, err := orders[o.Do](o)
		if err == nil {
			err = out.Encode(answer)
		}
		if err != nil {
			return err
		}
	}
}

func empty(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }

// fixed writes the headers that /verify writes, without deciding anything.
func fixed() http.Handler {
	names := []string{"X-Keyporter-Request-Id", "X-Keyporter-User", "X-Keyporter-Login", "X-Keyporter-Organization", "X-Keyporter-Credential", "X-Keyporter-Credential-Kind"}
	values := [][]string{{"0123456789abcdefghjkmnpq"}, {"06c0000000000000000000user"}, {loginOf(0)}, {"06c0000000organization0000"}, {"06c000000000000000000token"}, {"user_token"}}
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		h := w.Header()
		for i, name := range names {
			h[name] = values[i]
		}
		w.WriteHeader(http.StatusOK)
	})
}

const upstreamBody = `{"Items":[{"Id":"4d6f0c1e","Name":"Contract","State":"InProgress"}],"TotalCount":1}` + "\n"

func upstream(w http.ResponseWriter, _ *http.Request) {
	w.Header()["Content-Type"] = []string{"application/json"}
	_, _ = io.WriteString(w, upstreamBody)
}

// bareProxy is httputil.ReverseProxy with one change: by default, it keeps two idle connections,
// and would open a new one for nearly every call.
func bareProxy(target *url.URL) http.Handler {
	return &httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(target) },
		Transport: &http.Transport{MaxIdleConnsPerHost: 512, DisableCompression: true},
	}
}

// usage is what a program has used since it started.
type usage struct {
	CPU     time.Duration
	Mallocs uint64
	Memory  int64 // resident, bytes

	Statements int64 // of SQL, run by Keyporter
	Lookups    int64 // of credentials in the database
}

func usageNow() usage {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	var r syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &r) // can't fail for the process itself
	return usage{CPU: cpuOf(&r), Mallocs: m.Mallocs, Memory: resident()}
}

func cpuOf(r *syscall.Rusage) time.Duration {
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// resident reads /proc/self/statm, see proc_pid_statm(5).
func resident() int64 {
	var size, pages int64
	text, err := os.ReadFile("/proc/self/statm")
	if err == nil {
		_, err = fmt.Sscan(string(text), &size, &pages)
	}
	if err != nil {
		return 0
	}
	return pages * int64(os.Getpagesize())
}
