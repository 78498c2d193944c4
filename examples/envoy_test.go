package examples_test

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_authz/v3"                  // used by the examples
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/router/v3"                     // likewise
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3" // likewise
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/upstreams/http/v3"                          // likewise
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"github.com/goccy/go-yaml"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/keyporter/keyporter"
)

// TestTheEnvoyExamplesAreValid fails for names and types that Envoy doesn't know.
func TestTheEnvoyExamplesAreValid(t *testing.T) {
	for _, name := range []string{"http", "grpc"} {
		text, err := os.ReadFile("envoy/" + name + ".yaml")
		if err != nil {
			t.Fatal(err)
		}
		var tree any
		if err := yaml.Unmarshal(text, &tree); err != nil {
			t.Fatal(err)
		}
		asJSON, err := json.Marshal(tree)
		if err != nil {
			t.Fatal(err)
		}
		var cfg bootstrapv3.Bootstrap
		if err := protojson.Unmarshal(asJSON, &cfg); err != nil {
			t.Errorf("%s: %v", name, err)
		} else if err := cfg.ValidateAll(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestEnvoyOverGRPC asks in Envoy's own protocol.
func TestEnvoyOverGRPC(t *testing.T) {
	w := newWorld(t)
	envoy := authv3.NewAuthorizationClient(w.dialEnvoy(t))
	ask := func(method, path string, headers ...string) *authv3.CheckResponse {
		t.Helper()
		h := map[string]string{":authority": "api.example", "x-forwarded-for": "192.0.2.7"}
		for i := 0; i < len(headers); i += 2 {
			h[headers[i]] = headers[i+1]
		}
		out, err := envoy.Check(t.Context(), &authv3.CheckRequest{Attributes: &authv3.AttributeContext{Request: &authv3.AttributeContext_Request{
			Http: &authv3.AttributeContext_HttpRequest{Method: method, Host: "api.example", Path: path, Scheme: "https", Headers: h},
		}}})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}

	forged := []string{"x-keyporter-user", "evil", "x_keyporter_login", "evil", "x-keyporter-actor", "evil", "x.keyporter.scopes", "evil", "x-original-url", "/evil", "x-keyporter-request-id", "evil"}
	ok := ask("GET", "/shop/1?q=1", append(forged, "apitoken", w.secret)...).GetOkResponse()
	if ok == nil || header(ok.GetHeaders(), "x-keyporter-user") != string(w.ada.ID) || header(ok.GetHeaders(), "x-keyporter-login") != "ada@acme.example" {
		t.Fatalf("allowed: %v", ok)
	}
	for _, h := range ok.GetHeaders() {
		if h.GetAppendAction() != corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD || strings.Contains(h.GetHeader().GetValue(), "evil") {
			t.Errorf("%v doesn't replace what the client sent", h)
		}
	}
	for _, name := range []string{"apitoken", "authorization", "organizationkey", "userloginname", "dpop", "x_keyporter_login", "x-keyporter-actor", "x.keyporter.scopes", "x-keyporter-app", "x-original-url", "x-override-method"} {
		if !slices.Contains(ok.GetHeadersToRemove(), name) {
			t.Errorf("%s isn't removed: %v", name, ok.GetHeadersToRemove())
		}
	}
	for _, name := range []string{"x-keyporter-user", "x-keyporter-request-id", "x-forwarded-for"} {
		if slices.Contains(ok.GetHeadersToRemove(), name) {
			t.Errorf("%s is removed again", name)
		}
	}
	old := ask("GET", "/Api/v5/x", "organizationkey", w.company, "userloginname", "ada@acme.example").GetOkResponse()
	if header(old.GetHeaders(), "x-keyporter-actor") != string(w.ada.ID) || header(old.GetResponseHeadersToAdd(), "deprecation") == "" {
		t.Errorf("an organization token: %v", old)
	}
	if ask("GET", "/shop/public").GetOkResponse() == nil {
		t.Error("a public path was refused")
	}

	for _, c := range []struct {
		name, method, path string
		headers            []string
		status             int
		challenge, body    string
	}{
		{"no token", "GET", "/shop/1", nil, 401, `Bearer realm="keyporter"`, `"status":401`},
		{"forged", "GET", "/shop/1", forged, 401, `Bearer realm="keyporter"`, `"status":401`},
		{"a forged path", "GET", "/shop/1", []string{"x-forwarded-uri", "/shop/public", "x-original-uri", "/shop/public"}, 401, `Bearer`, `"status":401`},
		{"switched off", "GET", "/shop/1", []string{"authorization", "Bearer " + w.disabled}, 401, "switched off", string(keyporter.ReasonDisabled)},
		{"twice", "GET", "/shop/1", []string{"apitoken", w.secret + "," + w.secret}, 401, "invalid_token", `"status":401`},
		{"two", "GET", "/shop/1", []string{"apitoken", w.secret, "organizationkey", w.company}, 400, "invalid_request", string(keyporter.ReasonAmbiguous)},
		{"another method", "POST", "/shop/public", nil, 401, "Bearer", `"status":401`},
		{"two readings", "GET", "/shop/public/../1", []string{"apitoken", w.secret}, 400, "invalid_request", string(keyporter.ReasonBadPath)},
		{"no path", "GET", "", []string{"apitoken", w.secret}, 400, "invalid_request", string(keyporter.ReasonBadPath)},
		{"no API", "GET", "/nowhere", []string{"apitoken", w.secret}, 404, "", string(keyporter.ReasonNoRoute)},
	} {
		out := ask(c.method, c.path, c.headers...)
		no := out.GetDeniedResponse()
		if out.GetStatus().GetCode() == int32(codes.OK) || int(no.GetStatus().GetCode()) != c.status || !strings.Contains(no.GetBody(), c.body) || !strings.Contains(header(no.GetHeaders(), "www-authenticate"), c.challenge) {
			t.Errorf("%s: %v", c.name, out)
		}
	}
}

func header(all []*corev3.HeaderValueOption, name string) string {
	for _, h := range all {
		if h.GetHeader().GetKey() == name {
			return h.GetHeader().GetValue()
		}
	}
	return ""
}

// TestEnvoyOverHTTP asks the way Envoy does: with the call itself, behind a prefix.
func TestEnvoyOverHTTP(t *testing.T) {
	w := newWorld(t)
	here := strings.TrimPrefix(w.URL(), "http://")
	for _, c := range []struct {
		line    string
		headers []string
		status  int
	}{
		{"GET /verify/envoy/shop/1?q=1", []string{"ApiToken: " + w.secret, "X-Keyporter-User: evil", "X_Keyporter_Login: evil"}, 200},
		{"GET /verify/envoy/shop/public", nil, 200},
		{"POST /verify/envoy/shop/public", []string{"Content-Length: 0"}, 401},
		{"GET /verify/envoy/shop/1", nil, 401},
		{"GET /verify/envoy//shop/1", []string{"ApiToken: " + w.secret}, 400},
		{"GET /verify/envoy/shop/%2e%2e/1", []string{"ApiToken: " + w.secret}, 400},
		{"GET /verify/envoy", []string{"ApiToken: " + w.secret}, 404},
		{"GET /verify/else", []string{"ApiToken: " + w.secret}, 404},
	} {
		got := send(t, here, c.line, c.headers...)
		if got.status != c.status {
			t.Errorf("%s: %d %s", c.line, got.status, got.body)
		}
		remove := got.header.Get("X-Envoy-Auth-Headers-To-Remove")
		if strings.HasSuffix(c.line, "q=1") && (got.header.Get("X-Keyporter-User") != string(w.ada.ID) || !strings.Contains(remove, "apitoken") || !strings.Contains(remove, "x_keyporter_login") || !strings.Contains(remove, "x-override-method") || strings.Contains(remove, "x-keyporter-user")) {
			t.Errorf("%s: %v", c.line, got.header)
		}
	}
}
