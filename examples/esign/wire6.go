package esign

import "time"

// The requests and responses of version 6.

type versionResponse6 struct{ Version string }

type whoAmIResponse6 struct {
	UserID           string `json:"UserId"`
	Email            string
	GivenName        string
	Surname          string
	UserName         string
	Sid              string
	SamlAssignments  []samlAssignment6
	OAuthAssignments []string
	Roles            []string
}

type samlAssignment6 struct{ ProviderName, IdentificationValue string }

type uploadResponse6 struct {
	FileID string `json:"FileId"`
}

type sendRequest6 struct {
	Documents []struct {
		FileID string `json:"FileId"`
	}
	Name       string
	Activities []activity6
}

// activity6 has exactly one action.
type activity6 struct {
	Action struct {
		Sign     *action6 `json:",omitempty"`
		View     *action6 `json:",omitempty"`
		SendCopy *action6 `json:",omitempty"`
	}
}

type action6 struct{ RecipientConfiguration recipient6 }

type recipient6 struct{ ContactInformation contact6 }

type contact6 struct{ Email, GivenName, Surname string }

type envelope6 struct {
	ID             string `json:"Id"`
	Name           string
	EnvelopeStatus status
	SendDate       time.Time
	Activities     []activity6
}

type filesResponse6 struct{ Documents []document6 }

type document6 struct {
	FileID         string `json:"FileId"`
	FileName       string
	DocumentNumber int
}

type findResponse6 struct{ Envelopes []found6 }

type found6 struct {
	Status status
	ID     string `json:"Id"`
	Name   string
}

type template6 struct {
	ID           string `json:"Id"`
	Name         string
	CreationDate time.Time
	Activities   []activity6 `json:",omitempty"` // not in a list
}

type templatesResponse6 struct{ Templates []template6 }

type sendDraftResponse6 struct{ Envelope envelopeID6 }

// The IDs in requests and responses of version 6, one per body.
type (
	envelopeID6 struct {
		EnvelopeID string `json:"EnvelopeId"`
	}
	templateID6 struct {
		TemplateID string `json:"TemplateId"`
	}
	draftID6 struct {
		DraftID string `json:"DraftId"`
	}
)

// envelope reads what to create. Documents are numbered in order.
func (q sendRequest6) envelope(s status) (envelope, error) {
	e := envelope{name: q.Name, status: s}
	for _, d := range q.Documents {
		e.documents = append(e.documents, file{id: d.FileID})
	}
	for _, a := range q.Activities {
		r, ok := a.recipient()
		if !ok {
			return e, invalid("The Action of an activity must be Sign, View, or SendCopy.")
		}
		e.recipients = append(e.recipients, r)
	}
	return e, nil
}

func (a activity6) recipient() (r recipient, ok bool) {
	count := 0
	take := func(name string, action *action6) {
		if action != nil {
			contact := action.RecipientConfiguration.ContactInformation
			r = recipient{name, contact.Email, contact.GivenName, contact.Surname}
			count++
		}
	}
	take(sign, a.Action.Sign)
	take(view, a.Action.View)
	take(sendCopy, a.Action.SendCopy)
	return r, count == 1
}

func activities6(recipients []recipient) []activity6 {
	all := make([]activity6, len(recipients))
	for i, r := range recipients {
		action := &action6{recipient6{contact6{r.email, r.givenName, r.surname}}}
		switch r.action {
		case view:
			all[i].Action.View = action
		case sendCopy:
			all[i].Action.SendCopy = action
		default:
			all[i].Action.Sign = action
		}
	}
	return all
}
