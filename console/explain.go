package console

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control"
	"github.com/keyporter/keyporter/verify"
)

// explainPage explains why a token, or an app, doesn't work.
type explainPage struct {
	Token    control.Credential
	Path     string // of the call to try, as typed; may be empty
	Login    string
	Works    bool
	Steps    []step
	Refusals []refusedRow
	Back     string
}

func (p explainPage) OfOrganization() bool {
	return p.Token.Kind == keyporter.CredentialOrganizationToken
}

// App reports whether the page is about an app that acts for the user.
func (p explainPage) App() bool { return p.Token.Kind == keyporter.CredentialAccessToken }

// step is a rule and its outcome.
type step struct {
	keyporter.Step

	Links []link
}

// link leads to something that affected the outcome, such as a role.
type link struct{ Text, Path string }

func (s step) Passed() bool { return s.Outcome == keyporter.Passed }
func (s step) Failed() bool { return s.Outcome == keyporter.Failed }

func (c *console) explainToken(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	t, err := c.Control.TokenWithUse(r.Context(), actor, id(r))
	if err != nil {
		return err
	}
	p := explainPage{Token: control.OfToken(t.Token), Path: r.FormValue("path"), Login: r.FormValue("login"), Back: pageOf(r)}
	refusals, err := c.Control.Refusals(r.Context(), actor, id(r))
	if err != nil {
		return err
	}
	p.Refusals = refusedRows(refusals)
	if !r.URL.Query().Has("path") {
		p.Path, p.Login = c.likelyCall(r, t, refusals)
	}
	return c.showExplanation(w, r, actor, p)
}

// explainConnection explains why an app can't act on a user's behalf.
func (c *console) explainConnection(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	credential, err := c.Control.Credential(r.Context(), actor, id(r))
	if err != nil {
		return err
	}
	if credential.AppID == "" {
		return keyporter.Refuse(keyporter.NotFound, "There is no such connection.")
	}
	p := explainPage{Token: credential, Path: r.FormValue("path"), Back: pageOf(r)}
	refusals, err := c.Control.Refusals(r.Context(), actor, credential.ID)
	if err != nil {
		return err
	}
	p.Refusals = refusedRows(refusals)
	if !r.URL.Query().Has("path") {
		if p.Path = c.Example; len(refusals) > 0 {
			p.Path = c.pathOnRoute(r, refusals[0])
		}
	}
	return c.showExplanation(w, r, actor, p)
}

func (c *console) showExplanation(w http.ResponseWriter, r *http.Request, actor keyporter.Actor, p explainPage) error {
	x, err := c.Control.Explain(r.Context(), actor, p.Token.ID, c.call(r, p.Path, p.Login))
	if err != nil {
		return err
	}
	if p.Steps, err = c.steps(r, actor, p.Token, x.Steps); err != nil {
		return err
	}
	p.Works = x.Allowed
	l, err := c.layoutFor(r, actor, "Why doesn’t “"+p.Token.Name+"” work?", p)
	if err != nil {
		return err
	}
	return c.show(w, r, http.StatusOK, "explain", l)
}

// likelyCall returns the call that the reader probably wants explained.
func (c *console) likelyCall(r *http.Request, t control.TokenWithUse, refusals []keyporter.RefusedCall) (path, login string) {
	if len(refusals) > 0 {
		return c.pathOnRoute(r, refusals[0]), refusals[0].LoginName
	}
	if t.Kind == keyporter.UserToken {
		return c.Example, ""
	}
	if len(t.Use.ActedFor) > 0 {
		login = t.Use.ActedFor[0].Login
	}
	return "", login
}

// pathOnRoute returns the path of a refused call, or "" if no route here has it. Then, only the
// rules that don't depend on the path can be explained.
func (c *console) pathOnRoute(r *http.Request, call keyporter.RefusedCall) string {
	if !c.Checker.OnRoute(call.Method, r.Host, call.Path) {
		return ""
	}
	return call.Path
}

