package console

import (
	"net/http"

	"github.com/keyporter/keyporter/web"
)

// appFaultPage is the content of the page shown for an app's request that can't be answered.
type appFaultPage struct{ Text, Code, RequestID string }

// AppFault tells a person that an app has sent them here with a request that can't be
// answered, and that they won't be sent back. code is an OAuth error code for its developer.
func (p *Pages) AppFault(w http.ResponseWriter, r *http.Request, status int, code, text string) {
	id := web.RequestID(r.Context())
	l := layout{Title: "This app can’t continue", Page: appFaultPage{Text: text, Code: code, RequestID: id}}
	if err := p.console.render(w, status, "app-fault", "layout", l); err != nil {
		p.console.fail(w, r, err)
	}
}
