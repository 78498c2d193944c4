package console

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"html/template"
	"io"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control"
	"github.com/keyporter/keyporter/verify"
)

// startPage is the content of the checklist for the first start.
type startPage struct {
	Tasks   []task
	Done    int
	SeeApps bool // the reader may open the page of apps
}

// task is a step of the checklist. It was tested when the page was loaded.
type task struct {
	Name   string
	Done   bool
	Found  string        // what the test found
	Help   template.HTML // what to do: our own text, without what others named
	Paste  string        // lines to paste
	Link   link          // where to do it
	Needed bool          // it is the first that isn't done
}

func (c *console) showStart(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	if err := c.mustOperate(r, actor); err != nil {
		return err
	}
	powers, err := c.Control.Powers(r.Context(), actor)
	if err != nil {
		return err
	}
	p := startPage{SeeApps: powers.SeeApps}
	// The first call needs no other user, so they come last.
	for i, test := range []func(*http.Request, keyporter.Actor) (task, error){c.apiTask, c.tokenTask, c.callTask, c.userTask} {
		t, err := test(r, actor)
		if err != nil {
			return err
		}
		if i == 2 && !p.Tasks[0].Done { // it worked once, but wouldn't now
			t.Done = false
		}
		t.Needed = !t.Done && p.Done == len(p.Tasks)
		if p.Tasks = append(p.Tasks, t); t.Done {
			p.Done++
		}
	}
	l, err := c.layoutFor(r, actor, "Set up Keyporter", p)
	if err != nil {
		return err
	}
	return c.show(w, r, http.StatusOK, "start", l)
}

const pasteAPI = `apis:
  - name: shop
    upstream: http://127.0.0.1:9000
    example: /shop/orders
    routes:
      - path: /shop/{rest...}`

// apiTask tests whether an API answers.
func (c *console) apiTask(r *http.Request, _ keyporter.Actor) (task, error) {
	t := task{Name: "Put Keyporter in front of an API"}
	apis := c.Checker.APIs()
	if len(apis) == 0 {
		t.Found = "The configuration names no API."
		t.Help = "Write <code>keyporter.yaml</code> with your API’s address and paths, and start Keyporter with it: <code>keyporter serve --config keyporter.yaml</code>. " +
			"The API gets the path as the client sent it: <code>/shop</code> isn’t removed. <code>{rest...}</code> is everything below, and the path itself."
		t.Paste = pasteAPI
		return t, nil
	}
	faults := reachAll(r.Context(), apis)
	t.Done, t.Link = true, link{"All APIs", "/apis"}
	wrong := "<code>upstream</code>"
	for i, a := range apis {
		missing, isMissing := errors.AsType[notThere](faults[i])
		switch {
		case a.Target() == nil:
			t.Found += fmt.Sprintf("A proxy asks about calls to “%s”. ", a.Name)
			t.Help = "<code>keyporter doctor</code> tests the proxy."
		case errors.Is(faults[i], errNotAsked): // because others, about which there is more to say, took all the time
			t.Done = false
		case isMissing:
			t.Found += fmt.Sprintf("“%s” answers %d to %s. Keyporter passes the path on unchanged, so the API has to have it. ", a.Name, int(missing), cmp.Or(a.Example, "/"))
			t.Done, wrong = false, "<code>upstream</code> or <code>example</code>"
		case faults[i] != nil:
			t.Found += fmt.Sprintf("“%s” doesn’t answer at %s: %v. ", a.Name, a.Upstream, faults[i])
			t.Done = false
		default:
			t.Found += fmt.Sprintf("“%s” answers at %s. ", a.Name, a.Upstream)
		}
	}
	if !t.Done {
		t.Link = link{}
		t.Help = template.HTML("Make sure that the API runs, and test again. Or correct " + wrong + " in the configuration, and restart Keyporter.") //nolint:gosec // our own text
	}
	return t, nil
}

// notThere is the status of an answer that says that the example isn't there, or that nothing behind it is.
type notThere int

func (status notThere) Error() string { return fmt.Sprintf("it answers %d", int(status)) }

// How APIs are asked whether they answer.
const (
	askedAtOnce = 8
	askedFor    = 3 * time.Second // all of them
)

var errNotAsked = errors.New("it wasn’t asked")

// reachAll asks the APIs that have an upstream, and returns what is wrong with each. If some take too long, later ones
// may not be asked.
func reachAll(ctx context.Context, apis []*verify.API) []error {
	ctx, cancel := context.WithTimeout(ctx, askedFor)
	defer cancel()
	faults, turns := make([]error, len(apis)), make(chan struct{}, askedAtOnce)
	var all sync.WaitGroup
	for i, a := range apis {
		if a.Target() == nil {
			continue
		}
		select {
		case turns <- struct{}{}:
		case <-ctx.Done():
			faults[i] = errNotAsked
			continue
		}
		all.Go(func() {
			faults[i] = reach(ctx, a.Target(), a.Example)
			<-turns
		})
	}
	all.Wait()
	return faults
}

