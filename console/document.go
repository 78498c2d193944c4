package console

import (
	"bytes"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/docs"
)

const (
	documents = "/start/docs"                                       // path of the documentation
	source    = "https://github.com/keyporter/keyporter/blob/main/" // of what isn't served
)

// documentPage is the content of a page of the documentation.
type documentPage struct {
	Title string
	Index bool // it is the list of all others
	Text  template.HTML
}

func (c *console) showDocument(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	file := r.PathValue("document") + ".md"
	if file == ".md" {
		file = "README.md"
	}
	markdown, err := fs.ReadFile(docs.Files, file)
	if err != nil {
		return keyporter.Refuse(keyporter.NotFound, "There is no such document.")
	}
	p := documentPage{Index: file == "README.md"}
	if p.Title, p.Text, err = rendered(markdown, path.Dir(file)); err != nil {
		return fmt.Errorf("render %s: %w", file, err)
	}
	l, err := c.layoutFor(r, actor, p.Title, p)
	if err != nil {
		return err
	}
	return c.show(w, r, http.StatusOK, "document", l)
}

// rendered returns the title of a document in a folder, and the document as HTML, in which links lead to the other documents.
func rendered(markdown []byte, folder string) (title string, page template.HTML, err error) {
	md := goldmark.New(
		goldmark.WithExtensions(extension.NewTable(extension.WithTableCellAlignMethod(extension.TableCellAlignAttribute))),
		goldmark.WithParserOptions(parser.WithAutoHeadingID()),
	)
	doc := md.Parser().Parse(text.NewReader(markdown))
	err = ast.Walk(doc, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		switch n := n.(type) {
		case *ast.Heading:
			if entering && title == "" {
				title = string(n.Lines().Value(markdown))
			}
		case *ast.Link:
			if entering {
				n.Destination = []byte(documentLink(folder, string(n.Destination)))
			}
		}
		return ast.WalkContinue, nil
	})
	var out bytes.Buffer
	if err == nil {
		err = md.Renderer().Render(&out, markdown, doc)
	}
	return title, template.HTML(reachable.Replace(out.String())), err //nolint:gosec // our own documents, without the HTML in them
}

// reachable lets the keyboard scroll what can be wider than the page, and makes cells of what isn't a head.
var reachable = strings.NewReplacer("<pre>", `<pre tabindex="0">`, "<table>", `<div class="wide" tabindex="0"><table>`, "</table>", "</table></div>", "<th></th>", "<td></td>")

// documentLink returns the address that a link in a document leads to.
func documentLink(folder, to string) string {
	if strings.Contains(to, "://") || strings.HasPrefix(to, "#") {
		return to
	}
	file, fragment, _ := strings.Cut(to, "#")
	if fragment != "" {
		fragment = "#" + fragment
	}
	file = path.Join(folder, file)
	name, isDocument := strings.CutSuffix(file, ".md")
	if _, err := fs.Stat(docs.Files, file); err != nil || !isDocument {
		return source + path.Join("docs", file) + fragment
	}
	if name == "README" {
		return documents + fragment
	}
	return documents + "/" + name + fragment
}
