package console

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control"
)

// rolesPage is the content of the list of roles.
type rolesPage struct {
	Roles        []control.RoleWithHolders // predefined ones, then the organization's own
	Custom       int                       // how many are the organization's own
	Organization string
	CanCreate    bool   // the reader may create roles, and the organization has the feature
	WhyNot       string // why the reader can't, if only the feature is missing
}

func (c *console) listRoles(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	roles, err := c.Control.RolesWithHolders(r.Context(), actor, actor.User.OrganizationID)
	if err != nil {
		return err
	}
	manages, org, err := c.managesRoles(r, actor)
	if err != nil {
		return err
	}
	p := rolesPage{Roles: roles, Custom: len(roles) - len(keyporter.PredefinedRoles()), Organization: org.Name, CanCreate: manages}
	if manages && !org.Has(keyporter.FlagCustomUserRoles) {
		p.CanCreate, p.WhyNot = false, noCustomRoles(org)
	}
	l, err := c.layoutFor(r, actor, "Roles", p)
	if err != nil {
		return err
	}
	return c.show(w, r, http.StatusOK, "roles", l)
}

// managesRoles reports whether the actor manages roles, and in which organization.
func (c *console) managesRoles(r *http.Request, actor keyporter.Actor) (bool, keyporter.Organization, error) {
	org, err := c.Control.Organization(r.Context(), actor)
	if err != nil {
		return false, org, err
	}
	powers, err := c.Control.Powers(r.Context(), actor)
	return powers.ManageRoles, org, err
}

func noCustomRoles(o keyporter.Organization) string {
	return o.Name + " doesn’t have the feature “" + keyporter.FlagCustomUserRoles.Name() + "” (" + string(keyporter.FlagCustomUserRoles) + ")."
}

// rolePage is the content of a role's page, and of the page that creates a role.
type rolePage struct {
	control.RoleWithHolders          // the stored role; no ID if it is being created
	Typed                   string   // the name, as typed
	Choices                 []choice // one for each permission
	CanEdit                 bool
	CanDelete               bool
	CanCopy                 bool
	WhyNot                  string // why the role can't be changed, if the reader manages roles
	Fault                   fault
	Impact                  *impactPart      // nil: no preview
	SomeHolders             []keyporter.User // a page of the users who have it
	More                    keyporter.ID     // ID of the last one if there may be more; otherwise empty
	LinksUsers              bool             // the reader may open the pages of users
}

// choice is what a role says about a permission.
type choice struct {
	keyporter.PermissionInfo
	Effect   keyporter.Effect
	Withheld bool   // the reader can't grant it, because they don't have it themselves
	Yours    string // what the reader chose, if someone else has changed the role in the meantime
}

func choices(effects map[keyporter.Permission]keyporter.Effect) []choice {
	var all []choice
	for _, info := range keyporter.Permissions() {
		all = append(all, choice{PermissionInfo: info, Effect: effects[info.Permission]})
	}
	return all
}

// markWithheld marks what the reader can't make the role grant: permissions that they don't have
// and that it doesn't grant already. If the reader chose one anyway, it stays visible.
func (c *console) markWithheld(r *http.Request, actor keyporter.Actor, p *rolePage) error {
	can, err := c.Control.CanGive(r.Context(), actor)
	for i, ch := range p.Choices {
		p.Choices[i].Withheld = p.Effects[ch.Permission] != keyporter.EffectGrant && !slices.Contains(can, ch.Permission)
	}
	return err
}

// roleForm reads a role from a form. It leaves it to control to refuse invalid effects.
func roleForm(r *http.Request) keyporter.Role {
	version, _ := strconv.Atoi(r.PostFormValue("version"))
	role := keyporter.Role{ID: id(r), Version: version, Name: r.PostFormValue("name"), Effects: map[keyporter.Permission]keyporter.Effect{}}
	for _, info := range keyporter.Permissions() {
		switch chosen := r.PostFormValue("effect." + string(info.Permission)); chosen {
		case "", "open":
		default:
			const invalid = 9
			effect, ok := map[string]keyporter.Effect{"grant": keyporter.EffectGrant, "block": keyporter.EffectBlock}[chosen]
			if !ok {
				effect = invalid
			}
			role.Effects[info.Permission] = effect
		}
	}
	return role
}

