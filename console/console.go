// Package console is the door for people: server-rendered pages, which work without
// JavaScript and are better with it.
//
// It decides how things look and what forms say. Package control decides what may be changed, and
// by whom; the console shows its answer next to the field in question.
package console

import (
	"log/slog"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control"
	"github.com/keyporter/keyporter/verify"
	"github.com/keyporter/keyporter/web"
)

// Config configures the pages. Control, Checker, and Log are required.
type Config struct {
	Control *control.Control
	Checker *verify.Checker // knows the routes
	Proxies web.Proxies
	Log     *slog.Logger
	Address string // URL of the pages; empty: taken from the request
	Issuer  string // URL of the authorization server; empty: that of the pages
	Example string // path for the example of an API call; empty: none is shown
	Scopes  []keyporter.Scope
	Guides  []Guide          // must be valid
	Now     func() time.Time // nil: time.Now
	// Stopping is closed when live pages have to end; nil: they never have to.
	Stopping <-chan struct{}
}

type console struct {
	Config

	pages     pages
	static    staticFiles
	providers providers
	streams   streams
	sent      sentForms
}

// Pages serves every path that no other door claims.
type Pages struct {
	http.Handler

	console *console
	mux     *http.ServeMux
}

// Has reports whether there is a page at the path of a request as it was sent, for whichever method.
func (p *Pages) Has(r *http.Request) bool {
	return path.Clean(r.URL.Path) == r.URL.Path && len(methods(p.mux, r)) > 0
}

// New returns the pages. It includes the protection against forms from other sites, so that
// callers can't forget it.
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
	mux.Handle("GET /favicon.ico", c.static)
	nothing := c.handler(func(w http.ResponseWriter, r *http.Request) error { return c.noRoute(w, r, mux) })
	return &Pages{console: c, mux: mux, Handler: c.sameOrigin(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, pattern := mux.Handler(r); pattern == "" {
			nothing.ServeHTTP(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	}))}
}

// methods returns the methods for which there is a page at the path of a request.
func methods(mux *http.ServeMux, r *http.Request) (all []string) {
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost} {
		other := r.WithContext(r.Context())
		other.Method = method
		if _, pattern := mux.Handler(other); pattern != "" {
			all = append(all, method)
		}
	}
	return all
}

// noRoute answers requests without a route, with 405 if the path has one for another method, and
// 404 otherwise.
func (c *console) noRoute(w http.ResponseWriter, r *http.Request, mux *http.ServeMux) error {
	allowed := methods(mux, r)
	if len(allowed) == 0 {
		return keyporter.Refuse(keyporter.NotFound, "There is no page at this address. It may be mistyped, or out of date.")
	}
	w.Header().Set("Allow", strings.Join(allowed, ", "))
	return c.showError(w, r, errorPage{Status: http.StatusMethodNotAllowed, Message: "This address doesn’t accept this method (" + r.Method + "). Nothing has changed."})
}

// handler answers a request, or returns why it can't.
type handler func(http.ResponseWriter, *http.Request) error

// page answers a request of someone who is signed in.
type page func(http.ResponseWriter, *http.Request, keyporter.Actor) error

// routes returns the routes of all sections, which require a session, and of the pages open to
// everyone.
func (c *console) routes() map[string]handler {
	all := c.openRoutes()
	for _, s := range sections() {
		for pattern, p := range s.routes(c) {
			all[pattern] = c.signedIn(p)
			if slices.Contains(unattended(), pattern) {
				all[pattern] = c.unattended(p)
			}
		}
	}
	return all
}

// openRoutes are the routes of pages that don't require a session.
func (c *console) openRoutes() map[string]handler {
	return map[string]handler{
		"GET /{$}":               redirect("/tokens"),
		"GET /sign-in":           c.showSignIn,
		"POST /sign-in":          c.signIn,
		"POST /sign-in/provider": c.startProviderSignIn,
		"GET /sign-in/callback":  c.providerCallback,
		"POST /sign-in/join":     c.join,
		"POST /sign-out":         c.signedIn(c.signOut),
		"GET /setup/{code}":      c.showSetup,
		"POST /setup/{code}":     c.setUp,
	}
}

