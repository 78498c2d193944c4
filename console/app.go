package console

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control"
)

// appsPage is the content of the list of apps.
type appsPage struct {
	List                 listing
	Rows                 []control.ListedApp
	Waiting              control.Total // for an operator's approval, of those that the search finds
	CanRegister          bool          // the reader may register apps
	CanSetPolicy         bool          // the reader may set which apps can be connected
	CanManageConnections bool          // the reader manages other users' connections
	IsOperator           bool
}

func (c *console) listApps(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	powers, err := c.Control.Powers(r.Context(), actor)
	if err != nil {
		return err
	}
	if !powers.SeeApps {
		return keyporter.PermissionRegisterApps.Lacking()
	}
	list := listing{Noun: "app", Path: "/apps", Hint: "Name"}.ask(r, "state")
	found, err := c.Control.ListApps(r.Context(), actor, control.AppList{Match: list.Match, State: keyporter.AppState(list.State), Paging: list.paging})
	if err != nil {
		return err
	}
	list.show(len(found.Apps), found.Selected, found.Cursors)
	list.part("All", "", found.All)
	list.part("Active", string(keyporter.AppActive), found.Active)
	list.part("Suspended", string(keyporter.AppSuspended), found.Suspended)
	if powers.Operate {
		list.part("Waiting for approval", string(keyporter.AppQuarantined), found.Quarantined)
	}
	l, err := c.layoutFor(r, actor, "Apps", appsPage{
		List: list, Rows: found.Apps, Waiting: found.Quarantined, IsOperator: powers.Operate,
		CanRegister: powers.RegisterApps, CanSetPolicy: powers.ManageOrganization, CanManageConnections: powers.ManageTokens,
	})
	if err != nil {
		return err
	}
	return c.show(w, r, http.StatusOK, "apps", l)
}

// appPage is the content of an app's page, and of the page that registers an app.
type appPage struct {
	control.AppProfile               // the stored app; no ID if it is being registered
	Typed              keyporter.App // the settings in the form
	Kind               string        // of an app that is being registered, see appKinds
	Explicit           bool          // the form says how it proves its identity
	Choices            []scopeChoice
	ReaderOrganization keyporter.Organization
	Fault              fault // of the settings
	ImageFault         fault
	PeopleFault        fault
	Login              string // of the person to add, as typed
	Secret             string // in plain text, only in the response that creates it
	SecretID           keyporter.ID
	WebhookSecret      string // in plain text, only in the response that creates it
	Issuer             string // URL of the authorization server
	MaxDescription     int    // in characters
}

// scopeChoice is a scope in the form of an app.
type scopeChoice struct {
	keyporter.Scope
	Asks     bool // the app may ask for it
	Optional bool // users can refuse it
	Gone     bool // it is no longer configured
}

// scopes returns the scopes that apps may ask for: the configured ones, then those of OpenID Connect.
func (c *console) scopes() []keyporter.Scope {
	return slices.Concat(c.Scopes, keyporter.OpenIDScopes())
}

// scopeMeans returns a phrase that completes "This app may …". For a scope that is no longer
// configured, only its name is known.
func (c *console) scopeMeans(name string) string {
	if s, _ := keyporter.FindScope(c.Scopes, name); s.Means != "" {
		return s.Means
	}
	return "use “" + name + "”"
}

func (c *console) scopeChoices(chosen []keyporter.AppScope) (all []scopeChoice) {
	known := c.scopes()
	for _, s := range chosen {
		if !slices.ContainsFunc(known, func(k keyporter.Scope) bool { return k.Name == s.Name }) {
			all = append(all, scopeChoice{Scope: keyporter.Scope{Name: s.Name, Means: "no longer configured"}, Asks: true, Optional: s.Optional, Gone: true})
		}
	}
	for _, k := range known {
		choice := scopeChoice{Scope: k}
		for _, s := range chosen {
			if s.Name == k.Name {
				choice.Asks, choice.Optional = true, s.Optional
			}
		}
		all = append(all, choice)
	}
	return all
}

func (p appPage) URIs() string { return strings.Join(p.Typed.RedirectURIs, "\n") }

// UsesSecrets reports whether the app authenticates with secrets.
func (p appPage) UsesSecrets() bool { return p.Authentication == keyporter.AppSecret }

// readApp reads an app from a form. Settings that are only for operators keep their value otherwise.
func readApp(r *http.Request, before keyporter.App, operator bool) keyporter.App {
	a, on := before, func(field string) bool { return r.PostFormValue(field) != "" }
	a.Version, _ = strconv.Atoi(r.PostFormValue("version"))
	a.Name, a.Publisher, a.Description = r.PostFormValue("name"), r.PostFormValue("publisher"), r.PostFormValue("description")
	a.HomePage, a.Webhook = r.PostFormValue("home_page"), r.PostFormValue("webhook")
	a.Authentication, a.Keys = keyporter.AppAuthentication(r.PostFormValue("authentication")), r.PostFormValue("keys")
	a.Device, a.OwnTokens, a.JWT, a.ES256 = on("device"), on("own_tokens"), on("jwt"), on("es256")
	a.RedirectURIs, a.Scopes = nil, nil
	for line := range strings.Lines(r.PostFormValue("redirect_uris")) {
		if line = strings.TrimSpace(line); line != "" {
			a.RedirectURIs = append(a.RedirectURIs, line)
		}
	}
	for field, values := range r.PostForm {
		if name, ok := strings.CutPrefix(field, "scope."); ok && (values[0] == "asks" || values[0] == "optional") {
			a.Scopes = append(a.Scopes, keyporter.AppScope{Name: name, Optional: values[0] == "optional"})
		}
	}
	slices.SortFunc(a.Scopes, func(x, y keyporter.AppScope) int { return strings.Compare(x.Name, y.Name) })
	if operator {
		a.Verified, a.WithoutPKCE, a.Introspects = on("verified"), on("without_pkce"), on("introspects")
	}
	return a
}

