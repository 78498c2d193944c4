package console

import (
	"net/http"
	"slices"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control"
)

// organizationsPage is the content of the list of organizations.
type organizationsPage struct {
	Rows        []control.OrganizationSummary
	Own         keyporter.ID // the reader's organization
	Match       string       // the search, as typed
	First, Next string       // paths of other pages; empty: there is none
}

func (c *console) listOrganizations(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	q := r.URL.Query()
	all, err := c.Control.Organizations(r.Context(), actor, q.Get("q"), keyporter.ID(q.Get("after")))
	if err != nil {
		return err
	}
	p := organizationsPage{Rows: all, Own: actor.User.OrganizationID, Match: q.Get("q")}
	if q.Get("after") != "" {
		p.First = pageURL(r, "")
	}
	if len(all) == control.MaxPage {
		p.Next = pageURL(r, all[len(all)-1].ID)
	}
	l, err := c.layoutFor(r, actor, "Organizations", p)
	if err != nil {
		return err
	}
	return c.show(w, r, http.StatusOK, "organizations", l)
}

// organizationForm is the content of the page that adds an organization.
type organizationForm struct {
	Name  string // as typed
	Flags []keyporter.FlagInfo
	Fault fault
}

func (c *console) newOrganization(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	return c.askOrganization(w, r, actor, nil)
}

func (c *console) askOrganization(w http.ResponseWriter, r *http.Request, actor keyporter.Actor, err error) error {
	if !actor.User.Operator {
		return keyporter.OperatorsOnly()
	}
	f, other := faultOf(err)
	if other != nil {
		return other
	}
	code, p := status(err), organizationForm{Name: r.PostFormValue("organization"), Fault: f}
	p.Flags = slices.DeleteFunc(keyporter.Flags(), func(f keyporter.FlagInfo) bool { return !f.Default })
	l, err := c.layoutFor(r, actor, "New organization", p)
	if err != nil {
		return err
	}
	return c.show(w, r, code, "organization-new", l)
}

func (c *console) createOrganization(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	o, err := c.Control.CreateOrganization(r.Context(), actor, r.PostFormValue("organization"))
	if err != nil {
		return c.askOrganization(w, r, actor, err)
	}
	return c.finish(w, r, organizationPath(o.ID), "made")
}

func organizationPath(id keyporter.ID) string { return "/organizations/" + string(id) }

// organizationPage is the content of the page of one organization.
type organizationPage struct {
	control.OrganizationSummary
	Own      bool // it is the reader's organization
	Features []feature
	Rows     []userRow // the first fewUsers of its users
	SignIn   control.SignInSettings
}

// feature is a flag, and whether the organization has it.
type feature struct {
	keyporter.FlagInfo
	Granted bool
}

// fewUsers is how many users the page of an organization shows. The list of users has them all.
const fewUsers = 10

func (c *console) showOrganization(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	o, err := c.Control.OrganizationByID(r.Context(), actor, id(r))
	if err != nil {
		return err
	}
	p := organizationPage{OrganizationSummary: o, Own: o.ID == actor.User.OrganizationID}
	for _, f := range keyporter.Flags() {
		p.Features = append(p.Features, feature{FlagInfo: f, Granted: o.Has(f.Flag)})
	}
	users, err := c.Control.ListUsers(r.Context(), actor, control.UserSearch{OrganizationID: o.ID})
	if err != nil {
		return err
	}
	roles, err := c.Control.Roles(r.Context(), actor, o.ID)
	if err != nil {
		return err
	}
	if p.SignIn, err = c.Control.SignInSettings(r.Context(), actor, o.ID); err != nil {
		return err
	}
	p.Rows = userRows(users.Users[:min(len(users.Users), fewUsers)], roles, actor)
	l, err := c.layoutFor(r, actor, o.Name, p)
	if err != nil {
		return err
	}
	return c.show(w, r, http.StatusOK, "organization", l)
}

func (c *console) enableOrganization(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	if err := c.Control.EnableOrganization(r.Context(), actor, id(r)); err != nil {
		return err
	}
	return c.finish(w, r, organizationPath(id(r)), "resumed")
}

func (c *console) showDisableOrganization(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	o, err := c.Control.OrganizationByID(r.Context(), actor, id(r))
	if err != nil {
		return err
	}
	tokens, err := c.Control.TokensInUse(r.Context(), actor, o.ID)
	if err != nil {
		return err
	}
	return c.confirm(w, r, actor, http.StatusOK, confirmPage{
		Heading: "Suspend “" + o.Name + "”?", Action: organizationPath(o.ID) + "/disable", Submit: "Suspend", Back: organizationPath(o.ID),
		Texts: []string{
			countOf(o.ActiveUsers, "active user") + " will be signed out and can’t sign in.",
			countOf(tokens, "token") + " used in the last 30 days will stop working.",
			"Nothing is deleted. When the suspension is lifted, everything works again.",
		},
	})
}

// countOf counts things, such as "No tokens", "1 token", or "1,234 tokens".
func countOf(n int, thing string) string {
	switch n {
	case 0:
		return "No " + thing
	case 1:
		return "1 " + thing
	}
	return count(n) + " " + thing + "s"
}

func (c *console) disableOrganization(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	if err := c.Control.DisableOrganization(r.Context(), actor, id(r)); err != nil {
		return err
	}
	return c.finish(w, r, organizationPath(id(r)), "suspended")
}

func (c *console) grantFlag(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	if err := c.Control.GrantFlag(r.Context(), actor, id(r), flag(r)); err != nil {
		return err
	}
	return c.finish(w, r, organizationPath(id(r)), "granted")
}

// showWithdrawFlag asks whether to withdraw a feature. It shows operators how many tokens stop
// working, but not which: that is the organization's business.
func (c *console) showWithdrawFlag(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	o, err := c.Control.OrganizationByID(r.Context(), actor, id(r))
	if err != nil {
		return err
	}
	tokens, err := c.Control.TokensUnder(r.Context(), actor, o.ID, flag(r))
	if err != nil {
		return err
	}
	p := confirmPage{
		Heading: "Withdraw “" + flag(r).Name() + "” from “" + o.Name + "”?", Submit: "Withdraw",
		Action: organizationPath(o.ID) + "/flags/" + string(flag(r)) + "/withdraw", Back: organizationPath(o.ID),
		Texts: []string{countOf(tokens, "token") + " used in the last 30 days will stop working.", "Nothing is deleted. Grant it again, and everything is as it was."},
	}
	if flag(r) == keyporter.FlagCustomUserRoles {
		p.Texts[0] = "Its custom roles stay in effect. They can be deleted, but not created or changed."
	}
	return c.confirm(w, r, actor, http.StatusOK, p)
}

func (c *console) withdrawFlag(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	if err := c.Control.WithdrawFlag(r.Context(), actor, id(r), flag(r)); err != nil {
		return err
	}
	return c.finish(w, r, organizationPath(id(r)), "withdrawn")
}

func flag(r *http.Request) keyporter.Flag { return keyporter.Flag(r.PathValue("flag")) }