// tokenRoutes are the routes of the reader's own tokens.
func (c *console) tokenRoutes() map[string]page {
	return map[string]page{
		"GET /tokens":                       c.listTokens,
		"GET /tokens/new":                   c.newToken,
		"POST /tokens":                      c.createToken,
		"POST /tokens/{id}/enable":          c.enableToken,
		"GET /tokens/{id}/disable":          c.showDisable,
		"POST /tokens/{id}/disable":         c.disableToken,
		"GET /tokens/{id}/rename":           c.showRename,
		"POST /tokens/{id}/rename":          c.renameToken,
		"GET /tokens/{id}/expiry":           c.showExpiry,
		"POST /tokens/{id}/expiry":          c.setExpiry,
		"GET /tokens/{id}/delete":           c.showDelete,
		"POST /tokens/{id}/delete":          c.deleteToken,
		"POST /tokens/selected":             c.showSelection,
		"POST /tokens/change":               c.changeSelection,
		"GET /tokens/live":                  c.liveTokens,
		"GET /tokens/{id}":                  c.showToken,
		"GET /tokens/{id}/report":           c.showToken,
		"GET /tokens/{id}/row":              c.showRow,
		"GET /tokens/deleted":               c.listDeleted,
		"GET /tokens/{id}/restore":          c.freshly(c.showRestore),
		"POST /tokens/{id}/restore":         c.restoreToken,
		"GET /tokens/{id}/delete-for-good":  c.freshly(c.showDeleteForGood),
		"POST /tokens/{id}/delete-for-good": c.deleteForGood,
		"GET /tokens/{id}/explain":          c.explainToken,
		"GET /tokens/{id}/hand-over":        c.freshly(c.showHandOver),
		"POST /tokens/{id}/hand-over":       c.handOver,
	}
}

// connectionRoutes include the pages on which people connect apps.
func (c *console) connectionRoutes() map[string]page {
	return map[string]page{
		"GET /connections":                  c.listOwnConnections,
		"GET /connections/live":             c.liveConnections,
		"GET /connections/{id}":             c.showConnection,
		"GET /connections/{id}/report":      c.showConnection,
		"GET /connections/{id}/row":         c.showConnectionRow,
		"GET /connections/{id}/explain":     c.explainConnection,
		"GET /connect/{id}":                 c.showConnect,
		"POST /connect/{id}":                c.answerConnect,
		"GET /device":                       c.showDevice,
		"POST /device":                      c.openDevice,
		"GET /connections/{id}/disconnect":  c.showDisconnect,
		"POST /connections/{id}/disconnect": c.disconnect,
		"GET /connections/{id}/remove":      c.showRemoveScope,
		"POST /connections/{id}/remove":     c.removeScope,
	}
}

func (c *console) allTokenRoutes() map[string]page {
	return map[string]page{
		"GET /all-tokens":         c.listAllTokens,
		"GET /all-tokens/deleted": c.listAllDeleted,
	}
}

func (c *console) apiRoutes() map[string]page {
	return map[string]page{
		"GET /apis": c.listAPIs,
	}
}

func (c *console) startRoutes() map[string]page {
	return map[string]page{
		"GET /start":                    c.showStart,
		"GET /start/docs":               c.showDocument,
		"GET /start/docs/{document...}": c.showDocument,
	}
}

func (c *console) refusalRoutes() map[string]page {
	return map[string]page{
		"GET /refusals":           c.listRefusals,
		"GET /refusals/{request}": c.showRefusal,
	}
}

func (c *console) allRefusalRoutes() map[string]page {
	return map[string]page{
		"GET /all-refusals": c.listAllRefusals,
	}
}

func (c *console) organizationTokenRoutes() map[string]page {
	return map[string]page{
		"GET /organization-tokens":         c.listOrganizationTokens,
		"GET /organization-tokens/deleted": c.listDeletedOrganizationTokens,
	}
}

