package keyporter

import (
	"errors"
	"strings"
	"time"
)

// Kind classifies the errors that a caller can do something about. An error without a kind is
// a fault in Keyporter or in something it depends on. The doors show only a request ID for it.
type Kind int

// The kinds of errors.
const (
	Unknown      Kind = iota
	Invalid           // the input is wrong; Fields or Message say how
	Unauthorized      // nobody is signed in, or the credential doesn't work
	Forbidden         // we know who is asking, and they aren't allowed to
	NotFound          // it doesn't exist, or whoever is asking can't see it
	Conflict          // the state isn't what the caller thought: a name is taken, a link was used
	TooMany           // too many attempts; RetryAfter says when to try again
	Unavailable       // the database can't be reached or written right now; nothing was changed, unless the error IsUncertain
)

// Error is an error with a kind and a message for people. Err is the cause, for the log, or nil.
type Error struct {
	Kind       Kind
	Message    string        // a full sentence in the reader's words, without secrets; empty if Fields say it all
	Fields     []FieldError  // every wrong input, with Invalid and Conflict
	RetryAfter time.Duration // with TooMany, and with Unavailable if too many are waiting
	Uncertain  bool          // with Unavailable: the change may have been made all the same
	Err        error
}

// FieldError is what is wrong with one input.
type FieldError struct {
	Field   string // the input's name in forms and wire formats
	Message string // like Error.Message
}

// Error returns the message, followed by the cause in parentheses.
func (e *Error) Error() string {
	if e.Err != nil {
		return e.text() + " (" + e.Err.Error() + ")"
	}
	return e.text()
}

// text is the message followed by those of the fields.
func (e *Error) text() string {
	var messages []string
	if e.Message != "" {
		messages = append(messages, e.Message)
	}
	for _, f := range e.Fields {
		messages = append(messages, f.Message)
	}
	return strings.Join(messages, " ")
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Refuse is an error of the given kind with a message for people.
func Refuse(kind Kind, message string) error {
	return &Error{Kind: kind, Message: message}
}

// InvalidField is an Invalid error about one input.
func InvalidField(field, message string) error { return fieldError(Invalid, field, message) }

// ConflictField is a Conflict error about one input, such as a name that is taken.
func ConflictField(field, message string) error { return fieldError(Conflict, field, message) }

func fieldError(kind Kind, field, message string) error {
	return &Error{Kind: kind, Fields: []FieldError{{field, message}}}
}

// MayHaveChanged is what the message of an uncertain error says, in every door.
const MayHaveChanged = "This may or may not have been changed. Look before you try again."

// IsUncertain reports whether the change that failed with err may have been made all the same: the
// database broke off while it was being committed.
func IsUncertain(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Uncertain
}

// JoinFields merges the errors about inputs into one, nil if there are none. If an error isn't
// about an input, JoinFields returns the first such error instead.
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

// FieldsOf returns what err says about inputs, or nil if err isn't an *Error.
func FieldsOf(err error) []FieldError {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Fields
	}
	return nil
}

// KindOf returns the kind of err, or Unknown if err isn't an *Error.
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return Unknown
}

// RetryAfterOf returns how long to wait before another attempt if err says so, and otherwise 0.
func RetryAfterOf(err error) time.Duration {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.RetryAfter
	}
	return 0
}

// MessageOf returns the message for people in err, or "" if err isn't an *Error: the text of
// other errors may reveal things that readers must not see.
func MessageOf(err error) string {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.text()
	}
	return ""
}
