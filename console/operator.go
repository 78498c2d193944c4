package console

import (
	"fmt"
	"net/http"

	"github.com/keyporter/keyporter"
)

func (c *console) showAppoint(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	return c.askOperator(w, r, actor, confirmPage{
		Heading: "Make %s an operator?", Submit: "Make operator", Action: "appoint",
		Texts: []string{
			"Operators run this Keyporter: they see all organizations, add and suspend them, grant and withdraw their features, and manage all of their users.",
			"They can also make other people operators, and remove any operator but themselves, including you.",
		},
	})
}

func (c *console) appoint(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	if err := c.Control.AppointOperator(r.Context(), actor, id(r)); err != nil {
		return err
	}
	return c.finish(w, r, "/users/"+string(id(r)), "appointed")
}

func (c *console) showDismiss(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	return c.askOperator(w, r, actor, confirmPage{
		Heading: "Remove %s as an operator?", Submit: "End it", Action: "dismiss",
		Texts: []string{"From now on, they can see and do only what their roles in their own organization allow. Their tokens keep working."},
	})
}

func (c *console) dismiss(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	if err := c.Control.DismissOperator(r.Context(), actor, id(r)); err != nil {
		return err
	}
	return c.finish(w, r, "/users/"+string(id(r)), "dismissed")
}

// askOperator asks an operator to confirm a change to a user. It puts the user's login name into the
// heading, and the user's path in front of the action.
func (c *console) askOperator(w http.ResponseWriter, r *http.Request, actor keyporter.Actor, p confirmPage) error {
	u, err := c.Control.Profile(r.Context(), actor, id(r))
	if err != nil {
		return err
	}
	if !u.CanChangeOperator {
		return keyporter.OperatorsOnly()
	}
	p.Heading, p.Back = fmt.Sprintf(p.Heading, u.Login), "/users/"+string(u.ID)
	p.Action = p.Back + "/" + p.Action
	return c.confirm(w, r, actor, http.StatusOK, p)
}
