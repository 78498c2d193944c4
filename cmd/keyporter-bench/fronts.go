//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// front is somebody's proxy, started three times. All of them call the same API.
type front struct {
	name string
	ways [3]way
}

// way is how a proxy asks: by our recipe, Keyporter; by our recipe, an empty handler; and the same with as
// little as it takes, which passes no identity on and strips nothing.
type way struct {
	load  load
	pids  []int // the processes that take part
	rates []float64
	cpu   time.Duration
	calls int
}

// The addresses in the recipes, and the configurations that ask a program that does nothing. 1 is that
// program, 2 the API.
const (
	recipeKeyporter = "127.0.0.1:8080"
	recipeAPI       = "127.0.0.1:9000"

	bareNginx = `upstream asked { server %[1]s; keepalive 64; }
upstream api { server %[2]s; keepalive 64; }
server {
    listen 8000;
    location / { auth_request /asked; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_pass http://api$request_uri; }
    location = /asked { internal; proxy_pass http://asked; proxy_pass_request_body off; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Content-Length ""; }
}`
	bareCaddy = ":8000 {\n\tforward_auth %[1]s {\n\t\turi /\n\t}\n\treverse_proxy %[2]s\n}\n"

	bareTraefik = `http:
  routers: {api: {rule: PathPrefix("/"), service: api, middlewares: [asked]}}
  middlewares: {asked: {forwardAuth: {address: "http://%[1]s/"}}}
  services: {api: {loadBalancer: {servers: [{url: "http://%[2]s"}]}}}
`
)

// compareFronts measures the proxies, and prints what is left of each with the recipe.
func (r *run) compareFronts(ctx context.Context, out io.Writer) (err error) {
	dir, err := os.MkdirTemp("", "keyporter-bench-")
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	var running []*exec.Cmd
	defer func() {
		stop()
		for _, cmd := range running {
			_ = cmd.Wait()
		}
		err = errors.Join(err, os.RemoveAll(dir))
	}()
	var fronts []*front
	for _, kind := range []kind{
		{"nginx", "examples/nginx/keyporter.conf", bareNginx, startNginx},
		{"Caddy", "examples/caddy/Caddyfile", bareCaddy, startCaddy},
		{"Traefik", "examples/traefik/dynamic.yaml", bareTraefik, r.startTraefik},
	} {
		f, started, err := r.startWays(ctx, dir, kind)
		running = append(running, started...)
		if err != nil {
			return fmt.Errorf("start %s: %w", kind.name, err)
		}
		fronts = append(fronts, f)
	}
	return r.runFronts(ctx, fronts, out)
}

// kind is a kind of proxy, with the path of our recipe, and the least that it needs to ask.
type kind struct {
	name, recipe, bare string
	start              func(ctx context.Context, at place, text string) (*exec.Cmd, error)
}

// startWays starts a proxy in all ways. It also returns what it started if it fails.
func (r *run) startWays(ctx context.Context, dir string, kind kind) (f *front, started []*exec.Cmd, err error) {
	text, err := os.ReadFile(filepath.Join(r.root, kind.recipe))
	if err != nil {
		return nil, nil, fmt.Errorf("run this in the repository: %w", err)
	}
	recipe := func(asked *child) string {
		return strings.NewReplacer(recipeKeyporter, asked.addr, recipeAPI, r.upstream.addr).Replace(string(text))
	}
	f = &front{name: kind.name}
	for i, one := range []struct {
		text  string
		asked *child
	}{
		{recipe(r.keyporter), r.keyporter},
		{recipe(r.programs[0].child), r.programs[0].child},
		{fmt.Sprintf(kind.bare, r.programs[0].child.addr, r.upstream.addr), r.programs[0].child},
	} {
		address, err := freeAddress()
		if err != nil {
			return nil, started, err
		}
		at := place{filepath.Join(dir, fmt.Sprint(kind.name, i)), address}
		if err := os.Mkdir(at.dir, 0o700); err != nil {
			return nil, started, err
		}
		cmd, err := kind.start(ctx, at, one.text)
		if cmd != nil {
			started = append(started, cmd)
		}
		if err != nil {
			return nil, started, err
		}
		f.ways[i].pids = []int{cmd.Process.Pid, one.asked.cmd.Process.Pid, r.upstream.cmd.Process.Pid}
		f.ways[i].load = load{addr: address, requests: requestTexts(call, r.known), status: http.StatusOK, conns: r.conns}
	}
	return f, started, nil
}

