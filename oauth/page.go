package oauth

import (
	"crypto/sha256"
	"encoding/base64"
	"html/template"
	"net/http"
)

// formScript sends the form off. The page's policy names its hash; nothing else on the page runs.
const formScript = `document.forms[0].submit()`

var formPage = template.Must(template.New("form").Parse(`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Back to the app · Keyporter</title>
<form method="post" action="{{.To}}">
{{range $name, $value := .Params}}<input type="hidden" name="{{$name}}" value="{{$value}}">
{{end}}<button>Back to the app</button>
</form>
<script>` + formScript + `</script>
</html>
`))

// sendForm has the browser post the parameters to the app (OAuth 2.0 Form Post Response Mode).
func sendForm(w http.ResponseWriter, to string, params map[string]string) error {
	sum := sha256.Sum256([]byte(formScript))
	h := w.Header()
	// No form-action: it would hold also for the redirects of the app that gets the form.
	h.Set("Content-Security-Policy", "default-src 'none'; base-uri 'none'; frame-ancestors 'none'; script-src 'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'")
	h.Set("Content-Type", "text/html; charset=utf-8")
	return formPage.Execute(w, struct {
		To     template.URL
		Params map[string]string
	}{template.URL(to), params}) //nolint:gosec // registered for the app; schemes that run scripts can't be
}
