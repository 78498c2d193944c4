package console

import (
	"net/http"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control"
)

// maxShown is how many tokens a preview names. It only counts the rest.
const maxShown = 50

// impactPart is the preview of a change.
type impactPart struct {
	control.Impact        // without the rows beyond maxShown
	Error          string // why the change would be refused
	Stopping       int    // tokens that stop working
	MoreUsers      int    // not shown
	MoreTokens     int
	Silencing      int // organization tokens and the users they can no longer act for
	MoreSilenced   int
	Now            time.Time
}

// previewOf returns the preview of a change. If err says why the change isn't possible, the preview
// shows it; previewOf returns all other errors.
func (c *console) previewOf(i control.Impact, err error) (*impactPart, error) {
	p := &impactPart{Impact: i, Stopping: len(i.Tokens), Silencing: len(i.Silenced), Now: c.Now()}
	if err != nil {
		f, other := faultOf(err)
		p.Error = f.Text
		for _, text := range f.Fields {
			p.Error = text
		}
		return p, other
	}
	p.MoreUsers = i.Changing - len(i.Users)
	if p.MoreTokens = len(i.Tokens) - maxShown; p.MoreTokens > 0 {
		p.Tokens = i.Tokens[:maxShown]
	}
	if p.MoreSilenced = len(i.Silenced) - maxShown; p.MoreSilenced > 0 {
		p.Silenced = i.Silenced[:maxShown]
	}
	return p, nil
}

// confirmPage asks for confirmation of a change. The script shows it as a dialog.
type confirmPage struct {
	Heading string
	Texts   []string
	Impact  *impactPart // may be nil
	Version int         // of a role; 0 for anything else
	Action  string      // path that the form is sent to
	Submit  string      // what the button says; empty: the change isn't possible
	Back    string      // path of the page it was opened from

	Harmless bool // nothing stops working
	Once     bool // it makes a secret
}

func (c *console) confirm(w http.ResponseWriter, r *http.Request, actor keyporter.Actor, status int, p confirmPage) error {
	if p.Impact != nil && p.Impact.Error != "" {
		p.Submit = ""
	}
	l, err := c.layoutFor(r, actor, p.Heading, p)
	if err != nil {
		return err
	}
	return c.show(w, r, status, "confirm", l)
}
