package keyporter

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxNameLen is the length of the longest name of anything, in characters.
const MaxNameLen = 100

// ParseName checks a name that a person gave to a token, role or organization and
// returns it without blanks around it: 1 to 100 characters that can be seen. Anything
// else may stand in it, markup included: pages escape what they show.
func ParseName(name string) (string, error) {
	name = strings.TrimFunc(name, unicode.IsSpace)
	switch {
	case name == "":
		return "", InvalidField("name", "Enter a name.")
	case !utf8.ValidString(name):
		return "", InvalidField("name", "The name has bytes in it that are not text.")
	case utf8.RuneCountInString(name) > MaxNameLen:
		return "", InvalidField("name", "The name is too long: 100 characters at most.")
	case strings.ContainsFunc(name, hidden):
		return "", InvalidField("name", "The name has control characters or invisible characters in it.")
	case !strings.ContainsFunc(name, unicode.IsGraphic):
		return "", InvalidField("name", "Enter a name that can be seen.")
	}
	return name, nil
}

// hidden tells characters that would make a name look like another one or break a
// line: controls, and the marks that turn the direction of writing. The joiners that
// scripts and emoji need are let through.
func hidden(r rune) bool {
	const zeroWidthNonJoiner, zeroWidthJoiner = '\u200c', '\u200d'
	switch {
	case r == zeroWidthJoiner || r == zeroWidthNonJoiner:
		return false
	case unicode.Is(unicode.Zl, r) || unicode.Is(unicode.Zp, r):
		return true
	default:
		return unicode.IsControl(r) || unicode.Is(unicode.Cf, r)
	}
}

// Fold returns the form of a name or login in which letter case doesn't count: two that
// fold alike are the same.
func Fold(s string) string {
	// Upper first: it joins letters that have several small forms (ς and σ, ſ and s).
	return strings.ToLower(strings.ToUpper(s))
}

// ParseText checks a text of several lines that a person wrote and returns it without
// blanks around it: up to limit characters that can be seen. It may be empty.
func ParseText(field, text string, limit int) (string, error) {
	text = strings.TrimFunc(strings.ReplaceAll(text, "\r\n", "\n"), unicode.IsSpace)
	switch {
	case !utf8.ValidString(text):
		return "", InvalidField(field, "The text has bytes in it that are not text.")
	case utf8.RuneCountInString(text) > limit:
		return "", InvalidField(field, "The text is too long: "+strconv.Itoa(limit)+" characters at most.")
	case strings.ContainsFunc(text, func(r rune) bool { return r != '\n' && hidden(r) }):
		return "", InvalidField(field, "The text has control characters or invisible characters in it.")
	}
	return text, nil
}
