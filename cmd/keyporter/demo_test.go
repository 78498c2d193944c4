package main

import (
	"debug/buildinfo"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/keyportertest"
	"github.com/keyporter/keyporter/verify"
)

// TestScopesOfTheExampleAPI expects calls that change something to need envelope.send, even if they
// use GET, and so do calls that no route foresees.
func TestScopesOfTheExampleAPI(t *testing.T) {
	n := keyportertest.NewNode(t, keyportertest.SQLite(t))
	checker, err := verify.New(n.DB, verify.Options{APIs: esignAPIs("http://127.0.0.1:1")})
	if err != nil {
		t.Fatal(err)
	}
	for scope, calls := range map[string]string{
		"":           "GET v4/version, GET v6/system/version",
		accountRead:  "GET v4/authorization, GET v5/user/me, GET v6/authorization/validate, GET v6/authorization/whoami",
		envelopeRead: "GET v5/envelope/1, POST v4/envelope/find, GET v6/envelope/1, GET v6/envelope/1/files, GET v6/file/1, POST v6/envelope/find, POST v6/template/find, GET v6/template/1",
		envelopeSend: "POST v4/envelope/send, GET v4/envelope/1/cancel, GET v5/envelope/1/copyfromtemplate, DELETE v5/envelope/1, POST v5/draft/send/1, POST v5/sspfile/uploadtemporary, " +
			"POST v6/envelope/send, POST v6/envelope/cancel, POST v6/file/upload, POST v6/draft/send, POST v4/version, GET v5/else, POST v6/else, POST v6/authorization/whoami",
	} {
		for call := range strings.SplitSeq(calls, ", ") {
			method, path, _ := strings.Cut(call, " ")
			d := checker.Check(t.Context(), &verify.Request{Method: method, Path: "/Api/" + path})
			if d.Route == nil || d.Route.Scope != scope || d.Route.Public != (scope == "") {
				t.Errorf("%s: %+v, want %q", call, d.Route, scope)
			}
		}
	}
	for _, s := range checker.APIs()[0].Scopes() {
		if !slices.ContainsFunc(esignScopes(), func(k keyporter.Scope) bool { return k.Name == s }) {
			t.Errorf("the scope %s has no words", s)
		}
	}
}

// TestMakeRunLeavesGRPCOut builds the program as make run does. Whoever tries it has to compile
// everything that it needs, so it must not need what the demo doesn't.
func TestMakeRunLeavesGRPCOut(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "keyporter")
	if out, err := exec.Command("../../tools/build", path).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	info, err := buildinfo.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range info.Deps {
		if m.Path == "google.golang.org/grpc" {
			t.Error("the program has gRPC in it")
		}
	}
	config := filepath.Join(t.TempDir(), "keyporter.yaml")
	if err := os.WriteFile(config, []byte("listen: 127.0.0.1:0\nenvoy_listen: 127.0.0.1:0\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	serve := exec.Command(path, "serve", "--config", config, "--database", filepath.Join(t.TempDir(), "keyporter.db"))
	if out, err := serve.CombinedOutput(); err == nil || !strings.Contains(string(out), "built without gRPC") {
		t.Errorf("with envoy_listen, it says %v: %s", err, out)
	}
}

// TestTheDemoPrintsAWholeCommand expects a command that works as it is, in any folder.
func TestTheDemoPrintsAWholeCommand(t *testing.T) {
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	(&demo{}).print(&out, demoInfo{File: "/tmp/demo/keyporter.yaml"})
	if want := "\n  " + program + " token list ada@acme.example --config /tmp/demo/keyporter.yaml\n"; !strings.Contains(out.String(), want) {
		t.Errorf("no %q in\n%s", want, out.String())
	}
}
