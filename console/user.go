package console

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control"
)

// usersPage is the content of the list of users.
type usersPage struct {
	Organization keyporter.Organization
	Own          bool // it is the reader's organization
	List         listing
	Rows         []userRow
}

// userRow is a user in a list.
type userRow struct {
	keyporter.User
	Roles []string // names of the user's roles
	Self  bool     // the reader
}

// userRows returns rows for users.
func userRows(users []keyporter.User, roles []keyporter.Role, actor keyporter.Actor) []userRow {
	names := map[keyporter.ID]string{}
	for _, r := range roles {
		names[r.ID] = r.Name
	}
	rows := make([]userRow, len(users))
	for i, u := range users {
		rows[i] = userRow{User: u, Self: u.ID == actor.User.ID}
		for _, id := range u.RoleIDs {
			rows[i].Roles = append(rows[i].Roles, names[id])
		}
	}
	return rows
}

// organizationOf returns the organization that a list or form is about: the reader's own or, for
// operators, the one that the request names.
func (c *console) organizationOf(r *http.Request, actor keyporter.Actor) (keyporter.Organization, error) {
	named := keyporter.ID(r.FormValue("organization"))
	if named == "" || named == actor.User.OrganizationID {
		return c.Control.Organization(r.Context(), actor)
	}
	if !actor.User.Operator {
		return keyporter.Organization{}, keyporter.Refuse(keyporter.NotFound, "There is no such organization.")
	}
	o, err := c.Control.OrganizationByID(r.Context(), actor, named)
	return o.Organization, err
}

func (c *console) listUsers(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	org, err := c.organizationOf(r, actor)
	if err != nil {
		return err
	}
	p := usersPage{Organization: org, Own: org.ID == actor.User.OrganizationID, List: listing{Noun: "user", Path: "/users", Hint: "Login name"}.ask(r, "state")}
	if !p.Own {
		p.List.of = url.Values{"organization": {string(org.ID)}}
	}
	found, err := c.Control.ListUsers(r.Context(), actor, control.UserSearch{
		OrganizationID: org.ID, Match: p.List.Match, State: keyporter.UserState(p.List.State), Paging: p.List.paging,
	})
	if err != nil {
		return err
	}
	roles, err := c.Control.Roles(r.Context(), actor, org.ID)
	if err != nil {
		return err
	}
	p.Rows = userRows(found.Users, roles, actor)
	p.List.show(len(found.Users), found.Selected, found.Cursors)
	p.List.part("All", "", found.All)
	p.List.part("Active", string(keyporter.UserActive), found.Active)
	p.List.part("Switched off", string(keyporter.UserInactive), found.Inactive)
	l, err := c.layoutFor(r, actor, "Users", p)
	if err != nil {
		return err
	}
	return c.show(w, r, http.StatusOK, "users", l)
}

// pageURL returns the path and query of another page of the same list.
func pageURL(r *http.Request, after keyporter.ID) string {
	q := r.URL.Query()
	q.Del("after")
	q.Del(doneField)
	q.Del(proofField)
	if after != "" {
		q.Set("after", string(after))
	}
	return (&url.URL{Path: r.URL.Path, RawQuery: q.Encode()}).String()
}

// userForm is the content of the page that adds a user.
type userForm struct {
	Organization keyporter.Organization
	Own          bool
	Login        string // as typed
	Choices      []roleChoice
	MinPassword  int
	Fault        fault
}

// roleChoice is a role in a form.
type roleChoice struct {
	keyporter.Role
	Chosen bool
}

func roleChoices(roles []keyporter.Role, chosen []keyporter.ID) []roleChoice {
	all := make([]roleChoice, len(roles))
	for i, r := range roles {
		all[i] = roleChoice{Role: r, Chosen: slices.Contains(chosen, r.ID)}
	}
	return all
}

func (c *console) newUser(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	return c.askUser(w, r, actor, nil)
}