// runFronts interleaves the rounds.
func (r *run) runFronts(ctx context.Context, fronts []*front, out io.Writer) error {
	for _, f := range fronts {
		for i := range f.ways {
			l := &f.ways[i].load
			for asked := 0; asked < len(l.requests); { // each token once
				got, err := l.run(r.slot, 0)
				if err != nil {
					return fmt.Errorf("%s: %w", f.name, err)
				}
				asked += got.count
			}
		}
	}
	for round := range r.rounds {
		for _, f := range fronts {
			if err := f.run(round, r.slot); err != nil {
				return errors.Join(err, ctx.Err())
			}
		}
	}
	fmt.Fprintf(out, "\nProxies that ask, %d rounds of three: (1) with the recipe; (2) with the recipe, asking an empty handler; (3) asking that with as little as it takes\n", r.rounds)
	for _, f := range fronts {
		recipe, same, empty := &f.ways[0], &f.ways[1], &f.ways[2]
		fmt.Fprintf(out, "%-8s (1) %6.0f/s; of (2) %s, wanted: at least 0.9; of (3) %s; processor time of a call %v, %v, %v\n", f.name, median(recipe.rates), ratioOf(recipe, same), ratioOf(recipe, empty),
			recipe.perCall(), same.perCall(), empty.perCall())
	}
	return nil
}

// ratioOf compares two ways round by round.
func ratioOf(a, b *way) string {
	ratios := make([]float64, len(a.rates))
	for i := range ratios {
		ratios[i] = a.rates[i] / b.rates[i]
	}
	return fmt.Sprintf("%.2f (%.2f to %.2f)", median(ratios), slices.Min(ratios), slices.Max(ratios))
}

func (w *way) perCall() time.Duration {
	return (w.cpu / time.Duration(max(w.calls, 1))).Round(time.Microsecond)
}

// run measures all ways, in an order that changes from round to round.
func (f *front) run(round int, slot time.Duration) error {
	for i := range f.ways {
		w := &f.ways[(i+round)%len(f.ways)]
		before := processTime(w.pids)
		got, err := w.load.run(slot, 0)
		if err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
		w.rates = append(w.rates, got.rate())
		w.cpu += processTime(w.pids) - before
		w.calls += got.count
	}
	return nil
}

// processTime returns how much processor time processes have used, see proc_pid_stat(5). It doesn't depend on what
// else runs on the machine as much as a rate does.
func processTime(pids []int) (sum time.Duration) {
	const tick = 10 * time.Millisecond
	for _, pid := range pids {
		text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)) // 0 if it has ended
		_, after, _ := strings.Cut(string(text), ") ")
		if fields := strings.Fields(after); len(fields) > 12 {
			user, _ := strconv.Atoi(fields[11])
			system, _ := strconv.Atoi(fields[12])
			sum += time.Duration(user+system) * tick
		}
	}
	return sum
}

// place is where a proxy has its files, and listens.
type place struct{ dir, address string }

func startNginx(ctx context.Context, at place, text string) (*exec.Cmd, error) {
	text = fmt.Sprintf(`daemon off; master_process off; pid %[1]s/pid; error_log %[1]s/log; worker_processes 1; events { worker_connections 1024; }
http { access_log off; client_body_temp_path %[1]s/a; proxy_temp_path %[1]s/b; fastcgi_temp_path %[1]s/c; uwsgi_temp_path %[1]s/d; scgi_temp_path %[1]s/e;
keepalive_requests 1000000; %[2]s }`, at.dir, strings.Replace(text, "listen 8000;", "listen "+at.address+";", 1))
	return startFront(ctx, at, text, "/usr/sbin/nginx", "-p", at.dir, "-c", at.config())
}

func startCaddy(ctx context.Context, at place, text string) (*exec.Cmd, error) {
	_, port, _ := net.SplitHostPort(at.address)
	text = "{\n\tadmin off\n\tauto_https off\n\tdefault_bind 127.0.0.1\n\tgrace_period 1s\n\tstorage file_system " + at.dir + "\n}\n" + strings.Replace(text, ":8000 {", ":"+port+" {", 1)
	return startFront(ctx, at, text, "caddy", "run", "--adapter", "caddyfile", "--config", at.config())
}

// startTraefik starts what tools/traefik builds for the tests.
func (r *run) startTraefik(ctx context.Context, at place, text string) (*exec.Cmd, error) {
	return startFront(ctx, at, text, filepath.Join(r.root, ".cache/traefik/traefik"), at.address, at.config())
}

// config is the path of the configuration. Traefik goes by the end of its name.
func (p place) config() string { return filepath.Join(p.dir, "config.yaml") }

// startFront starts a proxy with a configuration, and waits until it listens.
func startFront(ctx context.Context, at place, text, program string, args ...string) (*exec.Cmd, error) {
	if err := os.WriteFile(at.config(), []byte(text), 0o600); err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, program, args...)
	// nginx's memory for 32 calls is about as much as glibc gives back to the system, and gets again, at each lull: some
	// layouts of the heap cost 20 µs a call, and others nothing. Here, it keeps what it has, whatever it asks.
	cmd.Env = append(os.Environ(), "HOME="+at.dir, "XDG_CONFIG_HOME=", "XDG_DATA_HOME=", "MALLOC_TRIM_THRESHOLD_=67108864")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := startOnLastingThread(cmd); err != nil {
		return nil, err
	}
	for range 100 {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", at.address)
		if err == nil {
			return cmd, conn.Close()
		}
		time.Sleep(100 * time.Millisecond)
	}
	return cmd, fmt.Errorf("%s doesn't listen", program)
}

func freeAddress() (string, error) {
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}
