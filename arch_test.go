package keyporter_test

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/keyporter/keyporter"

// doors are the packages that face the network.
func doors() []string { return []string{"gateway", "soap", "console", "introspection", "oauth"} }

// mayImport lists every package and which of ours it may import. Imports run one way: doors ask
// control and verify; only these two, control/grants, usage and notify touch store; and every package
// may use the root's vocabulary. A new package gets its own line here. A line that grows needs
// a good reason, and has nothing in it that the package doesn't import.
func mayImport() map[string][]string {
	return map[string][]string{
		"":        {},
		"seal":    {},
		"names":   {""},
		"store":   {"", "names"},
		"usage":   {"", "store"},
		"notify":  {"", "seal", "store"},
		"verify":  {"", "names", "store", "usage"},
		"control": {"", "seal", "names", "notify", "store", "usage", "verify", "control/grants"},

		// It takes no actor, and its own comment says who may call it for that reason.
		"control/grants": {"", "seal", "names", "store"},

		"web":     {""},
		"gateway": {"", "verify", "web"},
		"soap":    {"", "verify", "web"},
		"console": {"", "names", "notify", "control", "verify", "web", "docs"},
		"oauth":   {"", "control", "control/grants", "verify", "web"},

		"introspection": {"", "control/grants", "usage", "verify", "web"},

		"server": append(doors(), "", "seal", "names", "store", "usage", "notify", "verify", "control", "control/grants", "web"),

		"client": {""}, // for other people's programs, which get everything it imports

		"keyportertest":          {"", "seal", "store", "usage", "verify", "control", "control/grants", "web", "introspection", "oauth", "keyportertest/postgres"},
		"keyportertest/postgres": {"store"},
		"keyportertest/browser":  {"keyportertest"},
		"keyportertest/suite":    {"keyportertest/postgres"},

		"cmd/keyporter":       {"", "names", "store", "verify", "control", "console", "server", "examples/esign", "examples/app"},
		"cmd/keyporter-bench": {"", "seal", "store", "verify", "server", "client"},

		"docs": {}, // the console serves them

		"examples": {"server", "verify"}, // the tests of the examples for proxies

		// An API only knows the headers it gets, and nothing else about Keyporter.
		"examples/esign":           {},
		"examples/esign/cmd/esign": {"examples/esign"},
		"examples/app":             {},
		"examples/go":              {"client"},
		"examples/app/cmd/app":     {"examples/app"},
	}
}

func TestEveryPackageImportsOnlyWhatItMay(t *testing.T) {
	allowed, sources, used := mayImport(), sourceFiles(t), map[string][]string{}
	for _, s := range sources {
		may, known := allowed[s.pkg]
		if !known {
			t.Errorf("%s: package %q has no line in mayImport", s.path, s.pkg)
			continue
		}
		for _, imported := range s.ours() {
			// External tests import their own package, and any test may run a Keyporter and use its vocabulary.
			if s.isTest() && (imported == s.pkg || strings.HasPrefix(imported, "keyportertest") || imported == "") {
				continue
			}
			if !slices.Contains(may, imported) {
				t.Errorf("%s: package %q must not import %q", s.path, s.pkg, imported)
			}
			used[s.pkg] = append(used[s.pkg], imported)
		}
	}
	for _, pkg := range slices.Sorted(maps.Keys(allowed)) {
		if !slices.ContainsFunc(sources, func(s source) bool { return s.pkg == pkg }) {
			t.Errorf("mayImport has a line for %q, which isn't a package", pkg)
		}
		for _, imported := range allowed[pkg] {
			if !slices.Contains(used[pkg], imported) {
				t.Errorf("mayImport lets package %q import %q, but it doesn't", pkg, imported)
			}
		}
	}
}

func TestDoorsNeverImportEachOther(t *testing.T) {
	for _, s := range sourceFiles(t) {
		for _, imported := range s.ours() {
			if slices.Contains(doors(), s.pkg) && slices.Contains(doors(), imported) && imported != s.pkg {
				t.Errorf("%s: the door %q must not import the door %q", s.path, s.pkg, imported)
			}
		}
	}
}

func TestTheVocabularyImportsOnlyTheStandardLibrary(t *testing.T) {
	for _, s := range sourceFiles(t) {
		if s.pkg != "" || s.isTest() {
			continue
		}
		for _, imported := range s.imports {
			// Only import paths of the standard library have no dot, because they don't start with a host name.
			first, _, _ := strings.Cut(imported, "/")
			if strings.Contains(first, ".") || imported == "C" {
				t.Errorf("%s: the root must not import %q", s.path, imported)
			}
		}
	}
}

func TestFoldersAreNamedForWhatTheyDo(t *testing.T) {
	vague := []string{"pkg", "internal", "util", "utils", "common", "models", "mocks"}
	walk(t, func(name string, d fs.DirEntry) {
		if d.IsDir() && slices.Contains(vague, d.Name()) {
			t.Errorf("%s: a folder of this name says nothing about what is in it", name)
		}
	})
}

func TestNoFileIsLongerThan600Lines(t *testing.T) {
	for _, s := range sourceFiles(t) {
		if !s.generated && s.lines > 600 {
			t.Errorf("%s has %d lines: it is more than one thing", s.path, s.lines)
		}
	}
}

// source is a Go file of the module.
type source struct {
	path      string // relative to the root, with slashes
	pkg       string // its folder, relative to the root; empty for the root itself
	imports   []string
	lines     int
	generated bool
}

func (s source) isTest() bool { return strings.HasSuffix(s.path, "_test.go") }

// ours returns the imported packages of this module, as paths relative to its root.
func (s source) ours() []string {
	var ours []string
	for _, imported := range s.imports {
		if imported == module {
			ours = append(ours, "")
		} else if pkg, ok := strings.CutPrefix(imported, module+"/"); ok {
			ours = append(ours, pkg)
		}
	}
	return ours
}

// sourceFiles parses all Go files of the module, including those for other operating systems.
func sourceFiles(t *testing.T) []source {
	t.Helper()
	var sources []source
	walk(t, func(name string, d fs.DirEntry) {
		if d.IsDir() || path.Ext(name) != ".go" {
			return
		}
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, text, parser.ImportsOnly|parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		s := source{path: name, lines: bytes.Count(text, []byte("\n")), generated: ast.IsGenerated(file)}
		if dir := path.Dir(name); dir != "." {
			s.pkg = dir
		}
		for _, spec := range file.Imports {
			s.imports = append(s.imports, strings.Trim(spec.Path.Value, "\"`"))
		}
		sources = append(sources, s)
	})
	return sources
}

// walk visits everything that belongs to the module. Like the go command, it leaves out
// testdata, hidden folders, and folders with a go.mod of their own.
func walk(t *testing.T, visit func(name string, d fs.DirEntry)) {
	t.Helper()
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && name != "." {
			_, noModule := os.Stat(filepath.Join(name, "go.mod"))
			if d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".") || strings.HasPrefix(d.Name(), "_") || noModule == nil {
				return fs.SkipDir
			}
		}
		visit(filepath.ToSlash(name), d)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
