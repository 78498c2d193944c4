package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// measures are the tests whose output is worth reading even if they pass.
var measures = regexp.MustCompile(`^(TestProxies|TestHowLong)`)

// report has where the time went, and what failed.
type report struct {
	began          time.Time
	packages, slow []took
	measured       map[string]bool // tests whose output was printed

	mu       sync.Mutex // phases run in parallel
	phases   []took
	failures []string
}

func (r *report) failed(what string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failures = append(r.failures, what)
}

type took struct {
	name    string
	seconds float64
}

// event is a line of go test -json, see go doc test2json.
type event struct {
	Action, Package, Test, Output string
	Elapsed                       float64
}

// read reads the output of go test, prints what fails, and keeps the times.
func (r *report) read(phase string, out io.Reader) {
	said := map[string]*strings.Builder{} // by package and test, until it ends
	var tables []string
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var e event
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			fmt.Println(lines.Text())
			continue
		}
		id := e.Package + " " + e.Test
		switch e.Action {
		case "build-output":
			fmt.Print(e.Output)
		case "output":
			if said[id] == nil {
				said[id] = &strings.Builder{}
			}
			said[id].WriteString(e.Output)
		case "pass", "fail", "skip":
			text := said[id]
			delete(said, id)
			if text != nil && (e.Action == "fail" || e.Action == "skip" && e.Test != "") {
				fmt.Printf("%s %s\n%s", strings.ToUpper(e.Action), id, text)
			} else if text != nil && measures.MatchString(e.Test) && !r.measured[id] { // the race detector would slow it down
				tables = append(tables, id, table(text.String()))
				r.measured[id] = true
			}
			if r.took(phase, e); e.Action == "fail" && !strings.Contains(e.Test, "/") || e.Action == "skip" && e.Test != "" {
				r.failed(phase + ": " + e.Action + " " + strings.TrimSpace(id))
			}
		}
	}
	if err := lines.Err(); err != nil {
		r.failed(phase + ": read what go test says: " + err.Error())
	}
	for id, text := range said {
		fmt.Printf("FAIL %s didn't end\n%s", id, text)
		r.failed(id + " didn't end")
	}
	for _, text := range tables {
		fmt.Println(text)
	}
}

// table is what a test printed, without what go test adds.
func table(text string) string {
	lines := slices.DeleteFunc(strings.Split(strings.TrimSpace(text), "\n"), func(line string) bool {
		return strings.HasPrefix(line, "=== ") || strings.HasPrefix(line, "--- ")
	})
	return strings.Join(lines, "\n")
}

func (r *report) took(phase string, e event) {
	name := strings.TrimPrefix(e.Package, "github.com/keyporter/keyporter/")
	if e.Test == "" {
		fmt.Printf("%-4s %-28s %6.1f s\n", e.Action, name, e.Elapsed)
		r.packages = append(r.packages, took{name + ", " + phase, e.Elapsed})
	} else if !strings.Contains(e.Test, "/") {
		r.slow = append(r.slow, took{name + " " + e.Test + ", " + phase, e.Elapsed})
	}
}

func (r *report) print() {
	fmt.Printf("\n== where the time went: %.0f s\n", time.Since(r.began).Seconds())
	for _, part := range []struct {
		title string
		times []took
	}{{"phases", r.phases}, {"packages", slowest(r.packages, 12)}, {"tests", slowest(r.slow, 20)}} {
		fmt.Println(part.title)
		for _, t := range part.times {
			fmt.Printf("%8.1f s  %s\n", t.seconds, t.name)
		}
	}
	for i, what := range r.failures {
		if i == 0 {
			fmt.Println("\n== what failed")
		}
		fmt.Println(what)
	}
}

func slowest(all []took, n int) []took {
	slices.SortFunc(all, func(a, b took) int { return cmp.Compare(b.seconds, a.seconds) })
	return all[:min(n, len(all))]
}
