package verify

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/keyporter/keyporter"
)

// API is one API behind the gateway. The gateway passes on only calls that match one of its routes.
type API struct {
	// Name is what pages and counts call the API.
	Name string `yaml:"name"`
	// Upstream is where the reverse proxy sends calls: http://host:port, or https. Leave it out if you only use forward-auth: with an upstream, calls to any path of the API's hosts are passed on, and no proxy can ask about them at /verify. Empty segments are left out of the path, so that the API gets /a/b for //a//b.
	Upstream string `yaml:"upstream"`
	// Resource is the API's resource identifier (RFC 8707): an absolute URI, such as https://api.example.com. It is also where the API is called, which the proofs of keys in calls (DPoP, RFC 9449) name. With it, apps can ask for access tokens for this API only, refusals say where to ask (RFC 9728), and the API is described at /.well-known/oauth-protected-resource. None: the API accepts access tokens for any API, and proofs name address, with each of hosts in place of its host if there are any; behind another proxy, or without routes, set resource.
	Resource string `yaml:"resource"`
	// Hosts are the host names the API is called by, other than those of Keyporter itself. None: any.
	Hosts []string `yaml:"hosts"`
	// Example is the path of a GET call that says who the caller is, or something equally harmless, on a route that takes an API token. The tokens page shows people how to call it. None: the first path of a route without placeholders that takes a token and GET.
	Example string `yaml:"example"`
	// Routes are the parts of the API, tried in order; the first match decides. None: Keyporter neither passes calls on to the API nor answers /verify for it, but one of the gateways can still ask about the credentials in its calls.
	Routes []Route `yaml:"routes"`

	where   string // what errors call it
	target  *url.URL
	origins []string // where it is called: scheme, host, and port; none: unknown
	any     Route    // for calls when only their API is known
}

var allKinds = []keyporter.CredentialKind{
	keyporter.CredentialUserToken, keyporter.CredentialOrganizationToken, keyporter.CredentialAccessToken, keyporter.CredentialAppToken,
}

// Route is a part of an API and what it asks of a call.
type Route struct {
	// Path is a pattern such as /Api/{version}/envelope/{rest...}: {version} matches v4 and v4.0 alike, {name} matches any one segment, and {name...} at the end matches the rest, which may be empty. For calls that need a credential, letter case and a final slash don't matter. A public path is public only as it is written here.
	Path string `yaml:"path"`
	// Versions are the versions the route is for, such as 4, 1-5, or 6-. None: all.
	Versions string `yaml:"versions"`
	// Methods are the methods the route is for; GET includes HEAD. None: all.
	Methods []string `yaml:"methods"`
	// SOAP marks the path of a SOAP API, such as /Api.asmx, which has no version in it and accepts organization tokens anyway. Its messages carry the credential in authorizationXml, and refusals are results of its operations. GetVersion_v1 and the WSDL, which Keyporter serves there, need no credential.
	SOAP bool `yaml:"soap"`
	// Public lets calls through without a credential, and without an identity.
	Public bool `yaml:"public"`
	// Scope is the scope that an access token needs. Other credentials have no scopes and don't need one. None: any access token works.
	Scope string `yaml:"scope"`
	// Credentials are the accepted kinds: user_token, organization_token (only on versions 1 to 5 and SOAP), access_token, and app_token (an app that acts for itself, with no user, by client credentials). None: user_token and access_token.
	Credentials []keyporter.CredentialKind `yaml:"credentials"`
	// Refusals is what a refusal looks like: problem (the default, RFC 9457), empty (401 and 403 are both 401 without a body), or error (401 without a body, and {"ErrorId","Message","TraceId"} with any other status).
	Refusals Refusals `yaml:"refusals"`

	api         *API
	index       int // in its API
	segments    []segment
	first, last int      // versions; last 0 is no end
	rivals      []*Route // later routes that a server could take a path of this one for, and that ask something else
}

// maxOrganizationTokenVersion is the last REST version on which organization tokens work, whatever the configuration says.
const maxOrganizationTokenVersion = 5

// Refusals names a shape of refusals.
type Refusals string

// The shapes of refusals.
const (
	RefuseProblem Refusals = "problem"
	RefuseEmpty   Refusals = "empty"
	RefuseError   Refusals = "error"
)

// Target returns the upstream that the API's calls are sent to, or nil if it has none.
func (a *API) Target() *url.URL { return a.target }