func (c *console) showRole(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	p, err := c.rolePage(r, actor)
	if err != nil {
		return err
	}
	return c.showRolePage(w, r, actor, http.StatusOK, p)
}

func (c *console) showRolePage(w http.ResponseWriter, r *http.Request, actor keyporter.Actor, status int, p rolePage) error {
	if err := c.markWithheld(r, actor, &p); err != nil {
		return err
	}
	title := p.Name
	if p.ID == "" {
		title = "New role"
	}
	l, err := c.layoutFor(r, actor, title, p)
	if err != nil {
		return err
	}
	return c.show(w, r, status, "role", l)
}

// rolePage loads the page of a stored role.
func (c *console) rolePage(r *http.Request, actor keyporter.Actor) (p rolePage, err error) {
	if p.RoleWithHolders, p.SomeHolders, err = c.Control.HoldersOf(r.Context(), actor, id(r), keyporter.ID(r.URL.Query().Get("after"))); err != nil {
		return p, err
	}
	p.Typed, p.Choices = p.Name, choices(p.Effects)
	if len(p.SomeHolders) == control.MaxPage {
		p.More = p.SomeHolders[len(p.SomeHolders)-1].ID
	}
	powers, err := c.Control.Powers(r.Context(), actor)
	if err != nil {
		return p, err
	}
	p.LinksUsers = powers.ManageUsers
	manages, org, err := c.managesRoles(r, actor)
	if !manages || !p.Predefined() && p.OrganizationID != org.ID {
		return p, err
	}
	p.CanDelete, p.CanCopy = !p.Predefined(), org.Has(keyporter.FlagCustomUserRoles)
	switch {
	case !p.CanCopy:
		p.WhyNot = noCustomRoles(org)
	case p.Predefined():
		p.WhyNot = "Predefined roles are the same in every organization and can’t be changed. Make a copy and change that instead."
	}
	p.CanEdit = p.WhyNot == ""
	return p, err
}

func (c *console) newRole(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	p := rolePage{CanEdit: true, Choices: choices(nil)}
	if _, err := c.Control.Roles(r.Context(), actor, actor.User.OrganizationID); err != nil {
		return err
	}
	manages, org, err := c.managesRoles(r, actor)
	switch {
	case err != nil:
		return err
	case !manages:
		return keyporter.PermissionManageRoles.Lacking()
	case !org.Has(keyporter.FlagCustomUserRoles):
		return keyporter.Refuse(keyporter.Forbidden, noCustomRoles(org))
	}
	if from := r.URL.Query().Get("copy"); from != "" {
		can, err := c.Control.CanGive(r.Context(), actor)
		if err != nil {
			return err
		}
		role, err := c.Control.Role(r.Context(), actor, keyporter.ID(from))
		if err != nil {
			return err
		}
		p.Typed, p.Choices = "Copy of "+role.Name, choices(role.Effects)
		p.clearUngrantable(can)
	}
	return c.showRolePage(w, r, actor, http.StatusOK, p)
}

// clearUngrantable leaves open what the reader can't grant, so that the copy can be created as
// shown.
func (p *rolePage) clearUngrantable(can []keyporter.Permission) {
	for i, ch := range p.Choices {
		if ch.Effect == keyporter.EffectGrant && !slices.Contains(can, ch.Permission) {
			p.Choices[i].Effect = 0
		}
	}
}

func (c *console) createRole(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	role := roleForm(r)
	role.OrganizationID = actor.User.OrganizationID
	made, err := c.Control.CreateRole(r.Context(), actor, role)
	if err == nil {
		return c.finish(w, r, "/roles/"+string(made.ID), "made")
	}
	powers, other := c.Control.Powers(r.Context(), actor)
	if other != nil || !powers.ManageRoles {
		return err
	}
	p := rolePage{CanEdit: true, Typed: role.Name, Choices: choices(role.Effects)}
	if p.Fault, other = faultOf(err); other != nil {
		return other
	}
	return c.showRolePage(w, r, actor, status(err), p)
}

