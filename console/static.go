package console

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
)

//go:embed static
var staticFS embed.FS

const staticPath = "/static/"

// staticFiles maps URL paths to files. The paths contain a hash of the content, so that browsers
// can cache the files forever.
type staticFiles map[string]staticFile

type staticFile struct {
	name, contentType string
	content           []byte
}

func loadStatic() staticFiles {
	all := staticFiles{}
	entries, err := fs.ReadDir(staticFS, "static")
	if err != nil {
		panic(err) // they are part of the program
	}
	for _, e := range entries {
		content, err := fs.ReadFile(staticFS, "static/"+e.Name())
		if err != nil {
			panic(err)
		}
		sum := sha256.Sum256(content)
		ext := path.Ext(e.Name())
		url := staticPath + strings.TrimSuffix(e.Name(), ext) + "-" + hex.EncodeToString(sum[:6]) + ext
		all[url] = staticFile{name: e.Name(), contentType: mime.TypeByExtension(ext), content: content}
	}
	return all
}

// path returns the URL path of a file.
func (s staticFiles) path(name string) string {
	for url, f := range s {
		if f.name == name {
			return url
		}
	}
	panic("no static file " + name) // a typo in a template, which every test of a page would find
}

func (s staticFiles) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f, ok := s[r.URL.Path]
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	w.Header().Set("Content-Type", f.contentType)
	_, _ = w.Write(f.content)
}