// appRoutes includes the connections of other users.
func (c *console) appRoutes() map[string]page {
	return map[string]page{
		"GET /apps":                               c.listApps,
		"GET /apps/connections":                   c.listConnections,
		"GET /apps/policy":                        c.showPolicy,
		"POST /apps/policy":                       c.setPolicy,
		"GET /apps/new":                           c.newApp,
		"POST /apps":                              c.registerApp,
		"GET /apps/{id}":                          c.showApp,
		"POST /apps/{id}":                         c.updateApp,
		"GET /apps/{id}/image":                    c.showImage,
		imageUpload:                               c.uploadImage,
		"POST /apps/{id}/image/remove":            c.changeApp((*control.Control).RemoveAppImage, "image"),
		"POST /apps/{id}/people":                  c.setPeople,
		"GET /apps/{id}/secrets/new":              c.freshly(c.showAddSecret),
		"POST /apps/{id}/secrets":                 c.addSecret,
		"GET /apps/{id}/secrets/{secret}/delete":  c.showDeleteSecret,
		"POST /apps/{id}/secrets/{secret}/delete": c.deleteSecret,
		"GET /apps/{id}/webhook":                  c.freshly(c.showWebhookSecret),
		"POST /apps/{id}/webhook":                 c.setWebhookSecret,
		"POST /apps/{id}/approve":                 c.approveApp,
		"GET /apps/{id}/suspend":                  c.showSuspendApp,
		"POST /apps/{id}/suspend":                 c.changeApp((*control.Control).SuspendApp, "app-suspended"),
		"POST /apps/{id}/resume":                  c.changeApp((*control.Control).ResumeApp, "resumed"),
		"GET /apps/{id}/delete":                   c.showDeleteApp,
		"POST /apps/{id}/delete":                  c.changeApp((*control.Control).DeleteApp, "deleted"),
	}
}

func (c *console) userRoutes() map[string]page {
	return map[string]page{
		"GET /users":                     c.listUsers,
		"GET /users/new":                 c.newUser,
		"POST /users":                    c.createUser,
		"GET /users/{id}":                c.showUser,
		"POST /users/{id}/roles":         c.setUserRoles,
		"POST /users/{id}/roles/preview": c.previewUserRoles,
		"GET /users/{id}/tokens":         c.listUserTokens,
		"POST /users/{id}/enable":        c.enableUser,
		"GET /users/{id}/disable":        c.showDisableUser,
		"POST /users/{id}/disable":       c.disableUser,
		"GET /users/{id}/password":       c.freshly(c.showPassword),
		"POST /users/{id}/password":      c.setPassword,
		"GET /users/{id}/appoint":        c.freshly(c.showAppoint),
		"POST /users/{id}/appoint":       c.appoint,
		"GET /users/{id}/dismiss":        c.freshly(c.showDismiss),
		"POST /users/{id}/dismiss":       c.dismiss,
	}
}

func (c *console) roleRoutes() map[string]page {
	return map[string]page{
		"GET /roles":               c.listRoles,
		"GET /roles/new":           c.newRole,
		"POST /roles":              c.createRole,
		"GET /roles/{id}":          c.showRole,
		"POST /roles/{id}":         c.updateRole,
		"POST /roles/{id}/preview": c.previewRole,
		"GET /roles/{id}/delete":   c.showDeleteRole,
		"POST /roles/{id}/delete":  c.deleteRole,
	}
}

func (c *console) organizationRoutes() map[string]page {
	return map[string]page{
		"GET /organizations":                             c.listOrganizations,
		"GET /organizations/new":                         c.newOrganization,
		"POST /organizations":                            c.createOrganization,
		"GET /organizations/{id}":                        c.showOrganization,
		"POST /organizations/{id}/enable":                c.enableOrganization,
		"GET /organizations/{id}/disable":                c.showDisableOrganization,
		"POST /organizations/{id}/disable":               c.disableOrganization,
		"POST /organizations/{id}/flags/{flag}/grant":    c.grantFlag,
		"GET /organizations/{id}/flags/{flag}/withdraw":  c.showWithdrawFlag,
		"POST /organizations/{id}/flags/{flag}/withdraw": c.withdrawFlag,
		"GET /organizations/{id}/sign-in":                c.freshly(c.showSignInSettings),
		"POST /organizations/{id}/sign-in":               c.setProvider,
		"POST /organizations/{id}/sign-in/passwords":     c.setPasswords,
		"GET /organizations/{id}/sign-in/delete":         c.freshly(c.showDeleteProvider),
		"POST /organizations/{id}/sign-in/delete":        c.deleteProvider,
	}
}

