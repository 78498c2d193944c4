package main

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// block is a code block in a document.
type block struct{ language, text string }

// blocks returns the code blocks of a document. Its comments are blocks in the language "note".
func blocks(t *testing.T, path string) (all []block) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile("(?ms)^```(\\w+)\n(.*?)^```$|^<!-- (.*?) -->$").FindAllStringSubmatch(string(text), -1) {
		if m[3] != "" {
			all = append(all, block{"note", m[3]})
			continue
		}
		all = append(all, block{m[1], m[2]})
	}
	return all
}

// shell is a bash that runs all commands of a document.
type shell struct {
	t   *testing.T
	in  io.Writer
	out *bufio.Reader
}

// newShell starts a bash in a folder that contains only the repository's docs.
func newShell(t *testing.T) *shell {
	t.Helper()
	dir := t.TempDir()
	docs, err := filepath.Abs("../../docs")
	if err == nil {
		err = os.Symlink(docs, filepath.Join(dir, "docs"))
	}
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "bash")
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "no_proxy=*")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait()
	})
	return &shell{t, in, bufio.NewReader(out)}
}

// run runs commands and returns their output. typed is the input for the read command.
func (s *shell) run(commands, typed string) (printed string) {
	s.t.Helper()
	commands = regexp.MustCompile(`(?m)^read .*$`).ReplaceAllString(commands, "$0\n"+typed)
	if _, err := io.WriteString(s.in, commands+"echo; echo \"end $?\"\n"); err != nil {
		s.t.Fatal(err)
	}
	for {
		line, err := s.out.ReadString('\n')
		if err != nil {
			s.t.Fatalf("%v after %s", err, printed)
		}
		if strings.HasPrefix(line, "end ") {
			return strings.TrimSpace(printed)
		}
		printed += line
	}
}

// tutorial is a document that people follow step by step.
type tutorial struct {
	path    string
	answers int // in the document
}

// changing matches IDs, times, and request IDs, which differ each time.
var changing = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}|\d{4}-\d\d-\d\dT[\d:.]+Z|<supportId>\w{24}<|"TraceId":"\w{24}"|"(User)?Id":"\w{26}"`)

// follow runs each command as it is in the tutorial, and expects the answers given there. The
// reader has created token on the page; switchOn does what the reader does there later.
func (u tutorial) follow(t *testing.T, info demoInfo, token string, switchOn func()) {
	t.Helper()
	sh := newShell(t)
	same := func(s string) string {
		return changing.ReplaceAllString(strings.TrimSpace(strings.ReplaceAll(s, "\r", "")), "…")
	}
	printed, compared := "", 0
	for _, b := range blocks(t, u.path) {
		switch b.language {
		case "sh":
			printed = sh.run(strings.ReplaceAll(b.text, "http://127.0.0.1:8080", info.URL), token)
			continue
		case "note":
			switchOn()
		case "xml", "json", "text":
			if printed == "" {
				continue // not an answer
			}
			if compared++; same(printed) != same(b.text) {
				t.Errorf("the answer is\n%s\nand in the tutorial\n%s", printed, b.text)
			}
		}
		printed = ""
	}
	if compared != u.answers {
		t.Errorf("%d answers were compared", compared)
	}
}