func (c *console) updateRole(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	role := roleForm(r)
	_, err := c.Control.UpdateRole(r.Context(), actor, role)
	if err == nil {
		return c.finish(w, r, "/roles/"+string(role.ID), "saved")
	}
	f, other := faultOf(err)
	if other != nil {
		return other
	}
	p, other := c.rolePage(r, actor)
	if other != nil || !p.CanEdit {
		return err
	}
	p.Fault = f
	if p.Version != role.Version {
		p.showConflict(role)
	} else {
		p.Typed, p.Choices = role.Name, choices(role.Effects)
	}
	return c.showRolePage(w, r, actor, status(err), p)
}

// showConflict shows the role as someone else has changed it, next to what the reader wanted, so
// that they can choose again.
func (p *rolePage) showConflict(wanted keyporter.Role) {
	if name := strings.TrimSpace(wanted.Name); name != p.Name {
		p.Fault.Fields = map[string]string{"name": "You had entered “" + name + "”."}
	}
	for i := range p.Choices {
		if e := wanted.Effects[p.Choices[i].Permission]; e != p.Choices[i].Effect {
			p.Choices[i].Yours = map[keyporter.Effect]string{keyporter.EffectGrant: "Grant", keyporter.EffectBlock: "Block", 0: "Open"}[e]
		}
	}
}

func (c *console) previewRole(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	role := roleForm(r)
	i, refused := c.Control.PreviewRole(r.Context(), actor, role)
	if refused == nil && wantsFragment(r) {
		impact, err := c.previewOf(i, nil)
		if err != nil {
			return err
		}
		return c.render(w, http.StatusOK, "role", "impact", impact)
	}
	p, err := c.rolePage(r, actor)
	if err != nil {
		return err
	}
	if refused != nil && !p.CanEdit {
		return refused
	}
	if p.Impact, err = c.previewOf(i, refused); err != nil {
		return err
	}
	if wantsFragment(r) {
		return c.render(w, http.StatusOK, "role", "impact", p.Impact)
	}
	p.Version, p.Typed, p.Choices = role.Version, role.Name, choices(role.Effects)
	return c.showRolePage(w, r, actor, http.StatusOK, p)
}

func (c *console) showDeleteRole(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	i, err := c.Control.PreviewRoleDeletion(r.Context(), actor, id(r))
	return c.askDeleteRole(w, r, actor, i, err)
}

// askDeleteRole asks whether to delete a role, or says why that isn't possible.
func (c *console) askDeleteRole(w http.ResponseWriter, r *http.Request, actor keyporter.Actor, i control.Impact, err error) error {
	role, other := c.Control.Role(r.Context(), actor, id(r))
	if other != nil {
		return other
	}
	powers, other := c.Control.Powers(r.Context(), actor)
	if other != nil || !powers.ManageRoles {
		return err
	}
	p := confirmPage{
		Heading: "Delete “" + role.Name + "”?", Action: "/roles/" + string(role.ID) + "/delete", Submit: "Delete role", Version: role.Version, Back: "/roles/" + string(role.ID),
		Texts: []string{heldBy(role.Holders) + " This can’t be undone."},
	}
	if p.Impact, other = c.previewOf(i, err); other != nil {
		return other
	}
	return c.confirm(w, r, actor, status(err), p)
}

func heldBy(n int) string {
	switch n {
	case 0:
		return "Nobody has it."
	case 1:
		return "The one user who has it loses it."
	}
	return "The " + count(n) + " users who have it lose it."
}

func (c *console) deleteRole(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	err := c.Control.DeleteRole(r.Context(), actor, id(r), roleForm(r).Version)
	if err == nil {
		return c.finish(w, r, "/roles", "deleted")
	}
	return c.askDeleteRole(w, r, actor, control.Impact{}, err)
}

// roleSummary describes in one line what a role does.
func roleSummary(r keyporter.Role) string {
	var granted, blocked []string
	for _, info := range keyporter.Permissions() {
		switch r.Effects[info.Permission] {
		case keyporter.EffectGrant:
			granted = append(granted, info.Name)
		case keyporter.EffectBlock:
			blocked = append(blocked, info.Name)
		}
	}
	var parts []string
	switch len(granted) {
	case 0:
	case len(keyporter.Permissions()):
		parts = append(parts, "grants everything")
	default:
		parts = append(parts, "grants "+strings.Join(granted, ", "))
	}
	if len(blocked) > 0 {
		parts = append(parts, "blocks "+strings.Join(blocked, ", "))
	}
	if len(parts) == 0 {
		return "grants and blocks nothing"
	}
	return strings.Join(parts, "; ")
}
