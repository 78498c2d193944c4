package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// racing has the tests in which goroutines share memory, by the folder of their package.
type racing map[string][]string

// arguments returns the arguments with which go test runs them with the race detector.
func (r racing) arguments() []string {
	var names []string
	for _, tests := range r {
		names = append(names, tests...)
	}
	slices.Sort(names)
	return append([]string{"-race", "-run=^(" + strings.Join(slices.Compact(names), "|") + ")$"}, slices.Sorted(maps.Keys(r))...)
}

// racingTests finds the tests of the module that start goroutines, directly or through a function
// in their package's tests, and adds those of wholePackages and chosenTests.
func racingTests(root string) (racing, error) {
	found := racing{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		if path != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || exists(filepath.Join(path, "go.mod"))) {
			return fs.SkipDir
		}
		folder := "./" + filepath.ToSlash(path)
		all, tests, err := testsIn(path)
		if chosen := chosenTests()[folder]; chosen != nil {
			tests = chosen
		}
		if slices.Contains(wholePackages(), folder) {
			tests = slices.DeleteFunc(slices.Clone(all), func(name string) bool { return slices.Contains(notRacing(), name) })
		}
		for _, name := range tests {
			if !slices.Contains(all, name) {
				return fmt.Errorf("%s has no test %s to run with the race detector", folder, name)
			}
		}
		if len(tests) > 0 {
			found[folder] = tests
		}
		return err
	})
	for _, folder := range append(wholePackages(), slices.Collect(maps.Keys(chosenTests()))...) {
		if err == nil && len(found[folder]) == 0 {
			err = fmt.Errorf("%s has no tests to run with the race detector", folder)
		}
	}
	return found, err
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// testsIn returns all tests in a folder, and those that start goroutines.
func testsIn(folder string) (all, racing []string, err error) {
	files, _ := filepath.Glob(filepath.Join(folder, "*_test.go"))
	calls, starts := map[string][]string{}, map[string]bool{} // by function
	for _, path := range files {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return nil, nil, err
		}
		for _, decl := range file.Decls {
			f, ok := decl.(*ast.FuncDecl)
			if !ok {
				continue
			}
			if strings.HasPrefix(f.Name.Name, "Test") && f.Name.Name != "TestMain" {
				all = append(all, f.Name.Name)
			}
			ast.Inspect(f, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.GoStmt:
					starts[f.Name.Name] = true
				case *ast.CallExpr:
					switch called := n.Fun.(type) {
					case *ast.Ident:
						calls[f.Name.Name] = append(calls[f.Name.Name], called.Name)
					case *ast.SelectorExpr:
						calls[f.Name.Name] = append(calls[f.Name.Name], called.Sel.Name)
						// Of a sync.WaitGroup, and of a keyportertest.Node.
						starts[f.Name.Name] = starts[f.Name.Name] || called.Sel.Name == "Go" || called.Sel.Name == "During"
					}
				}
				return true
			})
		}
	}
	for again := true; again; {
		again = false
		for name, called := range calls {
			if !starts[name] && slices.ContainsFunc(called, func(c string) bool { return starts[c] }) {
				starts[name], again = true, true
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(starts)) {
		if starts[name] && slices.Contains(all, name) {
			racing = append(racing, name)
		}
	}
	return all, racing, nil
}