// askUser shows the form for a new user, along with err if it isn't nil.
func (c *console) askUser(w http.ResponseWriter, r *http.Request, actor keyporter.Actor, err error) error {
	f, other := faultOf(err)
	if other != nil {
		return other
	}
	code, p := status(err), userForm{Login: r.PostFormValue("login"), MinPassword: control.MinPasswordLen, Fault: f}
	chosen := ids(r, "role")
	if err == nil {
		chosen = []keyporter.ID{keyporter.RoleAPIUser}
	}
	org, err := c.organizationOf(r, actor)
	if err != nil {
		return err
	}
	// Listing users takes the same permission as adding one.
	if _, err := c.Control.ListUsers(r.Context(), actor, control.UserSearch{OrganizationID: org.ID}); err != nil {
		return err
	}
	roles, err := c.Control.Roles(r.Context(), actor, org.ID)
	if err != nil {
		return err
	}
	p.Organization, p.Own, p.Choices = org, org.ID == actor.User.OrganizationID, roleChoices(roles, chosen)
	l, err := c.layoutFor(r, actor, "Add a user", p)
	if err != nil {
		return err
	}
	return c.show(w, r, code, "user-new", l)
}

// ids returns the values of a form's field as IDs.
func ids(r *http.Request, field string) []keyporter.ID {
	var all []keyporter.ID
	for _, v := range r.PostForm[field] {
		all = append(all, keyporter.ID(v))
	}
	return all
}

func (c *console) createUser(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	org, err := c.organizationOf(r, actor)
	if err != nil {
		return err
	}
	u, err := c.Control.CreateUser(r.Context(), actor, control.NewUser{
		OrganizationID: org.ID, Login: strings.TrimSpace(r.PostFormValue("login")), Password: r.PostFormValue("password"), RoleIDs: ids(r, "role"),
	})
	if err != nil {
		return c.askUser(w, r, actor, err)
	}
	return c.finish(w, r, "/users/"+string(u.ID), "made")
}

// userPage is the content of the page of one user.
type userPage struct {
	control.Profile
	Self    bool // the reader
	Own     bool // of the reader's organization
	Tokens  bool // the reader manages this user's tokens
	Choices []roleChoice
	Fault   fault
	Impact  *impactPart // nil: no preview
}

// userPage loads the page of a user.
func (c *console) userPage(r *http.Request, actor keyporter.Actor) (p userPage, err error) {
	if p.Profile, err = c.Control.Profile(r.Context(), actor, id(r)); err != nil {
		return p, err
	}
	p.Self, p.Own = p.ID == actor.User.ID, p.OrganizationID == actor.User.OrganizationID
	roles, err := c.Control.Roles(r.Context(), actor, p.OrganizationID)
	if err != nil {
		return p, err
	}
	p.Choices = roleChoices(roles, p.RoleIDs)
	powers, err := c.Control.Powers(r.Context(), actor)
	p.Tokens = powers.ManageTokens && p.Own
	return p, err
}

func (c *console) showUserPage(w http.ResponseWriter, r *http.Request, actor keyporter.Actor, status int, p userPage) error {
	l, err := c.layoutFor(r, actor, p.Login, p)
	if err != nil {
		return err
	}
	return c.show(w, r, status, "user", l)
}

func (c *console) showUser(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	p, err := c.userPage(r, actor)
	if err != nil {
		return err
	}
	return c.showUserPage(w, r, actor, http.StatusOK, p)
}

func userRolesForm(r *http.Request) control.UserRoles {
	return control.UserRoles{UserID: id(r), RoleIDs: ids(r, "role"), Shown: ids(r, "shown")}
}

func (c *console) setUserRoles(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	in := userRolesForm(r)
	err := c.Control.ChangeUserRoles(r.Context(), actor, in)
	if err == nil {
		return c.finish(w, r, "/users/"+string(in.UserID), "saved")
	}
	f, other := faultOf(err)
	if other != nil {
		return other
	}
	p, other := c.userPage(r, actor)
	if other != nil {
		return other
	}
	p.Fault = f
	p.choose(in)
	return c.showUserPage(w, r, actor, status(err), p)
}

