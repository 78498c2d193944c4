package console

import (
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control"
)

// section is a part of the console: all pages whose paths start with one of its segments.
type section struct {
	name     string // in the navigation
	group    string // of the navigation
	icon     string
	segments []string                    // the first one is that of its main page
	entry    func(control.Powers) string // path of the link in the navigation; empty: no link
	routes   func(*console) map[string]page
}

// The groups of the navigation, in their order: what is the reader's own, what belongs to their organization,
// and what concerns the whole Keyporter.
const (
	groupPersonal     = "Personal"
	groupOrganization = "Organization"
	groupInstance     = "Instance"
)

// sections returns all sections, in the order of the navigation. Navigation, routes, the pages that a
// sign-in can lead to, and the paths that package server reserves are all derived from it.
func sections() []section {
	return []section{
		{"Tokens", groupPersonal, "key", []string{"tokens"}, func(control.Powers) string { return "/tokens" }, (*console).tokenRoutes},
		{"Apps and Connections", groupPersonal, "apps", []string{"connections", "connect", "device"}, func(control.Powers) string { return "/connections" }, (*console).connectionRoutes},
		{"Refused calls", groupPersonal, "no-entry", []string{"refusals"}, func(control.Powers) string { return "/refusals" }, (*console).refusalRoutes},
		{"Users", groupOrganization, "people", []string{"users"}, func(p control.Powers) string { return pathIf(p.ManageUsers, "/users") }, (*console).userRoutes},
		{"All tokens", groupOrganization, "keys", []string{"all-tokens"}, func(p control.Powers) string { return pathIf(p.ManageTokens, allTokens) }, (*console).allTokenRoutes},
		{"All refused calls", groupOrganization, "no-entry", []string{"all-refusals"}, func(p control.Powers) string { return pathIf(p.SeeRefusals, allRefusals) }, (*console).allRefusalRoutes},
		{"Roles", groupOrganization, "shield", []string{"roles"}, func(p control.Powers) string { return pathIf(p.ManageUsers || p.ManageRoles, "/roles") }, (*console).roleRoutes},
		{"Apps", groupOrganization, "window", []string{"apps"}, appsPath, (*console).appRoutes},
		{"Organization tokens", groupOrganization, "building", []string{"organization-tokens"}, func(p control.Powers) string {
			return pathIf(p.ManageOrganizationTokens || p.Operate, allOrganizationTokens)
		}, (*console).organizationTokenRoutes},
		{"APIs", groupInstance, "plug", []string{"apis"}, operates("/apis"), (*console).apiRoutes},
		{"Set up Keyporter", groupInstance, "list", []string{"start"}, operates("/start"), (*console).startRoutes},
		{"Organizations", groupInstance, "buildings", []string{"organizations"}, func(p control.Powers) string { return pathIf(p.Operate, "/organizations") }, (*console).organizationRoutes},
	}
}

// openSegments are those of the pages that don't require a session, and don't appear in the header.
func openSegments() []string {
	return []string{"sign-in", "sign-out", "setup", "static", "favicon.ico"}
}

// Segments returns the first segments of the paths of all pages, such as "tokens". APIs can't use
// them.
func Segments() []string {
	all := openSegments()
	for _, s := range sections() {
		all = append(all, s.segments...)
	}
	return all
}

func pathIf(allowed bool, path string) string {
	if allowed {
		return path
	}
	return ""
}

// appsPath returns the main page of the section Apps. Users who can't see apps, but manage other
// users' connections, get those.
func appsPath(p control.Powers) string {
	if p.SeeApps {
		return "/apps"
	}
	return pathIf(p.ManageTokens, allConnections)
}

// sectionGroup is a group of links in the navigation.
type sectionGroup struct {
	Name  string
	Links []sectionLink
}

// sectionLink is a link in the navigation.
type sectionLink struct {
	Path    string
	Name    string
	Icon    string
	Current string // for aria-current: "page" on that page, "true" elsewhere in the section, otherwise ""
}

// navigation returns the links for a user with these powers. Sections of a group are next to each other.
func navigation(p control.Powers, r *http.Request) (all []sectionGroup) {
	here := sectionFor(r)
	for _, s := range sections() {
		path := s.entry(p)
		if path == "" {
			continue
		}
		l := sectionLink{Path: path, Name: s.name, Icon: s.icon}
		switch {
		case path == r.URL.Path:
			l.Current = "page"
		case s.name == here.name:
			l.Current = "true"
		}
		if n := len(all); n == 0 || all[n-1].Name != s.group {
			all = append(all, sectionGroup{Name: s.group})
		}
		g := &all[len(all)-1]
		g.Links = append(g.Links, l)
	}
	return all
}

// sectionOf returns the section that a path belongs to, or Tokens if it belongs to none.
func sectionOf(path string) section {
	all := sections()
	for _, s := range all {
		if slices.Contains(s.segments, firstSegment(path)) {
			return s
		}
	}
	return all[0]
}

// sectionFor returns the section that a request belongs to: what is done with a token or a connection, to that of the
// list it is in.
func sectionFor(r *http.Request) section {
	if (r.PathValue("id") != "" || r.Method == http.MethodPost) && slices.Contains([]string{"tokens", "connections"}, firstSegment(r.URL.Path)) {
		return sectionOf(listOf(r))
	}
	return sectionOf(r.URL.Path)
}

func firstSegment(path string) string {
	first, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	return first
}

// localPath returns next if it is the path of one of our pages, and otherwise the path of the main
// page, so that a link to the sign-in can't send people to another site afterward.
func localPath(next string) string {
	u, err := url.Parse(next)
	if err != nil || u.Scheme != "" || u.Host != "" || u.Opaque != "" || strings.ContainsAny(next, "\\\r\n\t") {
		return "/tokens"
	}
	// Only accept paths we know: those in a section.
	if first := firstSegment(u.Path); !strings.HasPrefix(u.Path, "/"+first) || !slices.Contains(sectionOf(u.Path).segments, first) {
		return "/tokens"
	}
	return u.RequestURI()
}

// returnTo returns the path to go to after the user has signed in: the page they asked for, or for
// forms, the page they are on, or else the main page of the section.
func returnTo(r *http.Request) string {
	switch first := firstSegment(r.URL.Path); {
	case r.Method == http.MethodGet || first == "connect" || first == "device": // the form is at the same address
		return localPath(r.URL.RequestURI())
	case first == "apps" && strings.HasSuffix(r.URL.Path, "/secrets"), r.URL.Path == "/users":
		return localPath(r.URL.Path + "/new")
	case first == "users" && strings.HasSuffix(r.URL.Path, "/roles"), first == "organizations" && strings.HasSuffix(r.URL.Path, "/passwords"):
		return localPath(path.Dir(r.URL.Path))
	case slices.Contains([]string{"webhook", "password", "appoint", "dismiss", "sign-in", "delete", "delete-for-good", "restore", "hand-over"}, path.Base(r.URL.Path)), first == "roles" && path.Dir(r.URL.Path) == "/roles":
		return localPath(r.URL.RequestURI())
	}
	return "/" + sectionFor(r).segments[0]
}

// pageLinks has the links to other pages of a list that shows the newest rows first. Links that
// aren't needed are empty.
type pageLinks struct{ Of, Latest, Older string }

// otherPages returns the links for a list at path. The query parameter field takes the ID of the
// row after which a page starts.
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
