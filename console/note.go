package console

import (
	"time"

	"github.com/keyporter/keyporter/control"
)

// note is what somebody should know about a token in a list: the cause, what follows from it, and the way out.
type note struct {
	Icon   string
	Bad    bool // it is red
	Cause  string
	Day    time.Time // ends the cause; zero: none
	Then   string
	Action noteAction
	Link   link // where to find out more; empty: nowhere
}

// noteAction is a form with one button. Its zero value is none.
type noteAction struct {
	Label   string
	Path    string
	Expires string // the value of the field of that name, if it isn't empty
	Done    string // what the script says afterward
}

// soon is how long before a token expires its owner is told.
const soon = 14 * 24 * time.Hour

// extended is how much longer a token works after the button of its note was used.
const extended = 90

// noteOf returns the first thing to know about a token, or nil if all is well.
func noteOf(t tokenRow) *note {
	last, used := t.Use.Last()
	refused := used && last.LastRefused() && last.LastAt.After(t.ChangedAt)
	switch {
	case t.Enabled && !t.Expired && t.Obstacle != "":
		return &note{Icon: "no-entry", Cause: t.Obstacle, Then: "It works again once that changes."}
	case t.Expired && refused && last.LastAt.After(t.ExpiresAt):
		return &note{Icon: "clock", Cause: "Expired on", Day: t.LastDay, Then: clientName(last.Agent) + " was refused " + ago(last.LastAt, t.Now) + ".", Action: t.extend(t.Now)}
	case !t.Expired && !t.Enabled && refused:
		return &note{Icon: "no-entry", Bad: true, Cause: "It’s off.", Then: clientName(last.Agent) + " was refused " + ago(last.LastAt, t.Now) + ".", Action: t.switchOn()}
	case t.Enabled && refused && t.Now.Sub(last.LastAt) < control.RecentRefusals:
		return &note{
			Icon: "no-entry", Bad: true, Cause: clientName(last.Agent) + " was refused " + ago(last.LastAt, t.Now) + ".",
			Link: link{"Find out why", "/tokens/" + string(t.ID) + "/explain" + t.Query()},
		}
	case t.Soon && t.Enabled:
		n := &note{Icon: "clock", Cause: "Expires on", Day: t.LastDay, Action: t.extend(t.ExpiresAt)}
		if used {
			n.Then = clientName(last.Agent) + " stops then."
		}
		return n
	}
	return nil
}

func (t tokenRow) extend(from time.Time) noteAction {
	at, done := from.UTC().AddDate(0, 0, extended), "It works 90 days longer now."
	if t.Expired {
		done = "It works for 90 more days."
	}
	return noteAction{Label: "Extend by 90 days", Path: "/tokens/" + string(t.ID) + "/expiry" + t.Query(), Expires: iso(at), Done: done}
}

func (t tokenRow) switchOn() noteAction {
	return noteAction{Label: "Switch on", Path: "/tokens/" + string(t.ID) + "/enable" + t.Query(), Done: "“" + t.Name + "” is on."}
}

// block marks tokens that are on, although something keeps them from working about which the page says more.
func block(rows []tokenRow) {
	for i := range rows {
		rows[i].Blocked = rows[i].Enabled && !rows[i].Expired
	}
}
