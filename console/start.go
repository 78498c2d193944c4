package console

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
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
	Address string // of Keyporter
}

// task is a step of the checklist. It was tested when the page was loaded.
type task struct {
	Name   string
	Done   bool
	Found  string // what the test found
	Help   string // what to do
	Paste  string // lines to paste
	Link   link   // where to do it
	Needed bool   // it is the first that isn't done
}

func (c *console) showStart(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	if err := c.mustOperate(r, actor); err != nil {
		return err
	}
	p := startPage{Address: c.address(r)}
	for _, test := range []func(*http.Request, keyporter.Actor) (task, error){c.apiTask, c.userTask, c.tokenTask, c.callTask} {
		t, err := test(r, actor)
		if err != nil {
			return err
		}
		t.Needed = !t.Done && p.Done == len(p.Tasks)
		if p.Tasks = append(p.Tasks, t); t.Done {
			p.Done++
		}
	}
	l, err := c.layoutFor(r, actor, "Set up", p)
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
		t.Help = "Write keyporter.yaml with your API’s address and paths, and start Keyporter with it: keyporter serve --config keyporter.yaml"
		t.Paste = pasteAPI
		return t, nil
	}
	faults := reachAll(r.Context(), apis)
	answers := true
	for i, a := range apis {
		switch {
		case a.Target() == nil:
			t.Found += fmt.Sprintf("A proxy asks about calls to “%s”. Test it with keyporter doctor. ", a.Name)
		case errors.Is(faults[i], errNotAsked): // because others, about which there is more to say, took all the time
			answers = false
		case faults[i] != nil:
			t.Found += fmt.Sprintf("“%s” doesn’t answer at %s: %v. ", a.Name, a.Upstream, faults[i])
			answers = false
		default:
			t.Found += fmt.Sprintf("“%s” answers at %s. ", a.Name, a.Upstream)
		}
	}
	if !answers {
		t.Help = "Start the API, or correct upstream in the configuration. Then reload this page."
		return t, nil
	}
	t.Done, t.Link = true, link{"All APIs", "/apis"}
	return t, nil
}

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

// reach asks an API for its example, without a credential. Any answer will do.
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
	return res.Body.Close()
}

// userTask tests whether anyone but the operator can sign in.
func (c *console) userTask(r *http.Request, actor keyporter.Actor) (task, error) {
	t := task{Name: "Let people sign in", Link: link{"Add a user", "/users/new"}}
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
		t.Done, t.Found = true, "Others than you can sign in."
	default:
		t.Found, t.Help = "You are the only user.", "Add one, or let people sign in with an account they have, on the page of your organization."
	}
	return t, nil
}

// tokenTask tests whether the operator has a token that is on.
func (c *console) tokenTask(r *http.Request, actor keyporter.Actor) (task, error) {
	t := task{Name: "Add a token", Link: link{"API Tokens", "/tokens"}}
	tokens, err := c.Control.Tokens(r.Context(), actor, keyporter.UserToken, "")
	if err != nil {
		return t, err
	}
	t.Found, t.Help = "You have none.", "Add one on the page of tokens. “Switch on and copy” gives you its first call."
	for _, token := range tokens {
		if t.Found = "Yours are switched off."; token.Enabled {
			t.Done, t.Found, t.Help = true, "“"+token.Name+"” is on.", ""
			return t, nil
		}
	}
	return t, nil
}

// callTask tests whether a call with one of the operator's tokens was allowed.
func (c *console) callTask(r *http.Request, actor keyporter.Actor) (task, error) {
	t := task{Name: "Make the first call", Found: "No call has arrived.", Help: "Paste this into a terminal, with your token:", Paste: c.snippets(r, "YOUR_TOKEN")[0].Text}
	tokens, err := c.Control.Tokens(r.Context(), actor, keyporter.UserToken, "")
	if err != nil {
		return t, err
	}
	for _, token := range tokens {
		last, used := token.Use.Last()
		if !used {
			continue
		}
		if last.Allowed > 0 {
			t.Done, t.Found, t.Help, t.Paste = true, clientName(last.Agent)+" called the API "+ago(last.LastAt, c.Now())+".", "", ""
			return t, nil
		}
		t.Found, t.Link = clientName(last.Agent)+" was refused "+ago(last.LastAt, c.Now())+".", link{"Find out why", "/tokens/" + string(token.ID) + "/explain"}
	}
	return t, nil
}