// choose keeps what the reader chose, unless the roles have changed in the meantime.
func (p *userPage) choose(in control.UserRoles) {
	shown := slices.Clone(in.Shown)
	slices.Sort(shown)
	if !slices.Equal(shown, p.RoleIDs) {
		return
	}
	for i := range p.Choices {
		p.Choices[i].Chosen = slices.Contains(in.RoleIDs, p.Choices[i].ID)
	}
}

func (c *console) previewUserRoles(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	in := userRolesForm(r)
	p, err := c.userPage(r, actor)
	if err != nil {
		return err
	}
	i, err := c.Control.PreviewUserRoles(r.Context(), actor, in)
	if p.Impact, err = c.previewOf(i, err); err != nil {
		return err
	}
	if wantsFragment(r) {
		return c.render(w, http.StatusOK, "user", "impact", p.Impact)
	}
	p.choose(in)
	return c.showUserPage(w, r, actor, http.StatusOK, p)
}

func (c *console) enableUser(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	if err := c.Control.EnableUser(r.Context(), actor, id(r)); err != nil {
		return err
	}
	return c.finish(w, r, "/users/"+string(id(r)), "enabled")
}

func (c *console) showDisableUser(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	i, err := c.Control.PreviewDisable(r.Context(), actor, id(r))
	return c.askDisableUser(w, r, actor, i, err)
}

// askDisableUser asks whether to switch a user off, or says why that isn't possible.
func (c *console) askDisableUser(w http.ResponseWriter, r *http.Request, actor keyporter.Actor, i control.Impact, err error) error {
	u, other := c.Control.Profile(r.Context(), actor, id(r))
	if other != nil {
		return other
	}
	i.Users, i.Losing, i.Gaining, i.Changing = nil, 0, 0, 0 // the text says that the user loses everything
	p := confirmPage{
		Heading: "Switch off " + u.Login + "?", Action: "/users/" + string(u.ID) + "/disable", Submit: "Switch off", Back: "/users/" + string(u.ID),
		Texts: []string{"They are signed out right away and can’t sign in, and their tokens stop working. Nothing is deleted: switch the user on again to bring everything back."},
	}
	if len(i.Tokens)+len(i.Silenced) > 0 || err != nil {
		p.Impact, other = c.previewOf(i, err)
	} else {
		p.Texts = append(p.Texts, "No token used in the last 30 days stops working.")
	}
	if other != nil {
		return other
	}
	return c.confirm(w, r, actor, status(err), p)
}

func (c *console) disableUser(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	if err := c.Control.DisableUser(r.Context(), actor, id(r)); err != nil {
		return c.askDisableUser(w, r, actor, control.Impact{}, err)
	}
	return c.finish(w, r, "/users/"+string(id(r)), "disabled")
}

// passwordForm is the content of the page that sets a user's password.
type passwordForm struct {
	User        keyporter.User
	Self        bool
	MinPassword int
	Fault       fault
}

func (c *console) showPassword(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	return c.askPassword(w, r, actor, nil)
}

func (c *console) askPassword(w http.ResponseWriter, r *http.Request, actor keyporter.Actor, err error) error {
	u, other := c.Control.Profile(r.Context(), actor, id(r))
	if other != nil {
		return other
	}
	if err == nil && u.WhyNot != "" {
		err = keyporter.Refuse(keyporter.Forbidden, u.WhyNot)
	}
	f, other := faultOf(err)
	if other != nil {
		return other
	}
	code, p := status(err), passwordForm{User: u.User, Self: u.ID == actor.User.ID, MinPassword: control.MinPasswordLen, Fault: f}
	l, err := c.layoutFor(r, actor, "New password", p)
	if err != nil {
		return err
	}
	return c.show(w, r, code, "password", l)
}

func (c *console) setPassword(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	var err error
	if password := r.PostFormValue("password"); id(r) == actor.User.ID {
		err = c.Control.ChangePassword(r.Context(), actor, r.PostFormValue("old"), password)
	} else {
		err = c.Control.SetPassword(r.Context(), actor, id(r), password)
	}
	if err != nil {
		return c.askPassword(w, r, actor, err)
	}
	return c.finish(w, r, "/users/"+string(id(r)), "password")
}
