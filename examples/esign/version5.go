package esign

import (
	"context"
	"net/http"
)

// The endpoints of versions 4 and 5.

func about5(Caller) versionResponse5 { return versionResponse5{Success: true, Version: Version} }

// authorized says, in every version, that the call got through: the gateway lets no other calls
// through.
func authorized(Caller) empty { return empty{} }

// me5 leaves names empty, because Keyporter doesn't pass them on.
func me5(c Caller) meResponse5 { return meResponse5{ID: c.UserID, Email: c.Login} }

func (s *Service) upload5(w http.ResponseWriter, r *http.Request, c Caller) error {
	id, err := s.receive(w, r, c)
	return write(w, uploadResponse5{id}, err)
}

func (s *Service) send5(ctx context.Context, c Caller, q sendRequest5) (sendResponse5, error) {
	e, err := q.envelope()
	if err != nil {
		return sendResponse5{}, err
	}
	id, err := s.create(ctx, c, e)
	return newSendResponse5(id), err
}

// get5 also returns drafts and templates.
func (s *Service) get5(ctx context.Context, c Caller, id string) (envelope5, error) {
	e, err := s.get(ctx, c, id)
	return newEnvelope5(e), err
}

// find5 also lists drafts and templates if asked for their status. An envelope can be found by the
// status in this version's answers, and by the equivalent status of version 6.
func (s *Service) find5(ctx context.Context, c Caller, q findRequest) (findResponse5, error) {
	if string(q.Status) == status5(active) {
		q.Status = active
	}
	page, err := s.find(ctx, c, q, active, completed, canceled, rejected, expired, draft, template)
	out := findResponse5{Envelopes: []found5{}}
	for _, e := range page {
		out.Envelopes = append(out.Envelopes, found5{status5(e.status), e.id, e.name})
	}
	return out, err
}

func (s *Service) cancel5(ctx context.Context, c Caller, id string) (noContent, error) {
	return noContent{}, s.cancel(ctx, c, id)
}

func (s *Service) delete5(ctx context.Context, c Caller, id string) (noContent, error) {
	return noContent{}, s.remove(ctx, c, id)
}

// copyFromTemplate5 returns what to send for an envelope like the template.
func (s *Service) copyFromTemplate5(ctx context.Context, c Caller, id string) (sendRequest5, error) {
	e, err := s.template(ctx, c, id)
	return newSendRequest5(e), err
}

func (s *Service) sendFromTemplate5(ctx context.Context, c Caller, q templateRequest5) (sendResponse5, error) {
	id, err := s.use(ctx, c, q.TemplateID, active, q.override)
	return newSendResponse5(id), err
}

func (s *Service) createFromTemplate5(ctx context.Context, c Caller, q templateRequest5) (draftResponse5, error) {
	id, err := s.use(ctx, c, q.TemplateID, draft, q.override)
	return draftResponse5{id}, err
}

func (s *Service) sendDraft5(ctx context.Context, c Caller, id string) (sendResponse5, error) {
	id, err := s.sendDraft(ctx, c, id)
	return newSendResponse5(id), err
}