// originsAt returns where the API is called by the configuration, given the address of Keyporter. A
// proof of a key is for one of these addresses. A Host header says nothing about that: whoever
// relays a call that they got, with its proof, can choose it.
func (a *API) originsAt(keyporter string) (origins []string) {
	if u, err := url.Parse(a.Resource); err == nil && u.Host != "" {
		origins = append(origins, u.Scheme+"://"+u.Host)
	}
	at, err := url.Parse(keyporter)
	if err != nil || at.Host == "" || len(a.Routes) == 0 {
		return origins // without routes, calls go past Keyporter
	}
	hosts := []string{at.Host}
	if len(a.Hosts) > 0 {
		hosts = nil
	}
	for _, h := range a.Hosts {
		if port := at.Port(); port != "" {
			h += ":" + port
		}
		hosts = append(hosts, h)
	}
	for _, h := range hosts {
		if origin := at.Scheme + "://" + h; !slices.Contains(origins, origin) {
			origins = append(origins, origin)
		}
	}
	return origins
}

// Scopes returns the scopes that the API's routes require, sorted and without duplicates.
func (a *API) Scopes() []string {
	var scopes []string
	for i := range a.Routes {
		if s := a.Routes[i].Scope; s != "" && !slices.Contains(scopes, s) {
			scopes = append(scopes, s)
		}
	}
	slices.Sort(scopes)
	return scopes
}

// Example returns the path that shows people how to call an API: the first one in the configuration or, without one, the
// first path that is a GET call with a token to an API behind our own proxy. Without any, it is empty.
func (c *Checker) Example() (path string) {
	for _, a := range c.apis {
		if a.Example != "" {
			return a.Example
		}
		for i := range a.Routes {
			if path == "" && a.Routes[i].isExample() {
				path = a.Routes[i].Path
			}
		}
	}
	return path
}

// wrongExamples reports every example that isn't a call that takes a user's token.
func (c *Checker) wrongExamples() (faults []error) {
	for _, a := range c.apis {
		if a.Example == "" {
			continue
		}
		call := Request{Method: "GET", Path: a.Example}
		if len(a.Hosts) > 0 {
			call.Host = a.Hosts[0]
		}
		r, _, reason := c.route(&call)
		switch {
		case reason != keyporter.Allowed || r.SOAP:
			faults = append(faults, fmt.Errorf("%s: no route takes its example, GET %s; add a route such as {path: %s}, or correct the example", a.where, a.Example, a.Example))
		case r.api != a:
			faults = append(faults, fmt.Errorf("%s: its example, GET %s, is a call to the %s", a.where, a.Example, r.api.where))
		case r.Public:
			faults = append(faults, fmt.Errorf("%s: its example, GET %s, is open to everyone, so it can't show that a token works", a.where, a.Example))
		case !r.accepts(keyporter.CredentialUserToken):
			faults = append(faults, fmt.Errorf("%s: its example, GET %s, doesn't accept API tokens", a.where, a.Example))
		}
	}
	return faults
}

// isExample reports whether the path of the route is one that a user's token can call with GET at Keyporter's address.
func (r *Route) isExample() bool {
	return r.api.target != nil && len(r.api.Hosts) == 0 && !r.Public && !r.SOAP && r.accepts(keyporter.CredentialUserToken) &&
		(len(r.Methods) == 0 || slices.Contains(r.Methods, "GET")) && !strings.Contains(r.Path, "{")
}

// API returns the API that the route belongs to.
func (r *Route) API() *API { return r.api }

func (r *Route) accepts(kind keyporter.CredentialKind) bool {
	return slices.Contains(r.Credentials, kind)
}

// segment is one part of a pattern: a literal, or one of the placeholders.
type segment struct {
	kind        segmentKind
	literal     string
	bare        string // the literal without what some servers ignore
	clarity     fit    // of a literal that is a version: how well it fits {version}
	first, last int    // versions, if it is {version} or such a literal; last 0 is no end
}

func newLiteral(text string) segment {
	s := segment{literal: text, bare: bare(text)}
	s.first, s.clarity = readVersion(text, false)
	s.last = s.first
	return s
}

type segmentKind uint8

const (
	literal segmentKind = iota
	version
	anything
	rest
)

