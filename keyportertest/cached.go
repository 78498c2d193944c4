package keyportertest

import (
	"os"
	"path/filepath"
	"testing"
)

// Cached returns the path of a file that `make needs` puts in the repository's cache.
func Cached(t testing.TB, name string) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		path := filepath.Join(dir, ".cache", filepath.FromSlash(name))
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	t.Fatalf("%s is missing: make needs gets it", name)
	return ""
}
