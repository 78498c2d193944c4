package console

import (
	"net/http"
	"strings"

	"github.com/keyporter/keyporter"
)

// signInSettingsPage is the content of the page that sets how users of an organization sign in.
type signInSettingsPage struct {
	Organization keyporter.Organization
	Provider     *keyporter.IdentityProvider // nil: it has none
	Passwords    bool
	Callback     string // redirect URI to register with the provider

	// As typed, or as stored.
	Name, Issuer, ClientID, Domains string
	RoleID                          keyporter.ID
	Roles                           []keyporter.Role
	Fault                           fault
}

func signInPath(organization keyporter.ID) string { return organizationPath(organization) + "/sign-in" }

func (c *console) showSignInSettings(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	p, err := c.signInSettings(r, actor)
	if err != nil {
		return err
	}
	p.RoleID = keyporter.RoleMember
	if p.Provider != nil {
		p.Name, p.Issuer, p.ClientID = p.Provider.Name, p.Provider.Issuer, p.Provider.ClientID
		p.Domains, p.RoleID = strings.Join(p.Provider.Domains, " "), p.Provider.RoleID
	}
	return c.askSignIn(w, r, actor, http.StatusOK, p)
}

func (c *console) signInSettings(r *http.Request, actor keyporter.Actor) (p signInSettingsPage, err error) {
	o, err := c.Control.OrganizationByID(r.Context(), actor, id(r))
	if err != nil {
		return p, err
	}
	s, err := c.Control.SignInSettings(r.Context(), actor, o.ID)
	if err != nil {
		return p, err
	}
	p = signInSettingsPage{Organization: o.Organization, Provider: s.Provider, Passwords: s.Passwords, Callback: c.address(r) + callbackPath}
	p.Roles, err = c.Control.Roles(r.Context(), actor, o.ID)
	return p, err
}

func (c *console) askSignIn(w http.ResponseWriter, r *http.Request, actor keyporter.Actor, code int, p signInSettingsPage) error {
	l, err := c.layoutFor(r, actor, "Sign-in of "+p.Organization.Name, p)
	if err != nil {
		return err
	}
	return c.show(w, r, code, "organization-sign-in", l)
}

func (c *console) setProvider(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	in := keyporter.IdentityProvider{
		OrganizationID: id(r), Name: r.PostFormValue("name"), Issuer: r.PostFormValue("issuer"), ClientID: r.PostFormValue("client"),
		Domains: strings.FieldsFunc(r.PostFormValue("domains"), func(c rune) bool { return c == ',' || c == ' ' || c == '\n' || c == '\r' || c == '\t' }),
		RoleID:  keyporter.ID(r.PostFormValue("role")),
	}
	_, err := c.Control.SetIdentityProvider(r.Context(), actor, in, r.PostFormValue("secret"))
	if err == nil {
		return c.finish(w, r, signInPath(id(r)), "provider")
	}
	p, other := c.signInSettings(r, actor)
	if other != nil {
		return other
	}
	if p.Fault, other = faultOf(err); other != nil {
		return other
	}
	p.Name, p.Issuer, p.ClientID, p.Domains, p.RoleID = in.Name, in.Issuer, in.ClientID, r.PostFormValue("domains"), in.RoleID
	return c.askSignIn(w, r, actor, status(err), p)
}

func (c *console) setPasswords(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	if err := c.Control.SetPasswords(r.Context(), actor, id(r), r.PostFormValue("on") != ""); err != nil {
		return err
	}
	return c.finish(w, r, signInPath(id(r)), "sign-in")
}

func (c *console) showDeleteProvider(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	o, err := c.Control.OrganizationByID(r.Context(), actor, id(r))
	if err != nil {
		return err
	}
	s, err := c.Control.SignInSettings(r.Context(), actor, o.ID)
	if err != nil {
		return err
	}
	if s.Provider == nil {
		return keyporter.Refuse(keyporter.NotFound, "There is no such identity provider.")
	}
	return c.confirm(w, r, actor, http.StatusOK, confirmPage{
		Heading: "Remove “" + s.Provider.Name + "”?", Action: signInPath(o.ID) + "/delete", Submit: "Remove", Back: signInPath(o.ID),
		Texts: []string{
			"Users of " + o.Name + " sign in with passwords from then on. Users whom the provider created have no password until someone who manages users sets one.",
			"People who signed in there are signed out right away. No token stops working.",
		},
	})
}

func (c *console) deleteProvider(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	if err := c.Control.DeleteIdentityProvider(r.Context(), actor, id(r)); err != nil {
		return err
	}
	return c.finish(w, r, signInPath(id(r)), "deleted")
}
