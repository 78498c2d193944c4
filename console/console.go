// Package console is the door for people: server-rendered pages, which work without
// JavaScript and are better with it.
//
// It owns how things look and what forms say. What may be changed, and by whom, package
// control decides; the console shows its answer, at the field that it is about.
package console

import (
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control"
	"github.com/keyporter/keyporter/verify"
	"github.com/keyporter/keyporter/web"
)

// Config is what the pages need.
type Config struct {
	Control *control.Control
	Checker *verify.Checker // knows the routes
	Proxies web.Proxies
	Log     *slog.Logger
	Address string // under which people reach the pages; empty: that of the request
	Issuer  string // address of the authorization server; empty: that of the pages
	Example string // path of a call that shows how an API is called; may be empty
	Scopes  []keyporter.Scope
	Now     func() time.Time // nil: time.Now
}

type console struct {
	Config

	pages     pages
	static    staticFiles
	providers providers
}

// Pages are the pages, served where no other door claims a path.
type Pages struct {
	http.Handler

	console *console
}

// New returns the pages. Forms from other sites are refused here, so that no mounting can forget it.
func New(cfg Config) *Pages {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	c := &console{Config: cfg, static: loadStatic()}
	c.pages = loadPages(c.static)
	mux := http.NewServeMux()
	for pattern, h := range c.routes() {
		mux.Handle(pattern, c.handler(h))
	}
	mux.Handle("GET "+staticPath, c.static)
	nothing := c.handler(func(w http.ResponseWriter, r *http.Request) error { return c.noRoute(w, r, mux) })
	return &Pages{console: c, Handler: c.sameOrigin(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, pattern := mux.Handler(r); pattern == "" {
			nothing.ServeHTTP(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	}))}
}

// noRoute answers what no route is for: the address isn't one, or not for this method.
func (c *console) noRoute(w http.ResponseWriter, r *http.Request, mux *http.ServeMux) error {
	var allowed []string
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost} {
		other := r.WithContext(r.Context())
		other.Method = method
		if _, pattern := mux.Handler(other); pattern != "" {
			allowed = append(allowed, method)
		}
	}
	if len(allowed) == 0 {
		return keyporter.Refuse(keyporter.NotFound, "There is no page at this address.")
	}
	w.Header().Set("Allow", strings.Join(allowed, ", "))
	return c.showError(w, r, http.StatusMethodNotAllowed, "This address doesn’t accept this method ("+r.Method+"). Nothing has changed.")
}

// handler answers a request, or returns why it can't.
type handler func(http.ResponseWriter, *http.Request) error

// routes are those of all sections, and of the open pages.
func (c *console) routes() map[string]handler {
	all := map[string]handler{}
	for _, s := range append(sections(), openPages()) {
		maps.Copy(all, s.routes(c))
	}
	return all
}

// openRoutes are those of pages that are open to everybody.
func (c *console) openRoutes() map[string]handler {
	return map[string]handler{
		"GET /{$}":               redirect("/tokens"),
		"GET /sign-in":           c.showSignIn,
		"POST /sign-in":          c.signIn,
		"POST /sign-in/provider": c.signInElsewhere,
		"GET /sign-in/callback":  c.comeBack,
		"POST /sign-out":         c.signedIn(c.signOut),
		"GET /setup/{code}":      c.showSetup,
		"POST /setup/{code}":     c.setUp,
	}
}

// tokenRoutes are those of one's own tokens and connections.
func (c *console) tokenRoutes() map[string]handler {
	return map[string]handler{
		"GET /tokens":                       c.signedIn(c.listTokens),
		"GET /tokens/new":                   c.signedIn(c.newToken),
		"POST /tokens":                      c.signedIn(c.createToken),
		"POST /tokens/{id}/enable":          c.signedIn(c.enableToken),
		"POST /tokens/{id}/disable":         c.signedIn(c.disableToken),
		"GET /tokens/{id}/rename":           c.signedIn(c.showRename),
		"POST /tokens/{id}/rename":          c.signedIn(c.renameToken),
		"GET /tokens/{id}/expiry":           c.signedIn(c.showExpiry),
		"POST /tokens/{id}/expiry":          c.signedIn(c.setExpiry),
		"GET /tokens/{id}/delete":           c.signedIn(c.showDelete),
		"POST /tokens/{id}/delete":          c.signedIn(c.deleteToken),
		"GET /tokens/{id}/explain":          c.signedIn(c.explainToken),
		"GET /connections/{id}/explain":     c.signedIn(c.explainConnection),
		"GET /tokens/{id}/hand-over":        c.signedIn(c.showHandOver),
		"POST /tokens/{id}/hand-over":       c.signedIn(c.handOver),
		"GET /connect/{id}":                 c.signedIn(c.showConnect),
		"POST /connect/{id}":                c.signedIn(c.answerConnect),
		"GET /device":                       c.signedIn(c.showDevice),
		"POST /device":                      c.signedIn(c.openDevice),
		"GET /connections/{id}/disconnect":  c.signedIn(c.showDisconnect),
		"POST /connections/{id}/disconnect": c.signedIn(c.disconnect),
		"GET /connections/{id}/remove":      c.signedIn(c.showRemoveScope),
		"POST /connections/{id}/remove":     c.signedIn(c.removeScope),
	}
}