func (c *console) call(r *http.Request, path, login string) *verify.Request {
	return &verify.Request{Method: http.MethodGet, Host: r.Host, Path: path, UserLoginName: []string{login}}
}

// steps adds links to the steps of an explanation.
func (c *console) steps(r *http.Request, actor keyporter.Actor, t control.Credential, steps []keyporter.Step) ([]step, error) {
	powers, err := c.Control.Powers(r.Context(), actor)
	if err != nil {
		return nil, err
	}
	all := make([]step, len(steps))
	for i, s := range steps {
		all[i] = step{Step: s, Links: links(s.About, powers, t.OrganizationID)}
	}
	return all, nil
}

// links returns links to the pages about what an answer is based on, as far as the reader may open
// them.
func links(about []keyporter.Ref, powers control.Powers, organization keyporter.ID) []link {
	var all []link
	for _, ref := range about {
		if path := pathOf(ref, powers, organization); path != "" {
			all = append(all, link{ref.Name, path})
		}
	}
	return all
}

// pathOf returns the path of the page about ref, or "" if there is none for this reader.
func pathOf(ref keyporter.Ref, powers control.Powers, organization keyporter.ID) string {
	switch {
	case ref.Noun == "role" && powers.ManageRoles:
		return "/roles/" + string(ref.ID)
	case ref.Noun == "user" && powers.ManageUsers:
		return "/users/" + string(ref.ID)
	case (ref.Noun == "flag" || ref.Noun == "organization") && powers.Operate:
		return "/organizations/" + string(organization)
	}
	return ""
}

// refusalPage is the content of the page about a refused call.
type refusalPage struct {
	keyporter.RefusedCall

	Token   control.Credential
	List    link   // that it is in
	Steps   []step // at the time of the call
	Works   bool   // the same call would be allowed now
	Explain string // path of the page that explains the same call as of now; empty: an app made it that acts for itself, or it has ended
	Ended   string // how what it was made with ended; empty: it is there
}

func (c *console) showRefusal(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	call, t, err := c.Control.Refusal(r.Context(), actor, r.PathValue("request"))
	if err != nil {
		return err
	}
	path := c.pathOnRoute(r, call)
	p := refusalPage{RefusedCall: call, Token: t, Ended: endOf(t), List: link{"Refused calls", "/refusals"}}
	if !t.Own {
		p.List = link{"All refused calls", allRefusals}
	}
	if t.Kind != keyporter.CredentialAppToken && !t.Ended() {
		of := "/tokens/"
		if t.AppID != "" {
			of = "/connections/"
		}
		p.Explain = of + string(t.ID) + "/explain?" + url.Values{"path": {path}, "login": {call.LoginName}}.Encode()
		req := c.call(r, path, call.LoginName)
		req.Method = call.Method
		x, err := c.Control.Explain(r.Context(), actor, t.ID, req)
		if err != nil {
			return err
		}
		p.Works = x.Allowed
	}
	if p.Steps, err = c.steps(r, actor, t, stepsAtRefusal(call, t, path != "")); err != nil {
		return err
	}
	l, err := c.layoutFor(r, actor, "Refused call", p)
	if err != nil {
		return err
	}
	return c.show(w, r, http.StatusOK, "refusal", l)
}

// stepsAtRefusal reconstructs the steps of a refused call: all rules before the one that failed had
// passed. Rules about the path were only asked if it is on a route.
func stepsAtRefusal(call keyporter.RefusedCall, t control.Credential, onRoute bool) (steps []keyporter.Step) {
	failed := call.Reason.Rule()
	for rule := range keyporter.Rule(keyporter.NumRules) {
		s := keyporter.Step{Rule: rule, Outcome: keyporter.Passed}
		switch {
		case !onRoute && (rule == keyporter.RulePath || rule == keyporter.RuleAccepted):
			continue
		case !rule.AppliesTo(t.Kind) || rule == keyporter.RuleProof && rule != failed: // whether the token was bound to a key isn't kept
			continue
		case rule == failed:
			s.Outcome, s.Cause = keyporter.Failed, call.Cause
		case rule > failed:
			s.Outcome = keyporter.NotAsked
		}
		steps = append(steps, s)
	}
	return steps
}

