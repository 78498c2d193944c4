package console

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/keyporter/keyporter"
)

//go:embed templates/*.html
var templateFiles embed.FS

// pages maps the name of a template's file to the template, along with the layout and shared parts.
type pages map[string]*template.Template

// layout is what every page shows around its content.
type layout struct {
	Title        string
	Login        string // of the signed-in user; empty: nobody is signed in
	Organization string
	Groups       []sectionGroup // of the navigation
	Done         doneMessage    // what the previous form has done
	Refresh      string         // URL that the browser goes to right away; empty: none
	Now          time.Time
	Page         any // the content; each page has its own struct
}

func loadPages(static staticFiles) pages {
	shared := template.Must(template.New("").Funcs(template.FuncMap{
		"static": static.path, "ago": ago, "when": when, "day": day, "shortDay": shortDay, "dayThere": dayThere, "iso": iso, "count": count, "client": clientName, "apiVersion": apiVersion, "icon": icon, "roleSummary": roleSummary, "initials": initials, "hue": hue, "otherPages": otherPages, "once": once,
	}).ParseFS(templateFiles, "templates/layout.html", "templates/parts.html", "templates/list-parts.html", "templates/token-parts.html", "templates/expiry.html", "templates/manage.html", "templates/report.html", "templates/app-parts.html"))
	files, err := fs.Glob(templateFiles, "templates/*.html")
	if err != nil {
		panic(err) // they are part of the program
	}
	all := pages{}
	for _, file := range files {
		name := strings.TrimSuffix(path.Base(file), ".html")
		all[name] = template.Must(template.Must(shared.Clone()).ParseFS(templateFiles, file))
	}
	return all
}

// show answers with a page, or only its content if the script asks for a fragment. It renders the
// whole page before sending anything, so that an error leads to an error page, not half a page.
func (c *console) show(w http.ResponseWriter, r *http.Request, status int, name string, l layout) error {
	start := "layout"
	if wantsFragment(r) {
		start = "content"
	}
	return c.render(w, status, name, start, l)
}

func (c *console) render(w http.ResponseWriter, status int, name, start string, data any) error {
	var buf bytes.Buffer
	if err := c.pages[name].ExecuteTemplate(&buf, start, data); err != nil {
		return fmt.Errorf("render %s: %w", name, err)
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.Copy(w, &buf) // the only possible error is that the client is gone
	return nil
}

// layoutFor returns the layout of a page for a signed-in user.
func (c *console) layoutFor(r *http.Request, actor keyporter.Actor, title string, page any) (layout, error) {
	l := layout{Title: title, Login: actor.User.Login, Page: page, Done: c.done(r, actor), Now: c.Now()}
	org, err := c.Control.Organization(r.Context(), actor)
	if err != nil {
		return l, err
	}
	l.Organization = org.Name
	powers, err := c.Control.Powers(r.Context(), actor)
	l.Groups = navigation(powers, r)
	return l, err
}