// refusalRoutes are those of calls that were refused.
func (c *console) refusalRoutes() map[string]handler {
	return map[string]handler{
		"GET /refusals":           c.signedIn(c.listRefusals),
		"GET /refusals/{request}": c.signedIn(c.showRefusal),
	}
}

// organizationTokenRoutes are those of all organization tokens.
func (c *console) organizationTokenRoutes() map[string]handler {
	return map[string]handler{
		"GET /organization-tokens": c.signedIn(c.listOrganizationTokens),
	}
}

// appRoutes are those of apps, and of the connections of others.
func (c *console) appRoutes() map[string]handler {
	return map[string]handler{
		"GET /apps":                               c.signedIn(c.listApps),
		"GET /apps/connections":                   c.signedIn(c.listConnections),
		"GET /apps/policy":                        c.signedIn(c.showPolicy),
		"POST /apps/policy":                       c.signedIn(c.setPolicy),
		"GET /apps/new":                           c.signedIn(c.newApp),
		"POST /apps":                              c.signedIn(c.registerApp),
		"GET /apps/{id}":                          c.signedIn(c.showApp),
		"POST /apps/{id}":                         c.signedIn(c.updateApp),
		"GET /apps/{id}/image":                    c.signedIn(c.showImage),
		imageUpload:                               c.signedIn(c.uploadImage),
		"POST /apps/{id}/image/remove":            c.signedIn(c.changeApp((*control.Control).RemoveAppImage, "image")),
		"POST /apps/{id}/people":                  c.signedIn(c.setPeople),
		"GET /apps/{id}/secrets/new":              c.signedIn(c.showAddSecret),
		"POST /apps/{id}/secrets":                 c.signedIn(c.addSecret),
		"GET /apps/{id}/secrets/{secret}/delete":  c.signedIn(c.showDeleteSecret),
		"POST /apps/{id}/secrets/{secret}/delete": c.signedIn(c.deleteSecret),
		"GET /apps/{id}/webhook":                  c.signedIn(c.showWebhookSecret),
		"POST /apps/{id}/webhook":                 c.signedIn(c.setWebhookSecret),
		"POST /apps/{id}/approve":                 c.signedIn(c.approveApp),
		"GET /apps/{id}/suspend":                  c.signedIn(c.showSuspendApp),
		"POST /apps/{id}/suspend":                 c.signedIn(c.changeApp((*control.Control).SuspendApp, "app-suspended")),
		"POST /apps/{id}/resume":                  c.signedIn(c.changeApp((*control.Control).ResumeApp, "resumed")),
		"GET /apps/{id}/delete":                   c.signedIn(c.showDeleteApp),
		"POST /apps/{id}/delete":                  c.signedIn(c.changeApp((*control.Control).DeleteApp, "deleted")),
	}
}

func (c *console) userRoutes() map[string]handler {
	return map[string]handler{
		"GET /users":                     c.signedIn(c.listUsers),
		"GET /users/new":                 c.signedIn(c.newUser),
		"POST /users":                    c.signedIn(c.createUser),
		"GET /users/{id}":                c.signedIn(c.showUser),
		"POST /users/{id}/roles":         c.signedIn(c.setUserRoles),
		"POST /users/{id}/roles/preview": c.signedIn(c.previewUserRoles),
		"GET /users/{id}/tokens":         c.signedIn(c.listUserTokens),
		"POST /users/{id}/enable":        c.signedIn(c.enableUser),
		"GET /users/{id}/disable":        c.signedIn(c.showDisableUser),
		"POST /users/{id}/disable":       c.signedIn(c.disableUser),
		"GET /users/{id}/password":       c.signedIn(c.showPassword),
		"POST /users/{id}/password":      c.signedIn(c.setPassword),
		"GET /users/{id}/appoint":        c.signedIn(c.showAppoint),
		"POST /users/{id}/appoint":       c.signedIn(c.appoint),
		"GET /users/{id}/dismiss":        c.signedIn(c.showDismiss),
		"POST /users/{id}/dismiss":       c.signedIn(c.dismiss),
	}
}

