// Package names compares and validates what people call things: the names of tokens, roles,
// apps and organizations, and the login names of users.
//
// It owns the rule for when two names are the same and which names are valid. There is one
// for every name and login, so nothing else folds letter case or looks for invisible
// characters. That a name is unique, the database holds: it stores the Key with it.
package names

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/keyporter/keyporter"
)

// Key returns what a name or login is compared by. Letter case doesn't count. Keys are stored
// under unique indexes, so a change of this function needs a migration of them.
func Key(name string) string {
	// Upper first: that joins letters with several lower-case forms (ς and σ, ſ and s).
	return strings.ToLower(strings.ToUpper(name))
}

// Same reports whether two names or logins are the same one.
func Same(a, b string) bool { return a == b || Key(a) == Key(b) }

// Parse validates a name and returns it without the white space around it: 1 to 100
// characters that a reader can see. Anything else may be in it, markup included, because
// pages escape what they show. Its error is about the input with the name of field.
func Parse(field, name string) (string, error) {
	name = strings.TrimFunc(name, unicode.IsSpace)
	switch {
	case name == "":
		return "", keyporter.InvalidField(field, "Enter a name.")
	case !utf8.ValidString(name):
		return "", keyporter.InvalidField(field, "The name contains bytes that aren't text.")
	case utf8.RuneCountInString(name) > keyporter.MaxNameLen:
		return "", keyporter.InvalidField(field, "The name is too long. The limit is 100 characters.")
	case strings.ContainsFunc(name, invisible):
		return "", keyporter.InvalidField(field, "The name contains control characters or invisible characters.")
	case !strings.ContainsFunc(name, unicode.IsGraphic):
		return "", keyporter.InvalidField(field, "Enter a visible name.")
	}
	return name, nil
}

// ParseLogin validates a login name and returns it without the white space around it.
func ParseLogin(login string) (string, error) {
	login = strings.TrimFunc(login, unicode.IsSpace)
	local, domain, ok := strings.Cut(login, "@")
	bad := func(r rune) bool {
		return unicode.IsSpace(r) || invisible(r) || strings.ContainsRune(`<>"',;:()[]\`, r)
	}
	switch {
	case login == "":
		return "", keyporter.InvalidField("login", "Enter a login name.")
	case !ok || local == "" || domain == "" || strings.Contains(domain, "@"):
		return "", keyporter.InvalidField("login", "The login name must be an email address, such as ada@acme.example.")
	case len(login) > keyporter.MaxLoginLen || !utf8.ValidString(login) || strings.ContainsFunc(login, bad):
		return "", keyporter.InvalidField("login", "This isn't a valid email address.")
	}
	return login, nil
}

// ParseText validates a text of several lines and returns it without the white space around
// it: up to limit characters that a reader can see. It may be empty.
func ParseText(field, text string, limit int) (string, error) {
	text = strings.TrimFunc(strings.ReplaceAll(text, "\r\n", "\n"), unicode.IsSpace)
	switch {
	case !utf8.ValidString(text):
		return "", keyporter.InvalidField(field, "The text contains bytes that aren't text.")
	case utf8.RuneCountInString(text) > limit:
		return "", keyporter.InvalidField(field, "The text is too long: "+strconv.Itoa(limit)+" characters at most.")
	case strings.ContainsFunc(text, func(r rune) bool { return r != '\n' && invisible(r) }):
		return "", keyporter.InvalidField(field, "The text contains control characters or invisible characters.")
	}
	return text, nil
}

// invisible reports whether a character can make a name look like another one or break a
// line: controls, and the marks that change the direction of writing. The joiners that
// scripts and emoji need are allowed.
func invisible(r rune) bool {
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
