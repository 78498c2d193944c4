package keyporter

import (
	"errors"
	"strings"
	"time"
)

// Kind sorts the errors that a caller can do something about. An error without a kind is a
// fault of ours or of what we build on: doors show a request id and nothing else of it.
type Kind int

// The kinds of errors.
const (
	Unknown      Kind = iota
	Invalid           // the input is wrong; Fields or Message say how
	Unauthorized      // nobody is signed in, or the credential doesn't work
	Forbidden         // we know who is asking, and they may not
	NotFound          // there is no such thing, or whoever is asking can't see it
	Conflict          // the thing isn't what the caller thought: a name is taken, a link was used
	TooMany           // too often; RetryAfter says when again
	Unavailable       // the state can't be reached or written now; nothing was changed
)

// Error is an error with a kind and a message for people. Err, when set, is the cause, for the log.
type Error struct {
	Kind       Kind
	Message    string        // a whole sentence in the reader's words, without secrets; empty if Fields say it all
	Fields     []FieldError  // every input that is wrong, with Invalid and Conflict
	RetryAfter time.Duration // with TooMany
	Err        error
}

// FieldError is what is wrong with one input.
type FieldError struct {
	Field   string // its name, as forms and wire formats have it
	Message string // as that of an Error
}

// Error returns the message, and the cause in brackets after it.
func (e *Error) Error() string {
	if e.Err != nil {
		return e.text() + " (" + e.Err.Error() + ")"
	}
	return e.text()
}

// text is the message, and after it those of the fields.
func (e *Error) text() string {
	text := e.Message
	for _, f := range e.Fields {
		text += " " + f.Message
	}
	return strings.TrimPrefix(text, " ")
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Refuse is an error of the given kind with a message for people.
func Refuse(kind Kind, message string) error {
	return &Error{Kind: kind, Message: message}
}

// InvalidField is an Invalid error about one input.
func InvalidField(field, message string) error { return fieldError(Invalid, field, message) }

// ConflictField is a Conflict about one input, such as a name that is taken.
func ConflictField(field, message string) error { return fieldError(Conflict, field, message) }

func fieldError(kind Kind, field, message string) error {
	return &Error{Kind: kind, Fields: []FieldError{{field, message}}}
}

// JoinFields makes one error of all that errs say about inputs, nil if they say nothing. The
// first error that isn't about an input is returned instead: it has to be dealt with first.
func JoinFields(errs ...error) error {
	var all Error
	for _, err := range errs {
		if err == nil {
			continue
		}
		e, ok := errors.AsType[*Error](err)
		if !ok || len(e.Fields) == 0 {
			return err
		}
		if all.Kind != Invalid {
			all.Kind = e.Kind
		}
		all.Fields = append(all.Fields, e.Fields...)
	}
	if len(all.Fields) == 0 {
		return nil
	}
	return &all
}

// FieldsOf returns what err says about inputs, nothing for nil and for foreign errors.
func FieldsOf(err error) []FieldError {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Fields
	}
	return nil
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
		return e.text()
	}
	return ""
}
