package keyportertest

import (
	"net/url"
	"testing"
)

// With sets the parameters of a form to values, given in pairs, and removes those whose value
// is empty.
func With(form url.Values, change ...string) url.Values {
	for i := 0; i+1 < len(change); i += 2 {
		if form.Set(change[i], change[i+1]); change[i+1] == "" {
			form.Del(change[i])
		}
	}
	return form
}

// Refused requires an answer to be this error.
func Refused(t testing.TB, a Answer, status int, code string) {
	t.Helper()
	if a.Status != status || a.Text("error") != code {
		t.Errorf("%d %v, want %d %s", a.Status, a.Body, status, code)
	}
}
