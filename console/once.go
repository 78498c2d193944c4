package console

import (
	"html/template"
	"net/http"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control"
)

// onceField is the hidden field that tells a form from all others, so that a double click makes one secret, and shows
// it. A form that is sent again with other values is another form.
const onceField = "once"

// once returns the hidden field for a form that makes a secret.
func once() template.HTML {
	return template.HTML(`<input type="hidden" name="` + onceField + `" value="` + string(keyporter.NewID(time.Now())) + `">`) //nolint:gosec // our own text
}

// asForm returns a request whose context names the form that it sends, if the form has the field.
func (c *console) asForm(r *http.Request) *http.Request {
	if r.Method != http.MethodPost || r.PostFormValue(onceField) == "" {
		return r
	}
	form := c.inSession(r, r.URL.RequestURI()+"?"+r.PostForm.Encode())
	return r.WithContext(control.WithForm(r.Context(), form))
}
