package examples_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/keyportertest"
	"github.com/keyporter/keyporter/server"
	"github.com/keyporter/keyporter/verify"
)

// world is a running Keyporter that proxies ask, and the API behind them.
type world struct {
	*server.Server

	api       *api
	keyporter *keyportertest.Line // between the proxies and Keyporter

	ada     keyporter.User
	secret  string // of one of her tokens
	company string // the secret of an organization token

	disabled string // the secret of a token that is switched off
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{api: newAPI(t)}
	apis := append(keyportertest.APIs(w.api.URL), verify.API{Name: "shop", Upstream: w.api.URL, Routes: []verify.Route{
		{Path: "/shop/public", Methods: []string{"GET"}, Public: true},
		{Path: "/shop/{rest...}"},
	}})
	var err error
	w.Server, err = server.Start(t.Context(), server.Config{Listen: "127.0.0.1:0", EnvoyListen: "127.0.0.1:0", Database: keyportertest.Database(t), APIs: apis}, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Stop(t.Context()) })
	w.keyporter = keyportertest.NewLine(t, w.URL())
	w.ada = keyportertest.User(t, w.Control, "Acme", "ada@acme.example", keyporter.RoleAPIUser)
	_, secret := keyportertest.Token(t, w.Control, w.ada, "Export")
	_, company := keyportertest.OrganizationToken(t, w.Control, w.ada, "Company")
	off, disabled := keyportertest.Token(t, w.Control, w.ada, "Off")
	if _, err := w.Control.DisableToken(t.Context(), keyporter.Command(), off.ID); err != nil {
		t.Fatal(err)
	}
	w.disabled = disabled.Reveal()
	w.secret, w.company = secret.Reveal(), company.Reveal()
	return w
}

// front is a proxy in front of the API.
type front struct {
	name, address string
	down          int  // its status when Keyporter is down
	silent        bool // it adds nothing to the API's response
}

// fronts starts each proxy with its example configuration.
func (w *world) fronts(t *testing.T) []front {
	t.Helper()
	example := func(path string) string {
		return keyportertest.Example(t, path, w.keyporter.Address, w.api.address())
	}
	return []front{
		{name: "nginx", address: keyportertest.StartNginx(t, example("nginx/keyporter.conf")), down: 503},
		{name: "nginx, cached", address: keyportertest.StartNginx(t, example("nginx/keyporter-cached.conf")), down: 503},
		{name: "Caddy", address: keyportertest.StartCaddy(t, example("caddy/Caddyfile")), down: 503},
		{name: "Traefik", address: keyportertest.StartTraefik(t, example("traefik/dynamic.yaml")), down: 500, silent: true},
	}
}

// api answers with the request it got, and keeps how much of a body it has read.
type api struct {
	*httptest.Server

	calls atomic.Int64
	read  atomic.Int64 // bytes of the body read so far
}

func newAPI(t *testing.T) *api {
	t.Helper()
	a := &api{}
	a.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.calls.Add(1)
		var got bytes.Buffer
		fmt.Fprintln(&got, r.Method, r.RequestURI)
		_ = r.Header.Write(&got)
		n, err := io.Copy(counter{&a.read}, r.Body)
		fmt.Fprintln(&got, n, "bytes", err)
		_, _ = w.Write(got.Bytes())
	}))
	t.Cleanup(a.Close)
	return a
}

func (a *api) address() string { return strings.TrimPrefix(a.URL, "http://") }

type counter struct{ n *atomic.Int64 }

func (c counter) Write(p []byte) (int, error) {
	c.n.Add(int64(len(p)))
	return len(p), nil
}

type answer struct {
	status int
	header http.Header
	body   string
}

// send sends a request exactly as written to an address: "GET /path", and header lines.
func send(t *testing.T, address, line string, headers ...string) answer {
	t.Helper()
	return exchange(t, address, line+" HTTP/1.1\nHost: api.example\nConnection: close\n"+strings.Join(append(headers, "\n"), "\n"))
}

func exchange(t *testing.T, address, request string) answer {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
	if _, err := io.WriteString(conn, strings.ReplaceAll(request, "\n", "\r\n")); err != nil {
		t.Fatal(err)
	}
	method, _, _ := strings.Cut(request, " ")
	res, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{res.StatusCode, res.Header, string(body)}
}
