package esign

import (
	"context"
	"errors"
	"time"
)

// template returns one of c's templates.
func (s *Service) template(ctx context.Context, c Caller, id string) (e envelope, err error) {
	err = s.do(ctx, func(t tx) error {
		e, err = t.unsent(ctx, c, id, template)
		return err
	})
	return e, err
}

// unsent returns a template or a draft. If its status has changed, it counts as unknown.
func (t tx) unsent(ctx context.Context, c Caller, id string, kind status) (envelope, error) {
	e, err := t.envelope(ctx, c, id)
	switch {
	case err != nil && !errors.Is(err, errNoEnvelope):
		return e, err
	case err == nil && e.status == kind:
		return e, nil
	case kind == draft:
		return e, errNoDraft
	}
	return e, errNoTemplate
}

// use creates a draft, or an envelope that is sent, from a template, with the changes that change
// makes. It returns the new ID.
func (s *Service) use(ctx context.Context, c Caller, templateID string, as status, change func(*envelope) error) (id string, err error) {
	err = s.do(ctx, func(t tx) error {
		e, err := t.unsent(ctx, c, templateID, template)
		if err != nil {
			return err
		}
		e.status = as
		if err := change(&e); err != nil {
			return err
		}
		id, err = t.insertEnvelope(ctx, c, e, time.Now())
		return err
	})
	return id, err
}

// sendDraft turns a draft into an envelope, deletes the draft, and returns the envelope's ID.
func (s *Service) sendDraft(ctx context.Context, c Caller, draftID string) (id string, err error) {
	err = s.do(ctx, func(t tx) error {
		e, err := t.unsent(ctx, c, draftID, draft)
		if err != nil {
			return err
		}
		e.status = active
		if id, err = t.insertEnvelope(ctx, c, e, time.Now()); err != nil {
			return err
		}
		return t.deleteEnvelope(ctx, e.id)
	})
	return id, err
}
