package server

import (
	"bytes"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/keyporter/keyporter/console"
	"github.com/keyporter/keyporter/verify"
)

//go:generate go test -run TestTheConfigurationIsDocumented -update .

var update = flag.Bool("update", false, "write the documents that are made from the code")

// TestTheConfigurationIsDocumented generates docs/reference/configuration.md from the comments of
// the fields, and compares.
func TestTheConfigurationIsDocumented(t *testing.T) {
	t.Parallel()
	var doc bytes.Buffer
	fmt.Fprint(&doc, `# Configuration

Generated from the comments in server/config.go, server/gateway.go, verify/api.go, and console/guide.go by `+"`make docs`"+`.

Keyporter runs without any configuration. Put settings you want to change in a YAML file that you pass with `+"`keyporter serve --config FILE`"+`,
in environment variables, or in flags. A flag beats a variable, and a variable beats the file. Unknown keys are refused. Errors
are reported together, except that an unknown key or a value of the wrong kind can hide errors in the values of its file.

`)
	fields(t, &doc, "config.go", "Config", func(key string) string {
		for _, s := range Settings() {
			if s.Key == key {
				return fmt.Sprintf(" · `%s` · `--%s`", s.Env, s.Flag)
			}
		}
		return ""
	})
	none := func(string) string { return "" }
	fmt.Fprint(&doc, "\n## Fields of an API\n\n")
	fields(t, &doc, "../verify/api.go", "API", none)
	fmt.Fprint(&doc, "\n## Fields of a route\n\n")
	fields(t, &doc, "../verify/api.go", "Route", none)
	fmt.Fprint(&doc, "\n## Fields of a gateway\n\n")
	fields(t, &doc, "gateway.go", "Gateway", none)
	fmt.Fprint(&doc, "\n## Fields of a guide\n\n")
	fields(t, &doc, "../console/guide.go", "Guide", none)
	fmt.Fprint(&doc, "\n## An example\n\n```yaml\n"+exampleFile+"```\n")
	const path = "../docs/reference/configuration.md"
	if *update {
		if err := os.WriteFile(path, doc.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if is, err := os.ReadFile(path); err != nil || !bytes.Equal(is, doc.Bytes()) {
		t.Errorf("docs/reference/configuration.md isn't what the code says (%v); run make docs", err)
	}
}

const exampleFile = `listen: 0.0.0.0:8080
address: https://keys.example.com
database: postgres://keyporter@db.example.com/keyporter
trusted_proxies: [10.0.0.0/8]
apis:
  - name: esign
    upstream: http://127.0.0.1:9090
    routes:
      - path: /Api/{version}/version
        versions: 1-5
        methods: [GET]
        public: true
        refusals: empty
      - path: /Api/{version}/{rest...}
        versions: 1-5
        credentials: [user_token, organization_token, access_token]
        refusals: empty
      - path: /Api.asmx
        soap: true
        credentials: [user_token, organization_token, access_token]
      - path: /Api/{version}/system/version
        versions: 6-
        methods: [GET]
        public: true
        refusals: error
      - path: /Api/{version}/{rest...}
        versions: 6-
        refusals: error
`

func TestTheExampleIsValid(t *testing.T) {
	t.Parallel()
	path := t.TempDir() + "/config.yaml"
	if err := os.WriteFile(path, []byte(exampleFile), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := Load(path, func(string) string { return "" }, nil)
	if err != nil || len(cfg.APIs) != 1 || len(cfg.APIs[0].Routes) != 5 {
		t.Errorf("%+v, %v", cfg, err)
	}
}

// fields writes a list of a struct's fields with their comments.
func fields(t *testing.T, doc *bytes.Buffer, file, typeName string, also func(key string) string) {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(f, func(n ast.Node) bool {
		spec, ok := n.(*ast.TypeSpec)
		if !ok || spec.Name.Name != typeName {
			return true
		}
		for _, field := range spec.Type.(*ast.StructType).Fields.List { //nolint:errcheck // it is one
			if field.Tag == nil {
				continue
			}
			key := reflect.StructTag(strings.Trim(field.Tag.Value, "`")).Get("yaml")
			fmt.Fprintf(doc, "**`%s`**%s  \n%s\n\n", key, also(key), description(t, field))
		}
		return false
	})
	doc.Truncate(doc.Len() - 1)
}

// description returns a field's comment without its beginning: the name in Go, and “is” or “are”.
func description(t *testing.T, field *ast.Field) string {
	t.Helper()
	name := field.Names[0].Name
	text, ok := strings.CutPrefix(strings.TrimSpace(strings.ReplaceAll(field.Doc.Text(), "\n", " ")), name+" ")
	if !ok {
		t.Fatalf("the comment of %s doesn't start with the name", name)
	}
	for _, verb := range []string{"is ", "are "} {
		text = strings.TrimPrefix(text, verb)
	}
	return strings.ToUpper(text[:1]) + text[1:]
}

func TestNoAPIReplacesAPage(t *testing.T) {
	t.Parallel()
	api := func(path string, hosts ...string) error {
		return Config{APIs: []verify.API{{Name: "a", Upstream: "http://127.0.0.1:1", Hosts: hosts, Routes: []verify.Route{{Path: path, Public: true}}}}}.Validate()
	}
	for _, segment := range append(console.Segments(), "verify", "healthz", "oauth2", ".well-known", "Auth", "ApiToken", "TOKENS") {
		if err := api("/" + segment + "/{rest...}"); err == nil || !strings.Contains(err.Error(), "would replace") {
			t.Errorf("an API can have /%s: %v", segment, err)
		}
		if err := api("/"+segment+"/{rest...}", "api.example"); err != nil {
			t.Errorf("an API with a host of its own can't have /%s: %v", segment, err)
		}
	}
	if err := api("/api/{rest...}"); err != nil {
		t.Error(err)
	}
}
