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

	"github.com/keyporter/keyporter/control"
	"github.com/keyporter/keyporter/web"
)

// The query parameters of a page after a form: which message it shows, the numbers in it, and the proof that it was this
// session that did it. Without a proof, a link could say that something was done.
const (
	doneField      = "done"
	changedField   = "n"
	unchangedField = "same"
	missingField   = "gone"
	proofField     = "proof"
)

// finish redirects from a form to the page that shows what it has done.
func (c *console) finish(w http.ResponseWriter, r *http.Request, page, done string) error {
	return c.finishWith(w, r, page, url.Values{doneField: {done}})
}

// finishChange does so after a change to many tokens.
func (c *console) finishChange(w http.ResponseWriter, r *http.Request, page string, action control.TokenAction, done control.ChangedTokens) error {
	return c.finishWith(w, r, page, url.Values{
		doneField: {"bulk-" + string(action)}, changedField: {strconv.Itoa(len(done.Done))},
		unchangedField: {strconv.Itoa(len(done.Unchanged))}, missingField: {strconv.Itoa(len(done.Missing))},
	})
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
	fmt.Fprintf(mac, "%q", []string{"what a form has done", page, q.Get(doneField), q.Get(changedField), q.Get(unchangedField), q.Get(missingField)})
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:16])
}

// doneText says what the form before has done, on a page of someone who is signed in.
func (c *console) doneText(r *http.Request) string {
	q := r.URL.Query()
	if !hmac.Equal([]byte(q.Get(proofField)), []byte(c.proof(r, r.URL.Path, q))) {
		return ""
	}
	if text := bulkText(q); text != "" {
		return text
	}
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
	}[q.Get(doneField)]
}

// bulkText says what a change to many tokens has done.
func bulkText(q url.Values) string {
	number := func(field string) int {
		n, _ := strconv.Atoi(q.Get(field))
		return n
	}
	what, ok := map[string]string{
		"bulk-enable": "switched on", "bulk-disable": "switched off. Calls are now refused", "bulk-delete": "deleted. You can restore them for seven days",
	}[q.Get(doneField)]
	text := countOf(number(changedField), "token") + " " + what + "."
	switch {
	case q.Get(doneField) == "bulk-expiry":
		text = "The expiry of " + countOf(number(changedField), "token") + " was changed."
		if number(changedField) == 0 {
			text = "No expiry was changed."
		}
	case !ok:
		return ""
	}
	if n := number(unchangedField); n > 0 {
		text += " " + countOf(n, "token") + " needed no change."
	}
	if n := number(missingField); n > 0 {
		text += " " + countOf(n, "token") + " no longer existed."
	}
	return text
}
