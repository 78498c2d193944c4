package console

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control"
)

// section is a part of the console: pages whose paths begin with one of its segments.
type section struct {
	name     string                      // in the header
	segments []string                    // the first one is that of its first page
	entry    func(control.Powers) string // path that the header leads to; empty: nowhere
	routes   func(*console) map[string]handler
}

// sections is the one table of them, in the order of the header. Navigation, routes, the
// pages that a sign-in may lead to and the paths that package server reserves come from it.
func sections() []section {
	return []section{
		{"Tokens", []string{"tokens", "connections", "connect", "device"}, func(control.Powers) string { return "/tokens" }, (*console).tokenRoutes},
		{"Users", []string{"users"}, func(p control.Powers) string { return only(p.ManageUsers, "/users") }, (*console).userRoutes},
		{"Roles", []string{"roles"}, func(p control.Powers) string { return only(p.ManageUsers || p.ManageRoles, "/roles") }, (*console).roleRoutes},
		{"Apps", []string{"apps"}, appsPath, (*console).appRoutes},
		{"Organization tokens", []string{"organization-tokens"}, func(p control.Powers) string {
			return only(p.ManageOrganizationTokens || p.Operate, allOrganizationTokens)
		}, (*console).organizationTokenRoutes},
		{"Refusals", []string{"refusals"}, func(control.Powers) string { return "" }, (*console).refusalRoutes},
		{"Organizations", []string{"organizations"}, func(p control.Powers) string { return only(p.Operate, "/organizations") }, (*console).organizationRoutes},
	}
}

// openPages are the pages of whoever isn't signed in, which belong to no section.
func openPages() section {
	return section{segments: []string{"sign-in", "sign-out", "setup", "static"}, routes: (*console).openRoutes}
}

// Segments returns the first segments of the paths of all pages, which no API can have.
func Segments() (all []string) {
	for _, s := range append(sections(), openPages()) {
		all = append(all, s.segments...)
	}
	return all
}

func only(allowed bool, path string) string {
	if allowed {
		return path
	}
	return ""
}

// appsPath is the first page about apps: whoever sees none looks after the connections of others.
func appsPath(p control.Powers) string {
	if p.SeeApps {
		return "/apps"
	}
	return only(p.ManageTokens, allConnections)
}

// sectionLink is a link in the header.
type sectionLink struct {
	Path    string
	Name    string
	Current string // of aria-current: "page" on that page, "true" on others of the section, else empty
}

// navigation returns where the header leads a user with these powers.
func navigation(p control.Powers, r *http.Request) (all []sectionLink) {
	here := sectionOf(r.URL.Path)
	for _, s := range sections() {
		path := s.entry(p)
		if path == "" {
			continue
		}
		l := sectionLink{Path: path, Name: s.name}
		switch {
		case path == r.URL.Path:
			l.Current = "page"
		case s.name == here.name:
			l.Current = "true"
		}
		all = append(all, l)
	}
	return all
}

// sectionOf returns the section that a path belongs to, and for all others that of tokens.
func sectionOf(path string) section {
	all := sections()
	for _, s := range all {
		if slices.Contains(s.segments, firstOf(path)) {
			return s
		}
	}
	return all[0]
}

func firstOf(path string) string {
	first, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	return first
}

// local returns next if it is the path of one of our pages, and otherwise the first page: a
// link to the sign-in must not be able to send people elsewhere afterwards.
func local(next string) string {
	u, err := url.Parse(next)
	if err != nil || u.Scheme != "" || u.Host != "" || u.Opaque != "" || strings.ContainsAny(next, "\\\r\n\t") {
		return "/tokens"
	}
	// The list is closed: a sign-in leads to the pages of sections and nowhere else.
	if first := firstOf(u.Path); !strings.HasPrefix(u.Path, "/"+first) || !slices.Contains(sectionOf(u.Path).segments, first) {
		return "/tokens"
	}
	return u.RequestURI()
}

// returnTo is where a user who has to sign in wanted to go; after a form, the section it was
// in.
func returnTo(r *http.Request) string {
	switch first := firstOf(r.URL.Path); {
	case r.Method == http.MethodGet || first == "connect" || first == "device": // the form is at the same address
		return local(r.URL.RequestURI())
	case first == "apps" && strings.HasSuffix(r.URL.Path, "/secrets"):
		return local(r.URL.Path + "/new")
	case first == "apps" && strings.HasSuffix(r.URL.Path, "/webhook"):
		return local(r.URL.Path)
	}
	return "/" + sectionOf(r.URL.Path).segments[0]
}

// doneField is the query parameter by which the page after a form knows what to say. It
// says one of our own sentences: a link must not be able to put words into our mouth.
const doneField = "done"

func done(r *http.Request) string {
	return map[string]string{
		"saved":     "Saved. It takes effect on the next call.",
		"made":      "Added.",
		"deleted":   "Deleted.",
		"enabled":   "Switched on.",
		"disabled":  "Switched off. Calls are now refused.",
		"password":  "The new password is set. Sessions with the old one have ended.",
		"appointed": "This user is now an operator.",
		"dismissed": "This user is no longer an operator.",
		"granted":   "Granted. It takes effect on the next call.",
		"withdrawn": "Withdrawn. It takes effect on the next call.",
		"provider":  "Saved. Users can now sign in there.",
		"sign-in":   "Saved. It takes effect on the next sign-in.",
		"suspended": "Suspended. Its users can’t sign in, and calls are now refused.",
		"resumed":   "The suspension is lifted.",

		"registered":    "Registered.",
		"approved":      "Approved. It now works.",
		"app-suspended": "Suspended. Its tokens are now refused.",
		"image":         "Saved. The new image is live.",
		"people":        "Saved. They can now change the app.",
		"disconnected":  "Disconnected. Its calls are now refused.",
		"taken":         "Taken away. It takes effect on the next call.",
	}[r.URL.Query().Get(doneField)]
}

// finish leads from a form that did what it should to the page that shows it.
func finish(w http.ResponseWriter, r *http.Request, page, done string) error {
	return redirect(page+"?"+url.Values{doneField: {done}}.Encode())(w, r)
}

// pageLinks lead to the other pages of a list that shows the latest first. What isn't there is empty.
type pageLinks struct{ Of, Latest, Older string }

// otherPages returns the links of a list at path, whose parameter field has the row that the
// page begins behind.
func otherPages(of, path, field string, older keyporter.ID, newer bool) (l pageLinks) {
	l.Of = of
	if newer {
		l.Latest = path
	}
	if older != "" {
		separator := "?"
		if strings.Contains(path, "?") {
			separator = ""
		}
		l.Older = path + separator + field + "=" + string(older)
	}
	return l
}
