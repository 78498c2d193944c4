package esign

import (
	"context"
	"fmt"
	"strings"
	"time"
)

type status string

const (
	template  status = "Template"
	draft     status = "Draft"
	active    status = "Active"
	completed status = "Completed"
	canceled  status = "Canceled"
	rejected  status = "Rejected"
	expired   status = "Expired"
)

// sent distinguishes an envelope from a template and a draft.
func (s status) sent() bool { return s != template && s != draft }

// envelope has documents, and recipients with their actions. In a list, it has neither.
type envelope struct {
	id         string
	name       string
	status     status
	createdAt  time.Time // for an envelope that was sent, the time it was sent
	documents  []file
	recipients []recipient // in order
}

type recipient struct{ action, email, givenName, surname string }

// The actions of recipients.
const (
	sign     = "Sign"
	view     = "View"
	sendCopy = "SendCopy"
)

// maxParts is the maximum number of documents, and of recipients, in an envelope.
const maxParts = 50

// check returns what is missing in an envelope that someone wants to create.
func (e envelope) check() error {
	switch {
	case strings.TrimSpace(e.name) == "":
		return missing("Name")
	case len(e.documents) == 0:
		return missing("A document")
	case len(e.recipients) == 0:
		return missing("A recipient")
	case len(e.documents) > maxParts || len(e.recipients) > maxParts:
		return invalid(fmt.Sprintf("An envelope has up to %d documents and %[1]d recipients.", maxParts))
	}
	for _, r := range e.recipients {
		if !strings.Contains(r.email, "@") {
			return invalid("Each recipient needs an email address.")
		}
	}
	return nil
}

// create checks and stores a new envelope, draft, or template, and returns its ID.
func (s *Service) create(ctx context.Context, c Caller, e envelope) (id string, err error) {
	err = s.do(ctx, func(t tx) error {
		id, err = t.insertEnvelope(ctx, c, e, time.Now())
		return err
	})
	return id, err
}

// get returns one of c's envelopes, drafts, or templates.
func (s *Service) get(ctx context.Context, c Caller, id string) (e envelope, err error) {
	err = s.do(ctx, func(t tx) error {
		e, err = t.envelope(ctx, c, id)
		return err
	})
	return e, err
}

// cancel ends an active envelope.
func (s *Service) cancel(ctx context.Context, c Caller, id string) error {
	return s.do(ctx, func(t tx) error {
		done, err := t.changed(ctx, `
			UPDATE envelope SET status = 'Canceled'
			WHERE id = ? AND user_id = ? AND status = 'Active'`, id, c.UserID)
		if err != nil {
			return fmt.Errorf("cancel envelope: %w", err)
		}
		if done {
			return nil
		}
		if _, err := t.envelope(ctx, c, id); err != nil {
			return err
		}
		return errNotActive
	})
}

// remove deletes an envelope, draft, or template, and the files that nothing else uses.
func (s *Service) remove(ctx context.Context, c Caller, id string) error {
	return s.deleteFiles(ctx, func(t tx) ([]file, error) {
		e, err := t.envelope(ctx, c, id)
		if err != nil {
			return nil, err
		}
		if err := t.deleteEnvelope(ctx, e.id); err != nil {
			return nil, err
		}
		return e.documents, nil
	})
}
