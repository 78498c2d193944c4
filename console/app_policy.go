package console

import (
	"net/http"
	"slices"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control"
)

// policyPage is the content of the page that sets which apps users of an organization can connect.
type policyPage struct {
	control.AppPolicy
	Choices      []appChoice
	Organization string
	Fault        fault
}

// appChoice is an app that can be allowed.
type appChoice struct {
	keyporter.App
	Chosen bool
}

func (c *console) showPolicy(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	p, err := c.Control.AppPolicy(r.Context(), actor)
	if err != nil {
		return err
	}
	return c.showPolicyPage(w, r, actor, http.StatusOK, policyPage{AppPolicy: p})
}

func (c *console) showPolicyPage(w http.ResponseWriter, r *http.Request, actor keyporter.Actor, status int, p policyPage) error {
	for _, a := range p.Apps {
		p.Choices = append(p.Choices, appChoice{a, slices.Contains(p.Listed, a.ID)})
	}
	l, err := c.layoutFor(r, actor, "Which apps users can connect", p)
	if err != nil {
		return err
	}
	p.Organization = l.Organization
	l.Page = p
	return c.show(w, r, status, "app-policy", l)
}

func (c *console) setPolicy(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	policy, listed := keyporter.AppPolicy(r.PostFormValue("policy")), ids(r, "app")
	err := c.Control.SetAppPolicy(r.Context(), actor, policy, listed)
	if err == nil {
		return c.finish(w, r, "/apps/policy", "saved")
	}
	f, other := faultOf(err)
	if other != nil || keyporter.KindOf(err) == keyporter.Forbidden {
		return err
	}
	p, other := c.Control.AppPolicy(r.Context(), actor)
	if other != nil {
		return other
	}
	p.Policy, p.Listed = policy, listed
	return c.showPolicyPage(w, r, actor, status(err), policyPage{AppPolicy: p, Fault: f})
}
