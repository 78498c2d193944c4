package esign

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// Seed gives a user some envelopes in different states, and a template, so that there is something
// to find. It does so once: what the user deletes stays deleted.
func (s *Service) Seed(ctx context.Context, c Caller) error {
	now := time.Now()
	return s.do(ctx, func(t tx) error {
		first, err := t.changed(ctx, `
			INSERT INTO seed (user_id, seeded_at) VALUES (?, ?)
			ON CONFLICT DO NOTHING`, c.UserID, now.UnixMilli())
		if err != nil {
			return fmt.Errorf("mark as seeded: %w", err)
		}
		if !first {
			return nil
		}
		all := examples(c)
		for i, e := range all {
			if err := s.seed(ctx, t, c, e, now.AddDate(0, 0, i-len(all))); err != nil { // one a day
				return fmt.Errorf("seed %q: %w", e.name, err)
			}
		}
		return nil
	})
}

// examples returns what a user gets, oldest first. The user is one of the signers; the other
// addresses are nobody's.
func examples(c Caller) []envelope {
	me := recipient{action: sign, email: c.Login}
	from := func(action, mailbox string) recipient {
		return recipient{action: action, email: mailbox + "@example.com"}
	}
	return []envelope{
		{name: "Non-disclosure agreement", status: template, recipients: []recipient{from(sign, "partner"), me}},
		{name: "Office lease, second floor", status: completed, recipients: []recipient{me, from(sign, "landlord")}},
		{name: "Service contract for the lifts", status: rejected, recipients: []recipient{from(sign, "lifts")}},
		{name: "Order of 40 desks", status: canceled, recipients: []recipient{me, from(sendCopy, "accounting")}},
		{name: "Data processing agreement", status: expired, recipients: []recipient{from(sign, "hosting"), from(view, "privacy")}},
		{name: "Rules for working at home", status: active, recipients: []recipient{me, from(sendCopy, "personnel")}},
		{name: "Supply contract for next year", status: active, recipients: []recipient{from(sign, "purchasing"), from(view, "legal")}},
	}
}

// seed stores e as of a time, with a document of one line.
func (s *Service) seed(ctx context.Context, t tx, c Caller, e envelope, at time.Time) error {
	f := file{id: newID(at), name: e.name + ".txt"}
	var err error
	if f.size, err = s.keep(f.id, strings.NewReader(e.name+"\n")); err != nil {
		return err
	}
	if err := t.insertFile(ctx, c, f, at); err != nil {
		return err
	}
	e.documents = []file{f}
	_, err = t.insertEnvelope(ctx, c, e, at)
	return err
}