// Validate returns one error that joins everything wrong with the APIs.
func Validate(apis []API) error {
	_, _, err := compile(apis)
	return err
}

// compile checks the APIs, joins everything wrong with them into one error, and prepares them for
// matching. Its notes are about what is allowed but may not be meant.
func compile(apis []API) (out []*API, notes []string, err error) {
	var faults []error
	for i := range apis {
		a := apis[i]
		a.Routes = slices.Clone(a.Routes)
		a.where = fmt.Sprintf("API %q", a.Name)
		same := slices.ContainsFunc(out, func(b *API) bool { return b.Name == a.Name })
		if a.Name == "" || same { // its name doesn't say which API it is
			a.where = fmt.Sprintf("apis[%d]", i)
		}
		if a.Name == "" {
			faults = append(faults, fmt.Errorf("%s: name is missing", a.where))
		} else if same {
			faults = append(faults, fmt.Errorf("%s: another API has the name %q", a.where, a.Name))
		}
		faults = append(faults, a.compile()...)
		if a.Resource != "" && slices.ContainsFunc(out, func(b *API) bool { return keyporter.NormalAddress(b.Resource) == keyporter.NormalAddress(a.Resource) }) {
			faults = append(faults, fmt.Errorf("%s: another API has this resource", a.where))
		}
		out = append(out, &a)
	}
	for _, a := range out {
		a.any = Route{Credentials: allKinds, api: a}
		for i := range a.Routes {
			a.Routes[i].api, a.Routes[i].index = a, i
		}
	}
	hidden, notes := compare(out)
	if faults = append(faults, hidden...); len(faults) == 0 {
		faults = (&Checker{apis: out}).wrongExamples()
	}
	return out, notes, errors.Join(faults...)
}

func (a *API) compile() (faults []error) {
	if a.Upstream != "" {
		u, err := url.Parse(a.Upstream)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || !ValidPort(u) || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
			faults = append(faults, fmt.Errorf("%s: upstream must look like http://127.0.0.1:9090, without a path, query, or user", a.where))
		}
		a.target = u
	}
	if a.Resource != "" && !validResource(a.Resource) {
		faults = append(faults, fmt.Errorf("%s: resource must be an address such as https://api.example.com, without a query, fragment, or user", a.where))
	}
	if path, ok := readPath(a.Example); a.Example != "" && (!ok || path != a.Example) {
		faults = append(faults, fmt.Errorf("%s: example must be a plain path such as /Api/v6/authorization/whoami", a.where))
	}
	if len(a.Routes) == 0 && (a.Upstream != "" || len(a.Hosts) > 0 || a.Example != "") {
		faults = append(faults, fmt.Errorf("%s: routes are missing", a.where))
	}
	a.Hosts = slices.Clone(a.Hosts)
	for i, h := range a.Hosts {
		host, err := ParseHost(h)
		if err != nil {
			faults = append(faults, fmt.Errorf("%s: hosts: %w", a.where, err))
		}
		a.Hosts[i] = host
	}
	for i := range a.Routes {
		for _, err := range a.Routes[i].compile() {
			faults = append(faults, fmt.Errorf("%s: routes[%d]: %w", a.where, i, err))
		}
	}
	return faults
}

func (r *Route) compile() (faults []error) {
	var err error
	if r.segments, err = parsePattern(r.Path); err != nil {
		faults = append(faults, err)
	}
	if r.first, r.last, err = parseVersions(r.Versions); err != nil {
		faults = append(faults, err)
	}
	for i := range r.segments {
		if s := &r.segments[i]; s.kind == version {
			s.first, s.last = r.first, r.last
		}
	}
	if r.Versions != "" && !slices.ContainsFunc(r.segments, func(s segment) bool { return s.kind == version }) {
		faults = append(faults, errors.New("versions need a {version} in the path"))
	}
	faults = append(faults, r.compileAccess()...)
	if r.accepts(keyporter.CredentialOrganizationToken) && !r.SOAP && (r.first < 1 || r.last < 1 || r.last > maxOrganizationTokenVersion) {
		faults = append(faults, errors.New("organization tokens work only for versions within 1-5 and for soap"))
	}
	// Otherwise, soap would be a way to accept organization tokens on version 6.
	if r.SOAP && slices.ContainsFunc(r.segments, func(s segment) bool { return s.kind == version }) {
		faults = append(faults, errors.New("a soap path can't contain {version}"))
	}
	if r.SOAP && r.Public {
		faults = append(faults, errors.New("soap can't be public: it reveals whether a credential works, and its GetVersion_v1 is already open to everyone"))
	}
	switch r.Refusals {
	case "":
		r.Refusals = RefuseProblem
	case RefuseProblem, RefuseEmpty, RefuseError:
	default:
		faults = append(faults, fmt.Errorf("%q isn't a form of refusals", r.Refusals))
	}
	return faults
}