// maxForm is the maximum size of a form in bytes, except for image uploads.
const maxForm = 64 << 10

// handler turns h into an http.Handler. Pages are personal, so caches must not store them.
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

// sameOrigin refuses forms that a page of another site makes the browser send.
func (c *console) sameOrigin(next http.Handler) http.Handler {
	guard := http.NewCrossOriginProtection()
	if u, err := url.Parse(c.Address); err == nil && u.Host != "" {
		// A proxy may have changed the Host header, by which the guard would recognize our own origin.
		// The error is for addresses with a path, which the configuration rejects.
		_ = guard.AddTrustedOrigin(u.Scheme + "://" + u.Host)
	}
	var once sync.Once // anyone can send such forms, and must not be able to fill the log
	guard.SetDenyHandler(c.handler(func(_ http.ResponseWriter, r *http.Request) error {
		const refused = "This form came from another site. Nothing has changed."
		if r.Header.Get("Sec-Fetch-Site") != "" {
			return keyporter.Refuse(keyporter.Forbidden, refused) // the browser itself says so
		}
		once.Do(func() {
			c.Log.Warn("refused a form from another origin; if it is Keyporter's own, have the proxy pass on the host with its port, or set address; this is logged once",
				"origin", r.Header.Get("Origin"), "own_origin", c.address(r))
		})
		return keyporter.Refuse(keyporter.Forbidden, refused+" If a proxy is in front of Keyporter, it must pass on the host with its port, or “address” must be set.")
	}))
	return guard.Handler(next)
}

func redirect(to string) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		http.Redirect(w, r, to, http.StatusSeeOther)
		return nil
	}
}

// fragmentHeader is set by our script when it needs only a part of a page.
const fragmentHeader = "Keyporter-Fragment"

func wantsFragment(r *http.Request) bool { return r.Header.Get(fragmentHeader) != "" }

// address returns the URL at which people reach Keyporter, without a slash at the end.
func (c *console) address(r *http.Request) string {
	if c.Address != "" {
		return strings.TrimSuffix(c.Address, "/")
	}
	if c.Proxies.Secure(r) {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

// nobody returns the actor of a request from someone who isn't signed in, or may not be.
func (c *console) nobody(r *http.Request) keyporter.Actor { return web.Nobody(r, c.Proxies) }

// session returns the signed-in user as the actor of a request.
func (c *console) session(r *http.Request) (keyporter.Actor, error) {
	return c.Control.Session(r.Context(), c.nobody(r), web.Session(r, c.Proxies))
}

// signedIn returns a handler that runs p for users who are signed in.
func (c *console) signedIn(p page) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		actor, err := c.session(r)
		if err != nil {
			return err
		}
		return c.onceOnly(p)(w, r, actor)
	}
}

// unattended are the routes that pages ask by themselves.
func unattended() []string {
	return []string{
		"GET /tokens/live", "GET /tokens/{id}/row", "GET /tokens/{id}/report",
		"GET /connections/live", "GET /connections/{id}/row", "GET /connections/{id}/report",
	}
}

// unattended returns a handler like signedIn, for a request that isn't a use of the session.
func (c *console) unattended(p page) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		actor, err := c.Control.UnattendedSession(r.Context(), c.nobody(r), web.Session(r, c.Proxies))
		if err != nil {
			return err
		}
		return p(w, r, actor)
	}
}

// freshly returns a page whose form needs a fresh sign-in: it asks people to confirm that it's them
// before they fill it in.
func (c *console) freshly(p page) page {
	return func(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
		if !actor.Fresh(c.Now()) {
			return redirect(confirmFirst(r.URL.RequestURI()))(w, r)
		}
		return p(w, r, actor)
	}
}
