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
// can cache the files forever; but favicon.ico is where browsers ask for it.
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
		all[url] = staticFile{name: e.Name(), contentType: contentType(ext), content: content}
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
	cache := "public, max-age=31536000, immutable"
	f, ok := s[r.URL.Path]
	if r.URL.Path == "/favicon.ico" {
		f, ok, cache = s[s.path("favicon.ico")], true, "public, max-age=86400"
	}
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Cache-Control", cache)
	w.Header().Set("Content-Type", f.contentType)
	_, _ = w.Write(f.content)
}

// contentType returns the type of a file by its extension. The system's own list may not have icons.
func contentType(extension string) string {
	if extension == ".ico" {
		return "image/vnd.microsoft.icon"
	}
	return mime.TypeByExtension(extension)
}
