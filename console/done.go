package console

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control"
	"github.com/keyporter/keyporter/web"
)

// The query parameters of a page after a form: which message it shows, the numbers and tokens in it, and the proof that it was this
// session that did it. Without a proof, a link could say that something was done.
const (
	doneField      = "done"
	changedField   = "n"
	unchangedField = "same"
	missingField   = "gone"
	tokenField     = "token" // of up to a page of tokens that were changed
	proofField     = "proof"
)

// finish redirects from a form to the page that shows what it has done.
func (c *console) finish(w http.ResponseWriter, r *http.Request, page, done string) error {
	return c.finishWith(w, r, page, url.Values{doneField: {done}})
}

// finishChange does so after a change to many tokens, on the page of the list that they were selected on.
func (c *console) finishChange(w http.ResponseWriter, r *http.Request, action control.TokenAction, done control.ChangedTokens) error {
	q := url.Values{
		doneField: {"bulk-" + string(action)}, changedField: {strconv.Itoa(len(done.Done))},
		unchangedField: {strconv.Itoa(len(done.Unchanged))}, missingField: {strconv.Itoa(len(done.Missing))},
	}
	if len(done.Done) <= control.MaxPage {
		for _, id := range done.Done {
			q.Add(tokenField, string(id))
		}
	}
	return c.finishWith(w, r, pageOfSelection(r), q)
}

func (c *console) finishWith(w http.ResponseWriter, r *http.Request, page string, q url.Values) error {
	to, err := url.Parse(page)
	if err != nil {
		return fmt.Errorf("finish: %w", err)
	}
	q.Set(proofField, c.proof(r, to.Path, q))
	all := to.Query() // such as the list that the page leads back to
	maps.Copy(all, q)
	to.RawQuery = all.Encode()
	return redirect(to.String())(w, r)
}

// proof returns what only those can make who know the session.
func (c *console) proof(r *http.Request, page string, q url.Values) string {
	mac := hmac.New(sha256.New, []byte(web.Session(r, c.Proxies)))
	fmt.Fprintf(mac, "%q", []string{"what a form has done", page, q.Get(doneField), q.Get(changedField), q.Get(unchangedField), q.Get(missingField), strings.Join(q[tokenField], " ")})
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:16])
}

// doneMessage says what the form before has done.
type doneMessage struct {
	Text string
	Undo *selectionForm // takes it back; nil: nothing does
}

// done returns what the form before has done, for a page of someone who is signed in.
func (c *console) done(r *http.Request, actor keyporter.Actor) (m doneMessage) {
	q := r.URL.Query()
	if !hmac.Equal([]byte(q.Get(proofField)), []byte(c.proof(r, r.URL.Path, q))) {
		return m
	}
	if m.Text = c.bulkText(r, actor); m.Text == "" {
		return doneMessage{Text: doneText(q.Get(doneField))}
	}
	opposite := map[string]control.TokenAction{"bulk-enable": control.DisableTokens, "bulk-disable": control.EnableTokens}[q.Get(doneField)]
	if opposite == "" || len(q[tokenField]) == 0 {
		return m
	}
	m.Undo = &selectionForm{Action: string(opposite), List: listName(r), Query: listQuery(r), Tokens: q[tokenField]}
	return m
}

// doneText says what a form about one thing has done.
func doneText(done string) string {
	return map[string]string{
		"saved":    "Saved. It takes effect on the next call.",
		"made":     "Added.",
		"deleted":  "Deleted.",
		"restored": "Restored. It’s off: switch it on when you need it.",

		"deleted-token":    "Deleted. You can restore it for seven days.",
		"deleted-for-good": "Deleted for good.",
		"enabled":          "Switched on.",
		"disabled":         "Switched off. Calls are now refused.",
		"password":         "The new password is set. Sessions with the old one have ended.",
		"appointed":        "This user is now an operator.",
		"dismissed":        "This user is no longer an operator.",
		"granted":          "Granted. It takes effect on the next call.",
		"withdrawn":        "Withdrawn. It takes effect on the next call.",
		"provider":         "Saved. Users can now sign in there.",
		"sign-in":          "Saved. It takes effect on the next sign-in.",
		"suspended":        "Suspended. Its users can’t sign in, and calls are now refused.",
		"resumed":          "The suspension is lifted.",

		"registered":    "Registered.",
		"approved":      "Approved. It now works.",
		"app-suspended": "Suspended. Its tokens are now refused.",
		"image":         "Saved. The new image is live.",
		"people":        "Saved. They can now change the app.",
		"disconnected":  "Disconnected. Its calls are now refused.",
		"taken":         "Removed. It takes effect on the next call.",
	}[done]
}

// bulkText says what a change to many tokens has done, or nothing after anything else.
func (c *console) bulkText(r *http.Request, actor keyporter.Actor) string {
	q := r.URL.Query()
	number := func(field string) int {
		n, _ := strconv.Atoi(q.Get(field))
		return n
	}
	what, ok := map[string]string{
		"bulk-enable": "switched on", "bulk-disable": "switched off. Calls are now refused", "bulk-delete": "deleted. You can restore what you delete for seven days",
	}[q.Get(doneField)]
	isExpiry := q.Get(doneField) == "bulk-expiry"
	if !ok && !isExpiry {
		return ""
	}
	which := c.named(r, actor, q[tokenField], number(changedField))
	be := "were"
	if number(changedField) <= 1 {
		be = "was"
	}
	text := which + " " + be + " " + what + "."
	switch {
	case isExpiry && number(changedField) == 0:
		text = "No expiry was changed."
	case isExpiry:
		text = "The expiry of " + which + " was changed."
	}
	if n := number(unchangedField); n > 0 {
		text += " " + countOf(n, "token") + " needed no change."
	}
	if n := number(missingField); n > 0 {
		text += " " + countOf(n, "token") + " no longer existed."
	}
	return text
}

// named names up to three of the tokens that were changed, and counts the others.
func (c *console) named(r *http.Request, actor keyporter.Actor, ids []string, changed int) string {
	var names []string
	for _, id := range ids[:min(len(ids), 3)] {
		t, err := c.Control.Token(r.Context(), actor, keyporter.ID(id))
		if err != nil {
			var deleted control.DeletedToken
			deleted, err = c.Control.RestorableToken(r.Context(), actor, keyporter.ID(id))
			t = deleted.Token
		}
		if err == nil {
			names = append(names, "“"+t.Name+"”")
		}
	}
	if len(names) == 0 {
		return countOf(changed, "token")
	}
	if others := changed - len(names); others > 0 {
		names = append(names, countOf(others, "other"))
	}
	return enumerated(names)
}
