package esign

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// The requests and responses of versions 4 and 5.

type versionResponse5 struct {
	Success bool
	Version string
}

type meResponse5 struct {
	ID        string `json:"Id"`
	Email     string
	FirstName string
	LastName  string
}

type uploadResponse5 struct {
	SspFileID string `json:"SspFileId"`
}

type draftResponse5 struct {
	DraftID string `json:"DraftId"`
}

type sendRequest5 struct {
	SspFileIDs              []string `json:"SspFileIds"`
	SendEnvelopeDescription description5
}

type description5 struct {
	Name  string
	Steps []step5
}

type step5 struct {
	OrderIndex    int
	RecipientType string
	Recipients    []recipient5
}

type recipient5 struct{ Email, FirstName, LastName string }

type sendResponse5 struct {
	EnvelopeID      string   `json:"EnvelopeId"`
	BulkChildrenIDs []string `json:"BulkChildrenIds"` // always empty: there is no bulk sending here
}

type envelope5 struct {
	Status       string
	SendDate     time.Time `json:",omitzero"`
	Bulks        []bulk5   // the envelope itself, once
	Documents    []document5
	ID           string `json:"Id"`
	BasicOptions options5
}

type bulk5 struct {
	Status string
	ID     string `json:"Id"`
	Steps  []recipientStep5
}

type recipientStep5 struct {
	recipient5
	OrderIndex    int
	RecipientType string
}

type document5 struct {
	DocRefNumber int
	FileName     string
}

type options5 struct{ Name string }

type findResponse5 struct{ Envelopes []found5 }

type found5 struct {
	Status string
	ID     string `json:"Id"`
	Name   string
}

type templateRequest5 struct {
	TemplateID              string `json:"TemplateId"`
	EnvelopeOverrideOptions struct {
		Name       string
		Recipients []override5
	}
}

// override5 replaces the recipient with this email address.
type override5 struct {
	Email     string
	Recipient recipient5
}

// envelope reads what to send. Steps happen in the order of OrderIndex.
func (q sendRequest5) envelope() (envelope, error) {
	d := q.SendEnvelopeDescription
	e := envelope{name: d.Name, status: active}
	for _, id := range q.SspFileIDs {
		e.documents = append(e.documents, file{id: id})
	}
	slices.SortStableFunc(d.Steps, func(a, b step5) int { return cmp.Compare(a.OrderIndex, b.OrderIndex) })
	for _, step := range d.Steps {
		action := actionOf5(step.RecipientType)
		if action == "" {
			return e, invalid("RecipientType must be Signer, Acknowledge, or Cc.")
		}
		for _, r := range step.Recipients {
			e.recipients = append(e.recipients, recipient{action, r.Email, r.FirstName, r.LastName})
		}
	}
	return e, nil
}

func actionOf5(recipientType string) string {
	switch recipientType {
	case "Signer", "":
		return sign
	case "Acknowledge":
		return view
	case "Cc":
		return sendCopy
	}
	return ""
}

func recipientType5(action string) string {
	switch action {
	case view:
		return "Acknowledge"
	case sendCopy:
		return "Cc"
	}
	return "Signer"
}

func status5(s status) string {
	if s == active {
		return "InProgress"
	}
	return string(s)
}

func newEnvelope5(e envelope) envelope5 {
	out := envelope5{Status: status5(e.status), ID: e.id, BasicOptions: options5{e.name}}
	if e.status.sent() {
		out.SendDate = e.createdAt
	}
	for i, d := range e.documents {
		out.Documents = append(out.Documents, document5{i + 1, d.name})
	}
	out.Bulks = []bulk5{{Status: out.Status, ID: e.id, Steps: steps5(e.recipients)}}
	return out
}

func steps5(recipients []recipient) []recipientStep5 {
	var steps []recipientStep5
	for i, r := range recipients {
		steps = append(steps, recipientStep5{recipient5{r.email, r.givenName, r.surname}, i + 1, recipientType5(r.action)})
	}
	return steps
}

func newSendRequest5(e envelope) sendRequest5 {
	q := sendRequest5{SendEnvelopeDescription: description5{Name: e.name}}
	for _, d := range e.documents {
		q.SspFileIDs = append(q.SspFileIDs, d.id)
	}
	d := &q.SendEnvelopeDescription
	for i, r := range e.recipients {
		d.Steps = append(d.Steps, step5{i + 1, recipientType5(r.action), []recipient5{{r.email, r.givenName, r.surname}}})
	}
	return q
}

func newSendResponse5(id string) sendResponse5 {
	return sendResponse5{EnvelopeID: id, BulkChildrenIDs: []string{}}
}

// override changes what the template has.
func (q templateRequest5) override(e *envelope) error {
	if name := q.EnvelopeOverrideOptions.Name; name != "" {
		e.name = name
	}
	for _, o := range q.EnvelopeOverrideOptions.Recipients {
		i := slices.IndexFunc(e.recipients, func(r recipient) bool { return strings.EqualFold(r.email, o.Email) })
		if i < 0 {
			return invalid("The template has no recipient with the Email to replace.")
		}
		e.recipients[i] = recipient{e.recipients[i].action, o.Recipient.Email, o.Recipient.FirstName, o.Recipient.LastName}
	}
	return nil
}
