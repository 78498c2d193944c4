package console_test

import (
	"io/fs"
	"regexp"
	"strings"
	"testing"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/docs"
	"github.com/keyporter/keyporter/keyportertest"
)

// TestTheDocumentationIsServed opens every document, and follows every link between them.
func TestTheDocumentationIsServed(t *testing.T) {
	s := newSite(t)
	v := s.signIn(t, keyportertest.User(t, s.Control, "Acme", "ada@acme.example", keyporter.RoleAPIUser))
	pages := map[string]string{}
	open := func(path string) string {
		if pages[path] == "" {
			page := v.get(path)
			page.want(t, 200, `<article class="document">`, "<h1")
			page.wantNot(t, "style=")
			pages[path] = page.body
		}
		return pages[path]
	}
	open("/start/docs")
	err := fs.WalkDir(docs.Files, ".", func(file string, _ fs.DirEntry, err error) error {
		if name, ok := strings.CutSuffix(file, ".md"); ok && name != "README" {
			open("/start/docs/" + name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	link := regexp.MustCompile(`href="(/start/docs[^"#]*)?(#[^"]*)?"`)
	for path, body := range pages {
		_, article, _ := strings.Cut(body, "<article")
		for _, to := range link.FindAllStringSubmatch(article, -1) {
			if to[1] == "" {
				to[1] = path
			}
			if fragment, ok := strings.CutPrefix(to[2], "#"); !strings.Contains(open(to[1]), `id="`+fragment+`"`) && ok {
				t.Errorf("%s links to %s, where there is no %s", path, to[1], to[2])
			}
		}
	}
	v.get("/start/docs/decisions/0001-dependencies").want(t, 404, "There is no such document")
}