func (c *console) newApp(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	p, err := c.newAppPage(r, actor)
	if err != nil {
		return err
	}
	p.Kind, p.Typed = "server", keyporter.App{Publisher: p.ReaderOrganization.Name, OrganizationID: p.ReaderOrganization.ID}
	return c.showAppPage(w, r, actor, http.StatusOK, p)
}

func (c *console) newAppPage(r *http.Request, actor keyporter.Actor) (p appPage, err error) {
	powers, err := c.Control.Powers(r.Context(), actor)
	if err != nil {
		return p, err
	}
	if !powers.RegisterApps {
		return p, keyporter.PermissionRegisterApps.Lacking()
	}
	p.IsOperator, p.CanManage = powers.Operate, true
	p.ReaderOrganization, err = c.Control.Organization(r.Context(), actor)
	return p, err
}

func (c *console) showAppPage(w http.ResponseWriter, r *http.Request, actor keyporter.Actor, status int, p appPage) error {
	title := p.Name
	if p.ID == "" {
		title = "Register an app"
	}
	p.Choices, p.Issuer, p.MaxDescription = c.scopeChoices(p.Typed.Scopes), cmp.Or(c.Issuer, c.address(r)), control.MaxDescriptionLen
	l, err := c.layoutFor(r, actor, title, p)
	if err != nil {
		return err
	}
	return c.show(w, r, status, "app", l)
}

func (c *console) registerApp(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	p, err := c.newAppPage(r, actor)
	if err != nil {
		return err
	}
	typed := readApp(r, keyporter.App{}, p.IsOperator)
	p.Kind, p.Explicit, p.Typed = readKind(r), typed.Authentication != "", asKind(typed, readKind(r))
	p.Typed.OrganizationID = p.ReaderOrganization.ID
	if p.IsOperator && r.PostFormValue("for") == "instance" {
		p.Typed.OrganizationID = ""
	}
	made, err := c.Control.RegisterApp(r.Context(), actor, p.Typed)
	if err == nil {
		return c.registered(w, r, actor, made)
	}
	var other error
	if p.Fault, other = faultOf(err); other != nil {
		return other
	}
	return c.showAppPage(w, r, actor, status(err), p)
}

func appPath(id keyporter.ID) string { return "/apps/" + string(id) }

func (c *console) showApp(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	p, err := c.appPage(r, actor)
	if err != nil {
		return err
	}
	of, secret, err := c.revealed(w, r, actor)
	if err != nil {
		return err
	}
	if of == webhookSecretOf(p.ID) {
		p.WebhookSecret = secret
	} else if secret != "" {
		p.Secret, p.SecretID = secret, keyporter.ID(of)
	}
	return c.showAppPage(w, r, actor, http.StatusOK, p)
}

// webhookSecretOf names the secret of an app's webhook, apart from those of the app.
func webhookSecretOf(app keyporter.ID) string { return "webhook-" + string(app) }

// appPage loads the page of a stored app.
func (c *console) appPage(r *http.Request, actor keyporter.Actor) (p appPage, err error) {
	if p.AppProfile, err = c.Control.App(r.Context(), actor, id(r)); err != nil {
		return p, err
	}
	p.Typed = p.App
	p.ReaderOrganization, err = c.Control.Organization(r.Context(), actor)
	return p, err
}

func (c *console) updateApp(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	p, err := c.appPage(r, actor)
	if err != nil {
		return err
	}
	typed := readApp(r, p.App, p.IsOperator)
	_, err = c.Control.UpdateApp(r.Context(), actor, typed)
	if err == nil {
		return c.finish(w, r, appPath(p.ID), "saved")
	}
	var other error
	if p.Fault, other = faultOf(err); other != nil || !p.CanManage {
		return err
	}
	if typed.Version == p.Version { // otherwise, someone else changed it, and the page shows it as it is now
		p.Typed = typed
	}
	return c.showAppPage(w, r, actor, status(err), p)
}

// registered leads to the page of a new app. If it needs a secret, and the reader has just signed in, it has one.
func (c *console) registered(w http.ResponseWriter, r *http.Request, actor keyporter.Actor, made keyporter.App) error {
	if made.Authentication != keyporter.AppSecret || !actor.Fresh(c.Now()) {
		return c.finish(w, r, appPath(made.ID), "registered")
	}
	s, secret, err := c.Control.AddAppSecret(r.Context(), actor, made.ID)
	if err != nil {
		return c.finish(w, r, appPath(made.ID), "registered") // the page offers to add one
	}
	return c.reveal(w, r, actor, newSecret{appPath(made.ID), string(s.ID), secret.Reveal()})
}
