package console

import (
	"net/http"
	"strings"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control"
	"github.com/keyporter/keyporter/verify"
)

// apisPage is the content of the page that shows operators what the configuration says of the APIs.
type apisPage struct {
	APIs   []apiPart
	Notes  []string // what startup reported about their routes
	Scopes []keyporter.Scope
}

// apiPart is an API on that page.
type apiPart struct {
	*verify.API

	Routes []routeRow
}

type routeRow struct {
	verify.Route

	Methods  string // none: all
	Accepts  string // kinds of credentials
	Anything bool   // it is public
}

func (c *console) listAPIs(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	if err := c.mustOperate(r, actor); err != nil {
		return err
	}
	p := apisPage{Notes: c.Checker.Notes(), Scopes: c.Scopes}
	for _, a := range c.Checker.APIs() {
		part := apiPart{API: a}
		for _, route := range a.Routes {
			part.Routes = append(part.Routes, routeRow{Route: route, Methods: strings.Join(route.Methods, ", "), Accepts: acceptedBy(route), Anything: route.Public})
		}
		p.APIs = append(p.APIs, part)
	}
	l, err := c.layoutFor(r, actor, "APIs", p)
	if err != nil {
		return err
	}
	return c.show(w, r, http.StatusOK, "apis", l)
}

// acceptedBy names the credentials that a route accepts.
func acceptedBy(r verify.Route) string {
	kinds := r.Credentials
	if len(kinds) == 0 {
		kinds = []keyporter.CredentialKind{keyporter.CredentialUserToken, keyporter.CredentialAccessToken}
	}
	names := make([]string, len(kinds))
	for i, k := range kinds {
		names[i] = map[keyporter.CredentialKind]string{
			keyporter.CredentialUserToken: "API tokens", keyporter.CredentialOrganizationToken: "organization tokens",
			keyporter.CredentialAccessToken: "apps", keyporter.CredentialAppToken: "apps for themselves",
		}[k]
	}
	text := strings.Join(names, ", ")
	return strings.ToUpper(text[:1]) + text[1:]
}

// mustOperate requires an operator.
func (c *console) mustOperate(r *http.Request, actor keyporter.Actor) error {
	powers, err := c.Control.Powers(r.Context(), actor)
	if err == nil && !powers.Operate {
		err = keyporter.OperatorsOnly()
	}
	return err
}

func operates(path string) func(control.Powers) string {
	return func(p control.Powers) string { return pathIf(p.Operate, path) }
}
