package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"

	"github.com/keyporter/keyporter/keyportertest/browser"
)

// TestTheFirstCall counts: from the page after the sign-in, three clicks and one paste lead to an allowed call, and so do
// a name and three presses of Enter.
func TestTheFirstCall(t *testing.T) {
	_, info := runDemo(t)
	b := browser.New(t)
	signIn(b, info, "olivia@acme.example")
	open(b, info, "/start")
	says(t, b, "main", "2 of 4 steps", "“esign” answers", "You have none.")
	b.Look("start")
	open(b, info, "/apis")
	b.Look("apis")
	open(b, info, "/tokens")
	b.Click("a[href='/tokens/new']") // 1
	b.Wait("document.activeElement.id === 'name'")
	b.Fill("#name", "First")
	b.Click("dialog .main") // 2
	b.Wait("document.querySelector('.token .secret')")
	b.Click("[data-start]") // 3
	b.Wait("document.querySelector('.switch[aria-checked=true]')")
	pasted := b.Clipboard()
	if printed := paste(t, pasted); !strings.Contains(printed, "olivia@acme.example") {
		t.Errorf("%s prints %s", pasted, printed)
	}
	b.Wait("document.querySelector('.first-call').innerText.includes('It works')")
	says(t, b, ".first-call", "200", "curl", "127.0.0.1", "esign v6")
	b.Look("first-call-allowed")
	snippetsRun(t, b, "olivia@acme.example")

	b.Click(".token .switch")
	b.Wait("document.querySelector('.switch[aria-checked=false]')")
	if printed := paste(t, pasted); !strings.Contains(printed, "is switched off") {
		t.Errorf("switched off, the terminal says %q", printed)
	}
	snippetsRun(t, b, "is switched off")
	b.Click(".token .switch")
	b.Wait("document.querySelector('.switch[aria-checked=true]') && document.querySelector('.first-call.waiting')")
	b.Click("a[href='/tokens/new']")
	b.Wait("document.activeElement.id === 'name'")
	b.Fill("#name", "Second"+kb.Enter)
	b.Wait("document.activeElement.matches('.token:has(bdi) [data-start]')")
	if printed := paste(t, b.Text(".snippets .curl")); !strings.Contains(printed, "is switched off") {
		t.Errorf("before it is switched on, the terminal says %q", printed)
	}
	b.Wait("document.querySelector('.first-call').innerText.includes('Refused.')")
	says(t, b, ".first-call", "is switched off", "curl", "Switch on and copy")
	b.Look("first-call-refused")
	b.Run("document.querySelector('.first-call [data-start]').focus()")
	b.Press(kb.Enter)
	b.Wait("document.querySelectorAll('.switch[aria-checked=true]').length === 2")
	b.Wait("document.querySelector('.first-call.waiting [data-start]').matches(':focus')")
	b.Click("[data-try]")
	b.Wait("document.querySelector('.tried')?.innerText.includes('olivia@acme.example')")
	b.Wait("document.querySelector('.first-call').innerText.includes('It works')")
	if printed := paste(t, b.Clipboard()); !strings.Contains(printed, "olivia@acme.example") {
		t.Errorf("with the keyboard alone, the terminal says %s", printed)
	}
	// A switch that is flipped in another tab follows within moments.
	other := browser.New(t)
	signIn(other, info, "olivia@acme.example")
	other.Click(".token .switch[aria-checked=true]")
	b.Wait("document.querySelectorAll('.switch[aria-checked=true]').length === 1")
	open(b, info, "/start")
	says(t, b, "main", "Everything works")
	b.Look("start-done")
}

// paste runs in a shell what was copied, as it is, and returns what it prints.
func paste(t *testing.T, line string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "sh", "-c", line).CombinedOutput()
	if err != nil {
		t.Errorf("%s: %v", line, err)
	}
	return string(out)
}

// snippetsRun runs the programs that the page shows, except the one in C#, for which Debian has no .NET, and expects each
// to print some words.
func snippetsRun(t *testing.T, b *browser.Browser, words string) {
	t.Helper()
	for name, run := range map[string]struct {
		file    string
		command []string
	}{"javascript": {"call.mjs", []string{"node"}}, "python": {"call.py", []string{"python3"}}, "go": {"call.go", []string{"go", "run"}}, "php": {"call.php", []string{"php"}}} {
		text := browser.Eval[string](b, "document.querySelector('.snippets ."+name+"').textContent")
		file := filepath.Join(t.TempDir(), run.file)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.CommandContext(t.Context(), run.command[0], append(run.command[1:], file)...).CombinedOutput()
		if err != nil || !strings.Contains(string(out), words) {
			t.Errorf("%s prints %s, %v", name, out, err)
		}
	}
}
