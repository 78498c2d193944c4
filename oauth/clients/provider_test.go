package clients

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/keyportertest"
)

const (
	login          = "ada@acme.example"
	callback       = "https://app.example/cb"
	nativeCallback = "http://127.0.0.1:43117/cb"
	scopes         = "openid offline_access email envelope.read"

	scriptTime = 2 * time.Minute
)

// finished are texts on the last pages of a device's authorization.
var finished = []string{"go back to your device", "The device will be notified", "Sign-in Success", "Sign-in request was interrupted"}

// provider is where scripts sign in: Keyporter or the oracle.
type provider struct {
	issuer      string
	certificate string
	node        *keyportertest.Node // of Keyporter, nil for the oracle
	web         keyporter.ID        // an app with a secret
	secret      string
	native      keyporter.ID // an app without
	signed      keyporter.ID // an app that authenticates with a key
	key         jose.JSONWebKey
}

func newKey(t *testing.T) jose.JSONWebKey {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return jose.JSONWebKey{Key: private, KeyID: "1", Algorithm: "ES256", Use: "sig"}
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func publicKeys(k jose.JSONWebKey) jose.JSONWebKeySet {
	return jose.JSONWebKeySet{Keys: []jose.JSONWebKey{k.Public()}}
}

func newKeyporter(t *testing.T) *provider {
	t.Helper()
	k := keyportertest.StartProgram(t, nil)
	keyportertest.User(t, k.Control, "Acme", login, keyporter.RoleAPIUser)
	p := &provider{issuer: k.URL, certificate: k.Certificate, node: k.Node, key: newKey(t)}
	p.web = k.App(t, keyporter.App{Name: "Web", RedirectURIs: []string{callback}, OwnTokens: true}).ID
	p.native = k.App(t, keyporter.App{Name: "Native", Authentication: keyporter.AppPublic, RedirectURIs: []string{"http://127.0.0.1/cb"}, Device: true}).ID
	p.signed = k.App(t, keyporter.App{
		Name: "Signed", Authentication: keyporter.AppKey, Keys: asJSON(t, publicKeys(p.key)), RedirectURIs: []string{callback}, OwnTokens: true,
	}).ID
	_, secret, err := k.Control.AddAppSecret(t.Context(), keyporter.Command(), p.web)
	if err != nil {
		t.Fatal(err)
	}
	p.secret = secret.Reveal()
	return p
}

func newOracle(t *testing.T) *provider {
	t.Helper()
	p := &provider{web: "web", secret: rand.Text(), native: "native", signed: "signed", key: newKey(t)}
	grants := func(more ...string) []string { return append([]string{"authorization_code", "refresh_token"}, more...) }
	var certificateKey string
	p.certificate, certificateKey = keyportertest.Certificate(t, t.TempDir())
	p.issuer = startOracle(t, p.certificate, certificateKey, []map[string]any{
		{"client_id": p.web, "client_secret": p.secret, "redirect_uris": []string{callback}, "grant_types": grants("client_credentials")},
		{
			"client_id": p.native, "token_endpoint_auth_method": "none", "application_type": "native", "redirect_uris": []string{"http://127.0.0.1/cb"}, "scope": scopes,
			"grant_types": grants("urn:ietf:params:oauth:grant-type:device_code"),
		},
		{
			"client_id": p.signed, "token_endpoint_auth_method": "private_key_jwt", "token_endpoint_auth_signing_alg": "ES256",
			"redirect_uris": []string{callback}, "jwks": publicKeys(p.key), "grant_types": grants("client_credentials"),
		},
	})
	return p
}

// startOracle runs oidc-provider with these clients.
func startOracle(t *testing.T, certificate, key string, apps []map[string]any) (issuer string) {
	t.Helper()
	cmd := exec.Command("node", "oracle.mjs")
	cmd.Dir = scriptFolder(t)
	cmd.Env = append(os.Environ(), "CERTIFICATE="+certificate, "CERTIFICATE_KEY="+key, "CLIENTS="+asJSON(t, apps), "NODE_NO_WARNINGS=1")
	return keyportertest.Run(t, cmd).URL
}

// scripts returns the files to run.
func scripts(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, pattern := range []string{"openid_client_*.mjs", "oauth4webapi_*.mjs", "authlib_*.py"} {
		found, err := filepath.Glob(pattern)
		if err != nil || len(found) == 0 {
			t.Fatalf("no %s: %v", pattern, err)
		}
		all = append(all, found...)
	}
	return all
}

// scriptFolder returns a folder with a copy of the scripts beside the packages that they import,
// which aren't kept among our own files.
func scriptFolder(t *testing.T) string {
	t.Helper()
	packages, err := filepath.Abs("../../.cache/oauth-clients/node_modules")
	if err == nil {
		_, err = os.Stat(filepath.Join(packages, "openid-client"))
	}
	if err != nil {
		t.Fatalf("tools/needs fetches the npm packages: %v", err)
	}
	dir := t.TempDir()
	if err := os.Symlink(packages, filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	all, err := filepath.Glob("*.*")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range all {
		if !slices.Contains([]string{".mjs", ".py"}, filepath.Ext(name)) {
			continue
		}
		text, err := os.ReadFile(name)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), text, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// python returns the interpreter that has Authlib. Debian's own may not be first in the PATH.
func python(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"/usr/bin/python3", "python3"} {
		if exec.CommandContext(t.Context(), name, "-c", "import authlib, requests").Run() == nil {
			return name
		}
	}
	t.Fatal("tools/needs installs Authlib for Python")
	return ""
}

// runScript runs a script against a provider. The script prints what it did.
func runScript(t *testing.T, name string, p *provider) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), scriptTime)
	defer cancel()
	interpreter := "node"
	if filepath.Ext(name) == ".py" {
		interpreter = python(t)
	}
	cmd := exec.CommandContext(ctx, interpreter, name)
	cmd.Dir = scriptFolder(t)
	cmd.Env = append(os.Environ(),
		"NODE_EXTRA_CA_CERTS="+p.certificate, "REQUESTS_CA_BUNDLE="+p.certificate, "SSL_CERT_FILE="+p.certificate,
		"BROWSER="+p.browser(t), "ISSUER="+p.issuer, "LOGIN="+login, "CALLBACK="+callback,
		"WEB_ID="+string(p.web), "WEB_SECRET="+p.secret, "NATIVE_ID="+string(p.native), "NATIVE_CALLBACK="+nativeCallback,
		"SIGNED_ID="+string(p.signed), "SIGNED_KEY="+asJSON(t, p.key),
	)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	t.Logf("%s at %s\n%s", name, p.issuer, out.String())
	if err != nil {
		t.Errorf("%s: %v", name, err)
	}
	if out.Len() == 0 {
		t.Errorf("%s did nothing", name)
	}
}

// browser returns the address of ada's browser, for scripts: it opens the address that it gets,
// allows or denies what she is asked, and answers with the address where she returns to the app.
func (p *provider) browser(t *testing.T) string {
	t.Helper()
	v := keyportertest.NewVisitor(t, login, keyportertest.Trust(t, p.certificate))
	v.Ends = finished
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		address, _ := io.ReadAll(io.LimitReader(r.Body, 1<<16))
		until := callback
		if strings.Contains(string(address), string(p.native)) {
			until = nativeCallback
		}
		v.Press = []string{strings.TrimPrefix(r.URL.Path, "/")}
		if v.Press[0] == "deny" {
			v.Press = append(v.Press, "[ Cancel ]", "[ Abort ]") // the oracle's links
		}
		back, err := v.Visit(r.Context(), string(address), until)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		_, _ = io.WriteString(w, back.String())
	}))
	t.Cleanup(s.Close)
	return s.URL
}
