package console

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control"
)

// section is a part of the console that the header leads to.
type section struct {
	Path    string // of its first page, without a second segment
	Name    string
	Current string // of aria-current: "page" on that page, "true" on those below, else empty
}

// sections returns what there is for somebody with these powers.
func sections(p control.Powers, r *http.Request) []section {
	all := []section{{Path: "/tokens", Name: "Tokens"}}
	if p.ManageUsers {
		all = append(all, section{Path: "/users", Name: "Users"})
	}
	if p.ManageUsers || p.ManageRoles {
		all = append(all, section{Path: "/roles", Name: "Roles"})
	}
	if p.SeeApps || p.ManageTokens {
		all = append(all, section{Path: appsPath(p), Name: "Apps"})
	}
	if p.ManageOrganizationTokens || p.Operate {
		all = append(all, section{Path: allOrganizationTokens, Name: "Organization tokens"})
	}
	if p.Operate {
		all = append(all, section{Path: "/organizations", Name: "Organizations"})
	}
	for i := range all {
		switch all[i].Path {
		case r.URL.Path:
			all[i].Current = "page"
		case sectionOf(r.URL.Path), sectionOf(r.URL.Path) + "/connections":
			all[i].Current = "true"
		}
	}
	return all
}

// appsPath is the first page about apps: who sees none looks after the connections of others.
func appsPath(p control.Powers) string {
	if p.SeeApps {
		return "/apps"
	}
	return allConnections
}

// sectionOf returns the first page of the section that a path belongs to, and of no
// section that of tokens.
func sectionOf(path string) string {
	if first := firstOf(path); slices.Contains([]string{"users", "roles", "organizations", "organization-tokens", "refusals", "apps"}, first) {
		return "/" + first
	}
	return "/tokens"
}

func firstOf(path string) string {
	first, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	return first
}

// local returns next if it is the path of a page of ours, and the first page otherwise:
// a link to the sign-in must not be able to send people elsewhere afterwards.
func local(next string) string {
	u, err := url.Parse(next)
	if err != nil || u.Scheme != "" || u.Host != "" || u.Opaque != "" || strings.ContainsAny(next, "\\\r\n\t") {
		return "/tokens"
	}
	s := sectionOf(u.Path)
	if first := firstOf(u.Path); first == "connect" || first == "device" || first == "connections" {
		s = "/" + first // pages of ours that the header doesn't lead to
	}
	// The list is closed: who signs in is sent to none but these.
	if u.Path != s && !strings.HasPrefix(u.Path, s+"/") {
		return "/tokens"
	}
	return u.RequestURI()
}

// returnTo is where who has to sign in wanted to go; after a form, to the section it was in.
func returnTo(r *http.Request) string {
	switch first := firstOf(r.URL.Path); {
	case r.Method == http.MethodGet || first == "connect" || first == "device": // the form is at the same address
		return local(r.URL.RequestURI())
	case first == "apps" && strings.HasSuffix(r.URL.Path, "/secrets"):
		return local(r.URL.Path + "/new")
	case first == "apps" && strings.HasSuffix(r.URL.Path, "/webhook"):
		return local(r.URL.Path)
	}
	return sectionOf(r.URL.Path)
}

// doneField is the query parameter by which the page after a form knows what to say. It
// says one of our own sentences: a link must not be able to put words into our mouth.
const doneField = "done"

func done(r *http.Request) string {
	return map[string]string{
		"saved":     "Saved. It counts from the next call on.",
		"made":      "Added.",
		"deleted":   "Deleted.",
		"enabled":   "Switched on.",
		"disabled":  "Switched off. Calls are refused from now on.",
		"password":  "The new password counts from now on. Sessions with the old one have ended.",
		"appointed": "He is an operator now.",
		"dismissed": "He is an operator no longer.",
		"granted":   "Granted. It counts from the next call on.",
		"withdrawn": "Withdrawn. It counts from the next call on.",
		"provider":  "Saved. Its users can sign in there from now on.",
		"sign-in":   "Saved. It counts from the next sign-in on.",
		"suspended": "Suspended. Nobody of it can sign in, and calls are refused from now on.",
		"resumed":   "The suspension has ended.",

		"registered":    "Registered.",
		"approved":      "Approved. It works from now on.",
		"app-suspended": "Suspended. Its tokens are refused from now on.",
		"image":         "Saved. It is shown from now on.",
		"people":        "Saved. They can change the app from now on.",
		"disconnected":  "Disconnected. Its calls are refused from now on.",
		"taken":         "Taken away. It counts from the next call on.",
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
