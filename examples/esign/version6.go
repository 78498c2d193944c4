package esign

import (
	"context"
	"net/http"
)

// The endpoints of version 6.

func about6(Caller) versionResponse6 { return versionResponse6{Version} }

// whoAmI6 leaves empty what Keyporter doesn't pass on: names, assignments, and roles.
func whoAmI6(c Caller) whoAmIResponse6 {
	return whoAmIResponse6{
		UserID: c.UserID, Email: c.Login, UserName: c.Login,
		SamlAssignments: []samlAssignment6{}, OAuthAssignments: []string{}, Roles: []string{},
	}
}

func (s *Service) upload6(w http.ResponseWriter, r *http.Request, c Caller) error {
	id, err := s.receive(w, r, c)
	return write(w, uploadResponse6{id}, err)
}

func (s *Service) send6(ctx context.Context, c Caller, q sendRequest6) (envelopeID6, error) {
	id, err := s.create6(ctx, c, q, active)
	return envelopeID6{id}, err
}

func (s *Service) create6(ctx context.Context, c Caller, q sendRequest6, as status) (string, error) {
	e, err := q.envelope(as)
	if err != nil {
		return "", err
	}
	return s.create(ctx, c, e)
}

func (s *Service) get6(ctx context.Context, c Caller, id string) (envelope6, error) {
	e, err := s.sent6(ctx, c, id)
	return envelope6{e.id, e.name, e.status, e.createdAt, activities6(e.recipients)}, err
}

func (s *Service) files6(ctx context.Context, c Caller, id string) (filesResponse6, error) {
	e, err := s.sent6(ctx, c, id)
	out := filesResponse6{Documents: []document6{}}
	for i, d := range e.documents {
		out.Documents = append(out.Documents, document6{d.id, d.name, i + 1})
	}
	return out, err
}

// sent6 returns an envelope. In version 6, drafts and templates aren't envelopes.
func (s *Service) sent6(ctx context.Context, c Caller, id string) (envelope, error) {
	e, err := s.get(ctx, c, id)
	if err == nil && !e.status.sent() {
		return e, errNoEnvelope
	}
	return e, err
}

func (s *Service) find6(ctx context.Context, c Caller, q findRequest) (findResponse6, error) {
	page, err := s.find(ctx, c, q, active, completed, canceled, rejected, expired)
	out := findResponse6{Envelopes: []found6{}}
	for _, e := range page {
		out.Envelopes = append(out.Envelopes, found6{e.status, e.id, e.name})
	}
	return out, err
}

func (s *Service) cancel6(ctx context.Context, c Caller, q envelopeID6) (empty, error) {
	return empty{}, s.cancel(ctx, c, q.EnvelopeID)
}

// delete6 also deletes drafts and templates.
func (s *Service) delete6(ctx context.Context, c Caller, q envelopeID6) (empty, error) {
	return empty{}, s.remove(ctx, c, q.EnvelopeID)
}

func (s *Service) createTemplate6(ctx context.Context, c Caller, q sendRequest6) (templateID6, error) {
	id, err := s.create6(ctx, c, q, template)
	return templateID6{id}, err
}

func (s *Service) findTemplates6(ctx context.Context, c Caller, q findRequest) (templatesResponse6, error) {
	q.Status = template
	page, err := s.find(ctx, c, q, template)
	out := templatesResponse6{Templates: []template6{}}
	for _, e := range page {
		out.Templates = append(out.Templates, template6{ID: e.id, Name: e.name, CreationDate: e.createdAt})
	}
	return out, err
}

func (s *Service) getTemplate6(ctx context.Context, c Caller, id string) (template6, error) {
	e, err := s.template(ctx, c, id)
	return template6{e.id, e.name, e.createdAt, activities6(e.recipients)}, err
}

func (s *Service) createDraft6(ctx context.Context, c Caller, q templateID6) (draftID6, error) {
	id, err := s.use(ctx, c, q.TemplateID, draft, func(*envelope) error { return nil })
	return draftID6{id}, err
}

func (s *Service) sendDraft6(ctx context.Context, c Caller, q draftID6) (sendDraftResponse6, error) {
	id, err := s.sendDraft(ctx, c, q.DraftID)
	return sendDraftResponse6{envelopeID6{id}}, err
}
