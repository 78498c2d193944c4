package control

import (
	"context"
	"slices"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/verify"
)

// MaxHistory is how many events the history of a credential has.
const MaxHistory = 50

// CredentialReport is what is known about a credential besides what lists show.
type CredentialReport struct {
	keyporter.Report

	Owner   string            // login name of the token's owner, or of the user who lets the app act for them
	Causes  []keyporter.Step  // why any call with it would be refused now: all causes, the one that decides first
	History []keyporter.Event // latest first, up to MaxHistory
}

// Report returns how a token or connection that the actor may manage was used on a number of days that end today, what happened
// to it, and what keeps it from working.
func (c *Control) Report(ctx context.Context, actor keyporter.Actor, credential keyporter.ID, days int) (r CredentialReport, err error) {
	t, err := c.Credential(ctx, actor, credential)
	if err != nil {
		return r, err
	}
	x, err := c.Explain(ctx, actor, credential, &verify.Request{})
	if err != nil {
		return r, err
	}
	r.Causes = slices.DeleteFunc(x.Steps, func(s keyporter.Step) bool { return s.Outcome != keyporter.Failed || s.Rule == keyporter.RuleLoginName }) // which depends on the call
	history := c.db.TokenEvents
	if t.AppID != "" {
		history = c.db.ConnectionEvents
	}
	if r.History, err = history(ctx, credential, MaxHistory); err != nil {
		return r, err
	}
	owner, err := c.db.UserByID(ctx, t.OwnerID)
	if err != nil {
		return r, missing(err, "credential") // deleted a moment ago
	}
	r.Owner = owner.Login
	r.Report, err = c.usage.Report(ctx, credential, min(max(days, 1), keyporter.MaxReportDays))
	return r, err
}
