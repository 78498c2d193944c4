package keyporter_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/keyporter/keyporter"
)

// TestSentencesInGoArePlainEnglish checks the sentences in Go strings against the rules that
// Vale checks documents against.
func TestSentencesInGoArePlainEnglish(t *testing.T) {
	rules := proseRules(t)
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (path != "." && strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || d.Name() == "node_modules"):
			return fs.SkipDir
		case !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		source, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, fault := range proseFaults(t, rules, path, source) {
			t.Error(fault)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestProseRulesFindTranslatedSentences(t *testing.T) {
	rules := proseRules(t)
	for _, bad := range []string{
		"The link is his alone.", "It is to be called first.", "Whoever asks is told why.", "Who holds the secret can use it.", "The colour is blue.",
		"Send an e-mail to them.", "No role grants api.use here.", "The organization lacks OrganizationApiToken now.",
	} {
		if len(proseFaults(t, rules, "planted.go", []byte("package planted\n\nvar _ = "+strconv.Quote(bad)))) == 0 {
			t.Errorf("%q passes", bad)
		}
	}
	const good = "No role grants Use the API (api.use). Ask an administrator."
	if faults := proseFaults(t, rules, "planted.go", []byte("package planted\n\nvar _ = "+strconv.Quote(good))); len(faults) > 0 {
		t.Error(faults)
	}
}

// proseRule is the part of a Vale rule that applies to Go strings.
type proseRule struct {
	Scope      string            `yaml:"scope"`
	IgnoreCase bool              `yaml:"ignorecase"`
	Tokens     []string          `yaml:"tokens"`
	Swap       map[string]string `yaml:"swap"`
}

// proseRules reads Vale's rules, by name. It leaves out those for raw text, which are about markup.
func proseRules(t *testing.T) map[string]*regexp.Regexp {
	t.Helper()
	paths, err := filepath.Glob("tools/vale/styles/Keyporter/*.yml")
	if err != nil || len(paths) == 0 {
		t.Fatalf("there are no rules: %v", err)
	}
	rules := map[string]*regexp.Regexp{}
	for _, path := range paths {
		var rule proseRule
		if err := yaml.Unmarshal([]byte(document(t, path)), &rule); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if rule.Scope == "raw" {
			continue
		}
		words := slices.Concat(rule.Tokens, slices.Sorted(maps.Keys(rule.Swap)))
		pattern := `\b(?:` + strings.Join(words, "|") + `)\b`
		if rule.IgnoreCase {
			pattern = "(?i)" + pattern
		}
		rules[filepath.Base(path)] = regexp.MustCompile(pattern)
	}
	return rules
}

// proseFaults returns the sentences in a Go file's strings that break a rule. A string of one
// or two words isn't a sentence.
func proseFaults(t *testing.T, rules map[string]*regexp.Regexp, path string, source []byte) (faults []string) {
	t.Helper()
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, path, source, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		lit, ok := n.(*ast.BasicLit)
		if !ok || lit.Kind != token.STRING {
			return true
		}
		text, err := strconv.Unquote(lit.Value)
		if err != nil || len(strings.Fields(text)) < 3 {
			return true
		}
		for name, rule := range rules {
			if found := rule.FindString(text); found != "" {
				faults = append(faults, files.Position(lit.Pos()).String()+": "+name+" forbids “"+found+"” in “"+text+"”")
			}
		}
		if id := unnamedIdentifier(text); id != "" {
			faults = append(faults, files.Position(lit.Pos()).String()+": "+id+" has no name beside it in “"+text+"”")
		}
		return true
	})
	return faults
}

// unnamedIdentifier returns an identifier of a permission or feature that a sentence uses
// without the name people know it by, or "".
func unnamedIdentifier(text string) string {
	names := map[string]string{}
	for _, info := range keyporter.Permissions() {
		names[string(info.Permission)] = info.Name
	}
	for _, info := range keyporter.Flags() {
		if info.Flag != keyporter.FlagAPI { // “Api” is also part of other names: “Api User”
			names[string(info.Flag)] = info.Name
		}
	}
	for id, name := range names {
		if slices.Contains(strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" ,;:()“”'\"`", r) }), id) && !strings.Contains(text, name) {
			return id
		}
	}
	return ""
}
