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
			"An operator runs this Keyporter: he sees all organizations, adds and suspends them, grants them features and takes these away, and manages the users of all of them.",
			"He can also make others operators, and end that for anybody but himself: for you, too.",
		},
	})
}

func (c *console) appoint(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	if err := c.Control.AppointOperator(r.Context(), actor, id(r)); err != nil {
		return err
	}
	return finish(w, r, "/users/"+string(id(r)), "appointed")
}

func (c *console) showDismiss(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	return c.askOperator(w, r, actor, confirmPage{
		Heading: "Should %s be an operator no longer?", Submit: "End it", Action: "dismiss",
		Texts: []string{"He sees and does from now on what his roles in his own organization allow, and no more. His tokens go on working."},
	})
}

func (c *console) dismiss(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	if err := c.Control.DismissOperator(r.Context(), actor, id(r)); err != nil {
		return err
	}
	return finish(w, r, "/users/"+string(id(r)), "dismissed")
}

// askOperator asks an operator something about a user, whose login name goes into the heading.
func (c *console) askOperator(w http.ResponseWriter, r *http.Request, actor keyporter.Actor, p confirmPage) error {
	u, err := c.Control.Profile(r.Context(), actor, id(r))
	if err != nil {
		return err
	}
	if !u.Appoints {
		return keyporter.Refuse(keyporter.Forbidden, "Only an operator of this Keyporter may do that.")
	}
	p.Heading, p.Back = fmt.Sprintf(p.Heading, u.Login), "/users/"+string(u.ID)
	p.Action = p.Back + "/" + p.Action
	return c.confirm(w, r, actor, http.StatusOK, p)
}
