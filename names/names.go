// Package names compares and validates what people call things: the names of tokens, roles,
// apps and organizations, and the login names of users.
//
// It owns the rules for when two names are the same and which names are valid. Nothing else
// folds letter case or looks for invisible characters. The database keeps names unique: it
// stores the Key of each.
package names

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/keyporter/keyporter"
)

// Key returns the form in which names and logins are compared. It ignores letter case. The
// database stores keys under unique indexes, so changing this function takes a migration.
func Key(name string) string {
	// Upper case first: it unifies letters with several lower-case forms (ς and σ, ſ and s).
	return strings.ToLower(strings.ToUpper(name))
}

// Same reports whether two names or logins are the same.
func Same(a, b string) bool { return a == b || Key(a) == Key(b) }

// Parse validates a name and returns it without surrounding white space. A name has 1 to
// keyporter.MaxNameLen characters, at least one of them visible, and no control characters or
// invisible ones. Markup is allowed, because pages escape what they show. Its errors are
// Invalid, about the input field.
func Parse(field, name string) (string, error) {
	name = strings.TrimFunc(name, unicode.IsSpace)
	switch {
	case name == "":
		return "", keyporter.InvalidField(field, "Enter a name.")
	case !utf8.ValidString(name):
		return "", keyporter.InvalidField(field, "The name contains bytes that aren’t text.")
	case utf8.RuneCountInString(name) > keyporter.MaxNameLen:
		return "", keyporter.InvalidField(field, "The name is too long. The limit is 100 characters.")
	case strings.ContainsFunc(name, invisible):
		return "", keyporter.InvalidField(field, "The name contains control characters or invisible characters.")
	case !strings.ContainsFunc(name, unicode.IsGraphic):
		return "", keyporter.InvalidField(field, "Enter a visible name.")
	}
	return name, nil
}

// ParseLogin validates a login name, an email address of at most keyporter.MaxLoginLen bytes,
// and returns it without surrounding white space. Its errors are Invalid, about the input login.
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

// ParseText validates a text that may have several lines, and returns it without surrounding
// white space and with \n line ends. It may be empty, and has at most limit characters. Its
// errors are Invalid, about the input field.
func ParseText(field, text string, limit int) (string, error) {
	text = strings.TrimFunc(strings.ReplaceAll(text, "\r\n", "\n"), unicode.IsSpace)
	switch {
	case !utf8.ValidString(text):
		return "", keyporter.InvalidField(field, "The text contains bytes that aren’t text.")
	case utf8.RuneCountInString(text) > limit:
		return "", keyporter.InvalidField(field, "The text is too long: "+strconv.Itoa(limit)+" characters at most.")
	case strings.ContainsFunc(text, func(r rune) bool { return r != '\n' && invisible(r) }):
		return "", keyporter.InvalidField(field, "The text contains control characters or invisible characters.")
	}
	return text, nil
}

// invisible reports whether a character can make a name look like another one, or break a
// line: control characters, and marks that change the writing direction. The joiners that some
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