// allRefusals is the path of the list of refused calls of everyone.
const allRefusals = "/all-refusals"

// refusalsPage lists refused calls: the reader's, or those of everyone as far as the reader may see them.
type refusalsPage struct {
	List     listing
	Everyone bool
	Calls    []refusedRow
}

// refusedRow is a refused call and what it was made with.
type refusedRow struct {
	keyporter.RefusedCall

	By    link   // empty: the page says it
	Owner string // login name, if it isn't the reader's
	Ended string // how it ended; empty: it is there
}

func refusedRows(calls []keyporter.RefusedCall) (rows []refusedRow) {
	for _, call := range calls {
		rows = append(rows, refusedRow{RefusedCall: call})
	}
	return rows
}

// callerOf returns the link to the page of what a call was made with, if it is still there.
func callerOf(t control.Credential) link {
	switch {
	case t.Ended():
		return link{Text: t.Name}
	case t.Kind == keyporter.CredentialAppToken:
		return link{t.Name, "/apps/" + string(t.ID)}
	case t.AppID != "":
		return link{t.Name, "/connections/" + string(t.ID)}
	}
	return link{t.Name, "/tokens/" + string(t.ID)}
}

// endOf says how what a call was made with ended, or nothing if it is still there.
func endOf(t control.Credential) string {
	switch {
	case !t.Ended():
		return ""
	case t.Kind == keyporter.CredentialAccessToken:
		return "disconnected since"
	}
	return "deleted since"
}

func (c *console) listRefusals(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	return c.showRefusals(w, r, actor, refusalsPage{List: listing{Path: "/refusals", Hint: "Path, reason, client, or request ID"}})
}

func (c *console) listAllRefusals(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	return c.showRefusals(w, r, actor, refusalsPage{Everyone: true, List: listing{Path: allRefusals, Hint: "Path, reason, client, owner, or request ID"}})
}

func (c *console) showRefusals(w http.ResponseWriter, r *http.Request, actor keyporter.Actor, p refusalsPage) error {
	p.List.Noun = "refused call"
	p.List = p.List.ask(r, "days")
	n := days(r.URL.Query(), "days")
	p.List.Filtered = p.List.Filtered || n > 0
	p.List.Filters = []filter{{"days", "Since", "Any time", number(n), []filterChoice{{"1", "Last 24 hours"}, {"3", "Last 3 days"}, {"7", "Last 7 days"}, {"30", "Last 30 days"}}}}
	if requestID := strings.TrimSpace(p.List.Match); requestID != "" {
		_, _, err := c.Control.Refusal(r.Context(), actor, requestID)
		switch {
		case err == nil:
			return redirect("/refusals/"+url.PathEscape(requestID))(w, r)
		case keyporter.KindOf(err) != keyporter.NotFound:
			return err
		}
	}
	found, err := c.Control.ListRefusals(r.Context(), actor, control.RefusalList{Everyone: p.Everyone, Match: p.List.Match, Days: n, Paging: p.List.paging})
	if err != nil {
		return err
	}
	for _, call := range found.Calls {
		by := found.Callers[call.CredentialID]
		row := refusedRow{RefusedCall: call, By: callerOf(by), Ended: endOf(by)}
		if !actor.Is(by.OwnerID) {
			row.Owner = found.Owners[by.OwnerID].Login
		}
		p.Calls = append(p.Calls, row)
	}
	p.List.show(len(found.Calls), found.Total, found.Cursors)
	title := "Refused calls"
	if p.Everyone {
		title = "All refused calls"
	}
	l, err := c.layoutFor(r, actor, title, p)
	if err != nil {
		return err
	}
	return c.show(w, r, http.StatusOK, "refusals", l)
}
