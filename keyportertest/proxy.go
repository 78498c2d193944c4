package keyportertest

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Addresses in the example configurations of proxies.
const (
	exampleKeyporter = "127.0.0.1:8080"
	exampleAPI       = "127.0.0.1:9000"
)

// Example reads one of the example configurations and puts the addresses of this test into it.
func Example(t testing.TB, path, keyporter, api string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(text, []byte(exampleKeyporter)) {
		t.Fatalf("%s names no %s", path, exampleKeyporter)
	}
	return strings.NewReplacer(exampleKeyporter, keyporter, exampleAPI, api).Replace(string(text))
}

// cachePath is where an example keeps its cache.
var cachePath = regexp.MustCompile(`(proxy_cache_path )\S+`)

// StartNginx runs nginx with a file for its http block until the test ends. The file's server is at
// port 8000, which it replaces with the address it returns.
func StartNginx(t testing.TB, file string) (address string) {
	t.Helper()
	address = FreeAddress(t)
	dir := t.TempDir()
	file = cachePath.ReplaceAllString(file, "${1}"+filepath.Join(dir, "cache"))
	conf := fmt.Sprintf(`daemon off; master_process off; pid %[1]s/pid; error_log stderr; worker_processes 1;
		events { worker_connections 256; }
		http { access_log off; client_body_temp_path %[1]s/a; proxy_temp_path %[1]s/b; fastcgi_temp_path %[1]s/c; uwsgi_temp_path %[1]s/d; scgi_temp_path %[1]s/e;
		%[2]s }`, dir, strings.Replace(file, "listen 8000;", "listen "+address+";", 1))
	path := filepath.Join(dir, "nginx.conf")
	write(t, path, conf)
	startProxy(t, address, find("nginx"), "-p", dir, "-c", path)
	return address
}

// StartCaddy runs Caddy with a Caddyfile until the test ends. The file's site is at :8000, which it
// replaces with the address it returns.
func StartCaddy(t testing.TB, caddyfile string) (address string) {
	t.Helper()
	address = FreeAddress(t)
	dir := t.TempDir()
	_, port, _ := net.SplitHostPort(address)
	head := fmt.Sprintf("{\n\tadmin off\n\tauto_https off\n\tdefault_bind 127.0.0.1\n\tstorage file_system %s\n}\n", dir)
	path := filepath.Join(dir, "Caddyfile")
	write(t, path, head+strings.Replace(caddyfile, ":8000 {", ":"+port+" {", 1))
	startProxy(t, address, find("caddy"), "run", "--adapter", "caddyfile", "--config", path)
	return address
}

// StartTraefik runs Traefik's middlewares with a dynamic configuration until the test ends, and
// returns the address. tools/traefik builds the program from the folder traefik.
func StartTraefik(t testing.TB, dynamic string) (address string) {
	t.Helper()
	address = FreeAddress(t)
	path := filepath.Join(t.TempDir(), "dynamic.yaml")
	write(t, path, dynamic)
	startProxy(t, address, Cached(t, "traefik/traefik"), address, path)
	return address
}

// startProxy runs a program until the test ends, and returns when it listens.
func startProxy(t testing.TB, address, program string, args ...string) {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir(), "XDG_CONFIG_HOME=", "XDG_DATA_HOME=") // Caddy saves its configuration there
	start(t, cmd).await(t, "listening", func() bool {
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
}

// find finds a program, even outside the PATH of ordinary users.
func find(name string) string {
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	return "/usr/sbin/" + name
}
