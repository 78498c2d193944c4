package keyporter

import (
	"errors"
	"time"
)

// Kind sorts the errors that a caller can do something about. An error without a kind
// is a fault of ours or of the ground we stand on: doors show a request id and nothing else of it.
type Kind int

// The kinds of errors.
const (
	Unknown      Kind = iota
	Invalid           // the input is wrong; Fields or Message say how
	Unauthorized      // nobody is signed in, or the credential doesn't work
	Forbidden         // known who asks, and he may not
	NotFound          // no such thing, or it is not visible to who asks
	Conflict          // the thing is not as the caller thought: a name taken, a link used
	TooMany           // too often; RetryAfter says when again
	Unavailable       // the state can't be reached or written now; nothing was changed
)

// Error is an error with a kind and a message for people. Err, when set, is the cause, for the log.
type Error struct {
	Kind       Kind
	Message    string        // a whole sentence in the reader's words, without secrets
	Field      string        // the input that is wrong, when one is
	RetryAfter time.Duration // with TooMany
	Err        error
}

// Error returns the message, and the cause in brackets after it.
func (e *Error) Error() string {
	if e.Err != nil {
		return e.Message + " (" + e.Err.Error() + ")"
	}
	return e.Message
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// InvalidField is an Invalid error about one input.
func InvalidField(field, message string) error {
	return &Error{Kind: Invalid, Field: field, Message: message}
}

// Refuse is an error of the given kind with a message for people.
func Refuse(kind Kind, message string) error {
	return &Error{Kind: kind, Message: message}
}

// KindOf returns the kind of err, Unknown for nil and for foreign errors.
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return Unknown
}

// MessageOf returns the message for people of err, empty for nil and for foreign errors:
// those may say what is nobody's business.
func MessageOf(err error) string {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Message
	}
	return ""
}
