package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/keyporter/keyporter/keyportertest"
	"github.com/keyporter/keyporter/keyportertest/browser"
	"github.com/keyporter/keyporter/keyportertest/postgres"
)

func TestMain(m *testing.M) {
	testscript.Main(stopped{m}, map[string]func(){"keyporter": main})
}

// stopped stops the PostgreSQL server and the Chromium that the tests shared.
type stopped struct{ m *testing.M }

func (s stopped) Run() int {
	defer postgres.Stop()
	defer browser.Stop()
	return s.m.Run()
}

// TestScripts runs the stories in testdata/script, each on both databases, and those in its
// folder sqlite on SQLite alone. In addition to testscript's own commands, they have these:
//
//	ready FILE                          waits until FILE has Keyporter's address, and sets $URL to it
//	call STATUS [METHOD] PATH [H...] [=B] [~T]  sends a request with headers "Name: value" and a body, until the answer has T in it; it is in stdout
//	secret NAME                         sets the variable NAME to the last secret in stdout, and MISTYPED to the same with another last letter
//	nosecrets FILE...                   looks for anything that could be used as a token
func TestScripts(t *testing.T) {
	keyportertest.EachEmptyDatabase(t, func(t *testing.T, database string) {
		onPostgres := strings.HasPrefix(database, "postgres:")
		stories, err := filepath.Glob("../../testdata/script/*.txtar")
		if err == nil && !onPostgres {
			var more []string
			more, err = filepath.Glob("../../testdata/script/sqlite/*.txtar")
			stories = append(stories, more...)
		}
		if err != nil {
			t.Fatal(err)
		}
		testscript.Run(t, testscript.Params{
			Files:               stories,
			RequireExplicitExec: true,
			RequireUniqueNames:  true,
			Setup: func(env *testscript.Env) error {
				url := env.WorkDir + "/keyporter.db"
				if onPostgres {
					url = postgres.Empty(t)
				}
				env.Setenv("KEYPORTER_DATABASE", url)
				env.Setenv("HOME", env.WorkDir)
				env.Setenv("KEYPORTER_LISTEN", "127.0.0.1:0")
				return nil
			},
			Condition: func(c string) (bool, error) {
				return c == "sqlite" && !onPostgres, nil
			},
			Cmds: map[string]func(*testscript.TestScript, bool, []string){
				"call": call, "secret": secret, "ready": ready, "nosecrets": noSecrets,
			},
		})
	})
}

// readyPattern matches where Keyporter says it is ready, in text or in the demo's JSON.
var readyPattern = regexp.MustCompile(`(?:ready at |"url":")(http://[0-9.:]+)["\n]`)

// ready waits until Keyporter has written to a file that it is ready, and sets $URL: ready FILE.
func ready(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: ready FILE")
	}
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		out, _ := os.ReadFile(ts.MkAbs(args[0])) // there is none until Keyporter starts
		if m := readyPattern.FindSubmatch(out); m != nil {
			ts.Setenv("URL", string(m[1]))
			return
		}
	}
	ts.Fatalf("Keyporter isn't ready")
}

// call sends a request: call STATUS [METHOD] PATH [HEADER...] [=BODY] [~TEXT].
func call(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: call STATUS [METHOD] PATH [HEADER...] [=BODY] [~TEXT]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	method, args := http.MethodGet, args[1:]
	if !strings.HasPrefix(args[0], "/") && !strings.HasPrefix(args[0], "@") {
		method, args = args[0], args[1:]
	}
	path := args[0]
	if file, ok := strings.CutPrefix(path, "@"); ok {
		path = ts.ReadFile(file)
	}
	req, err := http.NewRequest(method, ts.Getenv("URL")+path, nil)
	ts.Check(err)
	text := ""
	for _, a := range args[1:] {
		if has, ok := strings.CutPrefix(a, "~"); ok {
			text = has
			continue
		}
		if body, ok := strings.CutPrefix(a, "="); ok {
			req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(body)), nil }
			req.ContentLength = int64(len(body))
			req.Header.Set("Content-Type", "application/json")
			continue
		}
		name, value, _ := strings.Cut(a, ": ")
		req.Header[name] = append(req.Header[name], value) // spelled as written
	}
	// The commands run in a different process than the one that is called. It hears of their
	// changes within a second, or later on a busy machine.
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		status, answer := send(ts, req)
		if status == want && strings.Contains(answer, text) {
			_, _ = io.WriteString(ts.Stdout(), answer)
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("want status %d and %q\n%s", want, text, answer)
		}
	}
}

// send returns the status of the response, and all of it.
func send(ts *testscript.TestScript, req *http.Request) (status int, answer string) {
	req = req.Clone(req.Context())
	if req.GetBody != nil {
		req.Body, _ = req.GetBody() // never fails for a string
	}
	res, err := http.DefaultClient.Do(req)
	ts.Check(err)
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	ts.Check(err)
	var header strings.Builder
	_ = res.Header.Write(&header)
	return res.StatusCode, fmt.Sprintf("%s\n%s\n%s\n", res.Status, header.String(), body)
}

var secretPattern = regexp.MustCompile(`kp[uoarcg]_[0-9A-Za-z]{49}`)

func secret(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: secret NAME")
	}
	all := secretPattern.FindAllString(ts.ReadFile("stdout"), -1)
	if len(all) == 0 {
		ts.Fatalf("no secret in stdout")
	}
	s := all[len(all)-1]
	ts.Setenv(args[0], s)
	last := "a"
	if strings.HasSuffix(s, last) {
		last = "b"
	}
	ts.Setenv("MISTYPED", s[:len(s)-1]+last)
}

// noSecrets looks for anything in files that could be used as a token.
func noSecrets(ts *testscript.TestScript, neg bool, files []string) {
	for _, f := range files {
		content, err := os.ReadFile(ts.MkAbs(f))
		ts.Check(err)
		if found := secretPattern.Find(content); (found != nil) != neg {
			ts.Fatalf("%s has a secret in it", f)
		}
	}
}