// reach asks an API for its example, without a credential. Any answer will do, unless it says that the example isn't there.
func reach(ctx context.Context, target *url.URL, example string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target.JoinPath(example).String(), nil)
	if err != nil {
		return err
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(req)
	if errors.Is(err, context.DeadlineExceeded) {
		return errors.New("it takes longer than 3 seconds")
	}
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err // the rest repeats the address
	}
	if err != nil {
		return err
	}
	_, _ = io.CopyN(io.Discard, res.Body, 1<<10)
	_ = res.Body.Close()
	if example != "" && res.StatusCode == http.StatusNotFound || res.StatusCode >= http.StatusBadGateway {
		return notThere(res.StatusCode)
	}
	return nil
}

// userTask tests whether anyone but the operator can sign in.
func (c *console) userTask(r *http.Request, actor keyporter.Actor) (task, error) {
	t := task{Name: "Let people sign in"}
	users, err := c.Control.Users(r.Context(), actor, control.UserList{OrganizationID: actor.User.OrganizationID})
	if err != nil {
		return t, err
	}
	provider, err := c.Control.HasProviders(r.Context(), actor)
	switch {
	case err != nil:
		return t, err
	case provider:
		t.Done, t.Found = true, "People sign in with your identity provider."
	case len(users) > 1:
		t.Done, t.Found = true, "Other people can sign in."
	default:
		t.Link, t.Found = link{"Add a user", "/users/new"}, "You are the only user."
		t.Help = template.HTML(`Add one, or let people sign in with an account they have, on <a href="/organizations/` + string(actor.User.OrganizationID) + `">the page of your organization</a>.`) //nolint:gosec // an ID is letters and digits
	}
	return t, nil
}

// tokenTask tests whether the operator has a token that is on.
func (c *console) tokenTask(r *http.Request, actor keyporter.Actor) (task, error) {
	t := task{Name: "Add a token", Link: link{"Add a token", "/tokens/new"}}
	tokens, err := c.Control.Tokens(r.Context(), actor, keyporter.UserToken, "")
	if err != nil {
		return t, err
	}
	t.Found, t.Help = "You have none.", "Add one, and switch it on."
	if c.Example != "" {
		t.Help = "Add one. “Switch on and copy” gives you its first call."
	}
	for _, token := range tokens {
		if t.Found, t.Help, t.Link = "Yours are switched off.", "Switch one on.", (link{"See your tokens", ownTokens}); token.Enabled {
			t.Done, t.Found, t.Help, t.Link = true, "“"+token.Name+"” is on.", "", link{}
			return t, nil
		}
	}
	return t, nil
}

// callTask tests whether a call with one of the operator's tokens was allowed, and the API's answer was good.
func (c *console) callTask(r *http.Request, actor keyporter.Actor) (task, error) {
	t := task{Name: "Make the first call", Found: "No call has arrived."}
	tokens, err := c.Control.Tokens(r.Context(), actor, keyporter.UserToken, "")
	if err != nil {
		return t, err
	}
	switch {
	case len(c.Checker.APIs()) == 0:
		t.Help = "It needs an API."
	case c.Example == "":
		t.Help = "Set <code>example</code> in <code>keyporter.yaml</code> to show a first call here."
	case !slices.ContainsFunc(tokens, func(t control.TokenWithUse) bool { return t.Enabled }):
		t.Help = "“Switch on and copy” at your new token copies the whole call. Paste it into a terminal."
	default:
		t.Help = "Paste the call that you copied into a terminal, or this one with your token."
		t.Paste = c.snippets(r, "YOUR_TOKEN")[0].Text
	}
	token, last := lastCalled(tokens)
	switch {
	case token == "":
		if t.Paste != "" {
			t.Help += " A call to a path that no route takes is answered with 404, and isn’t listed anywhere."
		}
		return t, nil
	case last.Allowed == 0:
		t.Found, t.Link = clientName(last.Agent)+" was refused "+ago(last.LastAt, c.Now())+".", link{"Find out why", "/tokens/" + string(token) + "/explain"}
		return t, nil
	}
	t.Found = clientName(last.Agent) + " called the API " + ago(last.LastAt, c.Now()) + "."
	report, err := c.Control.Report(r.Context(), actor, token, 1)
	if err != nil {
		return t, err
	}
	fault := callsFault(report.Calls)
	if fault != "" {
		t.Found += " " + fault
		return t, nil
	}
	t.Done, t.Help, t.Paste = true, "", ""
	return t, nil
}

// lastCalled returns the token with the latest allowed call, or if none was allowed, with the latest refused one.
func lastCalled(tokens []control.TokenWithUse) (token keyporter.ID, last keyporter.ClientUse) {
	for _, t := range tokens {
		use, used := t.Use.Last()
		worked, works := last.Allowed > 0, use.Allowed > 0
		if used && (token == "" || works && !worked || works == worked && use.LastAt.After(last.LastAt)) {
			token, last = t.ID, use
		}
	}
	return token, last
}

// callsFault returns what is wrong with the answer to the last allowed call, or nothing if the answer to any was good or
// none is known.
func callsFault(calls []keyporter.Call) (fault string) {
	for _, call := range slices.Backward(calls) {
		if call.Reason != keyporter.Allowed {
			continue
		}
		if fault = answerFault(call.Status); fault == "" {
			return ""
		}
	}
	return fault
}