// compileAccess checks the settings of a route that say who may call it, and how.
func (r *Route) compileAccess() (faults []error) {
	r.Methods = slices.Clone(r.Methods)
	for i, name := range r.Methods {
		method, err := parseMethod(name)
		if err != nil {
			faults = append(faults, err)
		}
		r.Methods[i] = method
	}
	if r.Public && len(r.Credentials) > 0 {
		faults = append(faults, errors.New("public and credentials contradict each other"))
	}
	if len(r.Credentials) == 0 && !r.Public {
		r.Credentials = []keyporter.CredentialKind{keyporter.CredentialUserToken, keyporter.CredentialAccessToken}
	}
	for _, k := range r.Credentials {
		if !slices.Contains(allKinds, k) {
			faults = append(faults, fmt.Errorf("%q isn't a kind of credential", k))
		}
	}
	if r.Scope != "" && !r.accepts(keyporter.CredentialAccessToken) && !r.accepts(keyporter.CredentialAppToken) {
		faults = append(faults, errors.New("a scope applies to access tokens, and this route accepts none"))
	}
	if !validScope(r.Scope) {
		faults = append(faults, fmt.Errorf("scope %q is not one word", r.Scope))
	}
	return faults
}

// validScope allows the characters of a scope (RFC 6749 §3.3) except ?, which the store appends to some.
func validScope(s string) bool {
	return !strings.ContainsFunc(s, func(c rune) bool { return c <= ' ' || c > '~' || c == '"' || c == '\\' || c == '?' })
}

// validResource requires an absolute URI without a fragment (RFC 8707 §2), under which clients
// can find the description of the API (RFC 9728 §3.1), and which can be quoted in a challenge. A zone
// of an IPv6 address means something on one machine only.
func validResource(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && ValidPort(u) && !strings.Contains(u.Host, "%") && u.User == nil && u.RawQuery == "" && !u.ForceQuery &&
		!strings.Contains(s, "#") && validScope(s) && u.String() == s
}

func parsePattern(pattern string) ([]segment, error) {
	if !strings.HasPrefix(pattern, "/") {
		return nil, fmt.Errorf("path %q must begin with /, as in /Api/{version}/{rest...}", pattern)
	}
	if path, ok := readPath(pattern); !ok || path != pattern {
		return nil, fmt.Errorf("path %q must be a plain path such as /Api/{version}/{rest...}", pattern)
	}
	var segments []segment
	parts := strings.Split(pattern[1:], "/")
	for i, p := range parts {
		name, isVar := strings.CutPrefix(p, "{")
		name, closed := strings.CutSuffix(name, "}")
		switch {
		case !isVar && !strings.ContainsAny(p, "{}"):
			segments = append(segments, newLiteral(p))
		case !isVar || !closed || strings.ContainsAny(name, "{}"):
			return nil, fmt.Errorf("path %q: a placeholder must be a whole segment", pattern)
		case name == "version":
			segments = append(segments, segment{kind: version})
		case !strings.HasSuffix(name, "..."):
			segments = append(segments, segment{kind: anything})
		case i != len(parts)-1:
			return nil, fmt.Errorf("path %q: %s must be the last segment", pattern, p)
		default:
			segments = append(segments, segment{kind: rest})
		}
	}
	return segments, nil
}

func parseVersions(s string) (first, last int, err error) {
	if s == "" {
		return 0, 0, nil
	}
	from, to, isRange := strings.Cut(s, "-")
	if first, err = strconv.Atoi(from); err == nil {
		switch {
		case !isRange:
			last = first
		case to != "":
			last, err = strconv.Atoi(to)
		}
	}
	if err != nil || first < 1 || max(first, last) > maxVersion || last != 0 && last < first {
		return 0, 0, fmt.Errorf("versions %q must look like 4, 1-5, or 6-, and be at most %d", s, maxVersion)
	}
	return first, last, nil
}
