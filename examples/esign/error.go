package esign

import (
	"errors"
	"net/http"
	"time"
)

// fault is an error that the caller sees. From any other error, which is ours, they only learn its
// trace ID.
type fault struct {
	status int
	id     string
	text   string
}

func (f fault) Error() string { return f.id + ": " + f.text }

// Other users' things are answered like things that don't exist: guessing an ID reveals nothing.
var (
	errNoEnvelope  = fault{http.StatusNotFound, "ERR0007", "There is no such envelope."}
	errNoFile      = fault{http.StatusNotFound, "ERR0008", "There is no such file."}
	errNoDraft     = fault{http.StatusNotFound, "ERR0250", "There is no such draft."}
	errNoTemplate  = fault{http.StatusNotFound, "ERR0260", "There is no such template."}
	errNotActive   = fault{http.StatusBadRequest, "ERR0013", "Only an active envelope can be canceled."}
	errNoFileName  = fault{http.StatusBadRequest, "ERR0023", "Content-Disposition must contain a file name."}
	errTooBig      = fault{http.StatusBadRequest, "ERR0055", "The file is too big."}
	errEmptyFile   = fault{http.StatusBadRequest, "ERR0097", "The file is empty."}
	errTooLong     = fault{http.StatusRequestEntityTooLarge, "ERR0011", "The request is too long."}
	errNoOperation = fault{http.StatusNotFound, "ERR0001", "There is no such operation."}
	errOurs        = fault{http.StatusInternalServerError, "ERR0001", "The call failed because of a problem on our side."}
)

func missing(parameter string) fault {
	return fault{http.StatusBadRequest, "ERR0002", parameter + " is missing."}
}

func invalid(text string) fault { return fault{http.StatusBadRequest, "ERR0011", text} }

type error5 struct {
	ErrorID   string `json:"ErrorId"`
	Message   string
	SupportID string `json:"SupportId"`
}

type error6 struct {
	ErrorID string `json:"ErrorId"`
	Message string
	TraceID string `json:"TraceId"`
}

// fail answers with an error in the version's format. The trace ID is Keyporter's request ID, so
// one ID leads to what Keyporter knows about the call, and to the error in our log.
func (s *Service) fail(w http.ResponseWriter, r *http.Request, version rune, err error) {
	f, trace, there := s.faultOf(r, err)
	if !there {
		return
	}
	if version < '6' {
		_ = writeJSON(w, f.status, error5{f.id, f.id + ": " + f.text, trace})
		return
	}
	_ = writeJSON(w, f.status, error6{f.id, f.id + " - " + f.text, trace})
}

// faultOf returns what the caller sees of an error, and its trace ID. there is false if the client
// is gone.
func (s *Service) faultOf(r *http.Request, err error) (f fault, trace string, there bool) {
	if trace = r.Header.Get(headerRequestID); trace == "" {
		trace = newID(time.Now())
	}
	switch {
	case r.Context().Err() != nil:
		return f, trace, false
	case !errors.As(err, &f):
		s.log.ErrorContext(r.Context(), "a call failed", "trace", trace, "error", err)
		f = errOurs
	}
	return f, trace, true
}
