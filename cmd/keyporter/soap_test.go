package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control"
)

// newToken adds a token for a user of the demo, which is switched off.
func newToken(t *testing.T, d *demo, login, name string) (keyporter.Token, string) {
	t.Helper()
	owner, err := d.srv.Control.UserByLogin(t.Context(), keyporter.Command(), login)
	if err != nil {
		t.Fatal(err)
	}
	token, secret, err := d.srv.Control.CreateToken(t.Context(), keyporter.Command(), control.NewToken{OwnerID: owner.ID, Name: name})
	if err != nil {
		t.Fatal(err)
	}
	return token, secret.Reveal()
}

// found are the envelopes that a token finds over REST, by name.
func found(t *testing.T, info demoInfo, token string) map[string]string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, info.URL+"/Api/v6/envelope/find", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("ApiToken", token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	var list struct{ Envelopes []struct{ ID, Name string } }
	if err := json.NewDecoder(res.Body).Decode(&list); err != nil {
		t.Fatal(err)
	}
	byName := map[string]string{}
	for _, e := range list.Envelopes {
		byName[e.Name] = e.ID
	}
	return byName
}

// TestOtherPeoplesSOAPClients has two programs that don't know of Keyporter take the WSDL
// of the demo, and send an envelope through each of its ports.
func TestOtherPeoplesSOAPClients(t *testing.T) {
	_, info := runDemo(t)
	clients, err := filepath.Abs("../../soap/testdata/clients")
	if err != nil {
		t.Fatal(err)
	}
	modules, err := filepath.Abs("../../.cache/soap-clients/node_modules")
	if err != nil {
		t.Fatal(err)
	}
	for name, program := range map[string][]string{
		"zeep":    {pythonWithZeep(t), filepath.Join(clients, "client.py")},
		"Node.js": {"node", filepath.Join(clients, "client.js")},
	} {
		cmd := exec.CommandContext(t.Context(), program[0], program[1], info.URL+"/Api.asmx?WSDL", info.Token)
		cmd.Env = append(os.Environ(), "NODE_PATH="+modules, "no_proxy=*")
		var stderr strings.Builder
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s: %v (make needs installs what is missing)\n%s%s", name, err, out, stderr.String())
		}
		t.Logf("%s:\n%s", name, out)
		envelopes := found(t, info, info.Token)
		for _, port := range []string{"ApiSoap", "ApiSoap12"} {
			id := envelopes[name+", "+port]
			for _, line := range []string{
				"GetVersion_v1 ok", "ValidateAuthorization_v1 ok", "ValidateAuthorization_v1 failed ERR0001", "SendEnvelope_v1 ok " + id, "GetEnvelopeById_v1 ok", "FindEnvelopes_v1 ok",
			} {
				if id == "" || !regexp.MustCompile(`(?m)^`+port+" "+line+` *$`).Match(out) {
					t.Errorf("%s: %s is missing; over REST there is %q", name, port+" "+line, id)
				}
			}
		}
	}
}

// pythonWithZeep finds the Python that has zeep: Debian's package is for Debian's Python.
func pythonWithZeep(t *testing.T) string {
	t.Helper()
	for _, python := range []string{"/usr/bin/python3", "python3"} {
		if exec.CommandContext(t.Context(), python, "-c", "import zeep").Run() == nil {
			return python
		}
	}
	t.Fatal("zeep is missing: make needs installs it")
	return ""
}

// block is a piece of code in a document.
type block struct{ language, text string }

// blocks reads the pieces of code of a document; those with the language "note" are its comments.
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

// shell is a bash that stays for all commands of a document.
type shell struct {
	t   *testing.T
	in  io.Writer
	out *bufio.Reader
}

// newShell starts a bash in a folder where docs is that of the repository, and nothing else.
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

// run runs commands and returns what they print. What a read waits for is typed.
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

// TestTheSOAPTutorial follows docs/tutorial-soap.md: it runs each command as it stands
// there, with the requests in docs/soap, and wants the answers that stand there.
func TestTheSOAPTutorial(t *testing.T) {
	d, info := runDemo(t)
	token, secret := newToken(t, d, "ada@acme.example", "Hello World")
	sh := newShell(t)
	// Ids, times and names of requests are others each time.
	changing := regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}|\d{4}-\d\d-\d\dT[\d:]+Z|<supportId>\w{24}<`)
	same := func(s string) string { return changing.ReplaceAllString(strings.TrimSpace(s), "…") }
	printed, compared := "", 0
	for _, b := range blocks(t, "../../docs/tutorial-soap.md") {
		switch b.language {
		case "sh":
			printed = sh.run(strings.ReplaceAll(b.text, "http://127.0.0.1:8080", info.URL), secret)
			continue
		case "note":
			if _, err := d.srv.Control.EnableToken(t.Context(), keyporter.Command(), token.ID); err != nil {
				t.Fatal(err)
			}
		case "xml", "json":
			if printed == "" {
				continue // not an answer
			}
			if compared++; same(printed) != same(b.text) {
				t.Errorf("the answer is\n%s\nand in the tutorial\n%s", printed, b.text)
			}
		}
		printed = ""
	}
	if compared != 8 {
		t.Errorf("%d answers were compared", compared)
	}
	if found(t, info, secret)["Hello World"] == "" {
		t.Error("there is no such envelope over REST")
	}
}

// TestTheRequestWithAnOrganizationToken sends docs/soap/organization.xml.
func TestTheRequestWithAnOrganizationToken(t *testing.T) {
	d, info := runDemo(t)
	ada, err := d.srv.Control.UserByLogin(t.Context(), keyporter.Command(), "ada@acme.example")
	if err == nil {
		err = d.srv.Control.GrantFlag(t.Context(), keyporter.Command(), ada.OrganizationID, keyporter.FlagOrganizationAPIToken)
	}
	if err != nil {
		t.Fatal(err)
	}
	token, secret, err := d.srv.Control.CreateToken(t.Context(), keyporter.Command(), control.NewToken{Kind: keyporter.OrganizationToken, OwnerID: ada.ID, Name: "Archive"})
	if err == nil {
		_, err = d.srv.Control.EnableToken(t.Context(), keyporter.Command(), token.ID)
	}
	if err != nil {
		t.Fatal(err)
	}
	sh := newShell(t)
	for _, b := range blocks(t, "../../docs/tutorial-soap.md") {
		if strings.HasPrefix(b.text, "API=") || strings.HasPrefix(b.text, "call()") {
			sh.run(strings.ReplaceAll(b.text, "http://127.0.0.1:8080", info.URL), "")
		}
	}
	for login, want := range map[string]string{"grace@acme.example": "<baseResult>ok</baseResult>", "eve@rival.example": "No user of the organization has the login name in the request."} {
		if got := sh.run(fmt.Sprintf("ORGANIZATION_TOKEN=%s LOGIN_NAME=%s\ncall organization\n", secret.Reveal(), login), ""); !strings.Contains(got, want) {
			t.Errorf("%s: %s", login, got)
		}
	}
}