func (c *console) roleRoutes() map[string]handler {
	return map[string]handler{
		"GET /roles":               c.signedIn(c.listRoles),
		"GET /roles/new":           c.signedIn(c.newRole),
		"POST /roles":              c.signedIn(c.createRole),
		"GET /roles/{id}":          c.signedIn(c.showRole),
		"POST /roles/{id}":         c.signedIn(c.updateRole),
		"POST /roles/{id}/preview": c.signedIn(c.previewRole),
		"GET /roles/{id}/delete":   c.signedIn(c.showDeleteRole),
		"POST /roles/{id}/delete":  c.signedIn(c.deleteRole),
	}
}

func (c *console) organizationRoutes() map[string]handler {
	return map[string]handler{
		"GET /organizations":                             c.signedIn(c.listOrganizations),
		"GET /organizations/new":                         c.signedIn(c.newOrganization),
		"POST /organizations":                            c.signedIn(c.createOrganization),
		"GET /organizations/{id}":                        c.signedIn(c.showOrganization),
		"POST /organizations/{id}/enable":                c.signedIn(c.enableOrganization),
		"GET /organizations/{id}/disable":                c.signedIn(c.showDisableOrganization),
		"POST /organizations/{id}/disable":               c.signedIn(c.disableOrganization),
		"POST /organizations/{id}/flags/{flag}/grant":    c.signedIn(c.grantFlag),
		"GET /organizations/{id}/flags/{flag}/withdraw":  c.signedIn(c.showWithdrawFlag),
		"POST /organizations/{id}/flags/{flag}/withdraw": c.signedIn(c.withdrawFlag),
		"GET /organizations/{id}/sign-in":                c.signedIn(c.showSignInSettings),
		"POST /organizations/{id}/sign-in":               c.signedIn(c.setProvider),
		"POST /organizations/{id}/sign-in/passwords":     c.signedIn(c.setPasswords),
		"GET /organizations/{id}/sign-in/delete":         c.signedIn(c.showDeleteProvider),
		"POST /organizations/{id}/sign-in/delete":        c.signedIn(c.deleteProvider),
	}
}

// maxForm is the size of the largest form in bytes.
const maxForm = 64 << 10

// handler makes a http.Handler of h: pages are personal and never stored, forms have a size.
func (c *console) handler(h handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		r.Body = http.MaxBytesReader(w, r.Body, sizeLimit(r))
		if err := r.ParseForm(); err != nil {
			err = keyporter.Refuse(keyporter.Invalid, "The form is damaged or too large. Nothing has changed.")
			c.fail(w, r, err)
			return
		}
		if err := h(w, r); err != nil {
			c.fail(w, r, err)
		}
	})
}

// sameOrigin refuses what a page of another site has the browser send.
func (c *console) sameOrigin(next http.Handler) http.Handler {
	guard := http.NewCrossOriginProtection()
	if u, err := url.Parse(c.Address); err == nil && u.Host != "" {
		// A proxy may have changed the Host by which the guard would know our own origin. The error is for addresses with a path, which the configuration refuses.
		_ = guard.AddTrustedOrigin(u.Scheme + "://" + u.Host)
	}
	guard.SetDenyHandler(c.handler(func(http.ResponseWriter, *http.Request) error {
		return keyporter.Refuse(keyporter.Forbidden, "This form came from another site. Nothing has changed.")
	}))
	return guard.Handler(next)
}

func redirect(to string) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		http.Redirect(w, r, to, http.StatusSeeOther)
		return nil
	}
}

// fragmentHeader is set by the script, which wants a part of a page instead of all of it.
const fragmentHeader = "Keyporter-Fragment"

func wantsFragment(r *http.Request) bool { return r.Header.Get(fragmentHeader) != "" }

// address is where people reach Keyporter.
func (c *console) address(r *http.Request) string {
	if c.Address != "" {
		return strings.TrimSuffix(c.Address, "/")
	}
	if c.Proxies.Secure(r) {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}
