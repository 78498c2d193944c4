package main

import (
	"encoding/json"
	"fmt"
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

// newToken adds a token for a user of the demo. The token is switched off.
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

// found returns the names of the envelopes a token finds over REST.
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

// TestOtherPeoplesSOAPClients has two programs that know nothing of Keyporter read the demo's WSDL,
// and send an envelope through each of its ports.
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

// TestTheSOAPTutorial follows docs/tutorials/soap.md, with the requests in docs/tutorials/soap-requests.
func TestTheSOAPTutorial(t *testing.T) {
	d, info := runDemo(t)
	token, secret := newToken(t, d, "ada@acme.example", "Hello World")
	tutorial{path: "../../docs/tutorials/soap.md", answers: 8}.follow(t, info, secret, func() {
		if _, err := d.srv.Control.EnableToken(t.Context(), keyporter.Command(), token.ID); err != nil {
			t.Fatal(err)
		}
	})
	if found(t, info, secret)["Hello World"] == "" {
		t.Error("there is no such envelope over REST")
	}
}

// TestTheRequestWithAnOrganizationToken sends docs/tutorials/soap-requests/organization.xml.
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
	for _, b := range blocks(t, "../../docs/tutorials/soap.md") {
		if strings.HasPrefix(b.text, "API=") || strings.HasPrefix(b.text, "call()") {
			sh.run(strings.ReplaceAll(b.text, "http://127.0.0.1:8080", info.URL), "")
		}
	}
	for login, want := range map[string]string{"grace@acme.example": "<baseResult>ok</baseResult>", "eve@rival.example": "No user in the organization has the login name in the request."} {
		if got := sh.run(fmt.Sprintf("ORGANIZATION_TOKEN=%s LOGIN_NAME=%s\ncall organization\n", secret.Reveal(), login), ""); !strings.Contains(got, want) {
			t.Errorf("%s: %s", login, got)
		}
	}
}
