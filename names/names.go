// Package names compares and validates what people call things: the names of tokens, roles,
// apps and organizations, and the login names of users.
//
// It owns the rules for when two names are the same and which names are valid. Nothing else
// folds letter case, normalizes, or looks for invisible characters. The database keeps names unique: it
// stores the Key of each.
package names

import (
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"github.com/keyporter/keyporter"
)

// Key returns the form in which names and logins are compared. It ignores letter case,
// characters that show nothing, and how a character is encoded: é as one code point or two,
// full-width letters, ligatures (compatibility caseless matching, Unicode §3.13). All dashes are
// the same, and white space is one blank however much there is. No key has a control character. The
// database stores keys under unique indexes, and renews them when it is opened.
func Key(name string) string {
	visible := plain(norm.NFKD.String(name))
	// Upper case first: it unifies what cases.Fold keeps apart, such as ı and i, and the two cases
	// of Cherokee. İ is an i with another dot.
	folded := cases.Fold().String(strings.ToUpper(visible))
	return norm.NFKC.String(strings.ReplaceAll(norm.NFKD.String(folded), "i\u0307", "i"))
}

// plain returns a text without characters that show nothing, and with one way to write white space and
// dashes.
func plain(s string) string {
	spaced := false
	return strings.Map(func(r rune) rune {
		switch {
		case ignorable(r), unicode.IsControl(r), spaced && unicode.IsSpace(r):
			return -1
		case unicode.IsSpace(r):
			spaced = true
			return ' '
		}
		spaced = false
		if dash(r) {
			return '-'
		}
		return r
	}, s)
}

// dash reports whether a character looks like a hyphen: dashes, the minus sign, and the modifier letter
// minus sign.
func dash(r rune) bool { return unicode.Is(unicode.Pd, r) || r == '\u2212' || r == '\u02d7' }

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
	case strings.TrimFunc(Key(name), unicode.IsSpace) == "":
		return "", keyporter.InvalidField(field, "Enter a visible name.")
	}
	return name, nil
}

// domainPattern is a domain with one spelling, apart from letter case, so that it can be compared with
// those that organizations own: no other letters, which can be encoded in several ways, and no
// final dot.
var domainPattern = regexp.MustCompile(`^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$`)

// ParseLogin validates a login name, an email address of at most keyporter.MaxLoginLen bytes,
// and returns it without surrounding white space. Its errors are Invalid, about the input login.
func ParseLogin(login string) (string, error) {
	login = strings.TrimFunc(login, unicode.IsSpace)
	local, domain, ok := strings.Cut(login, "@")
	bad := func(r rune) bool {
		return unicode.IsSpace(r) || invisible(r) || ignorable(r) || strings.ContainsRune(`<>"',;:()[]\`, r)
	}
	composed := norm.NFKC.String(local) // as in the key, where a full-width @ is an @
	switch {
	case login == "":
		return "", keyporter.InvalidField("login", "Enter a login name.")
	case !ok || local == "" || domain == "" || strings.Contains(domain, "@"):
		return "", keyporter.InvalidField("login", "The login name must be an email address, such as ada@acme.example.")
	case len(login) > keyporter.MaxLoginLen || !utf8.ValidString(login) || strings.ContainsFunc(login, bad),
		strings.ContainsRune(composed, '@'), strings.ContainsFunc(composed, bad):
		return "", keyporter.InvalidField("login", "This isn’t a valid email address.")
	case strings.ContainsFunc(composed, uncommon):
		return "", keyporter.InvalidField("login", "The login name has a letter that few languages use, which people may take for another. Use the common letters of one alphabet.")
	case mixesScripts(local):
		return "", keyporter.InvalidField("login", "The login name mixes letters from several alphabets, some of which look alike. Use one alphabet.")
	case !domainPattern.MatchString(domain):
		return "", keyporter.InvalidField("login", "The part after the @ isn’t a domain in ASCII. For example, write xn--bcher-kva.example for bücher.example.")
	}
	return login, nil
}

// Domain returns the domain of a login name or of another email address, with its ASCII letters in
// lower case. Other letters stay as they are: a domain that only looks like another is another one.
func Domain(email string) string { return lowerASCII(email[strings.LastIndexByte(email, '@')+1:]) }

// SameAddress reports whether two email addresses are the same apart from the case of ASCII letters.
// It is for addresses that others vouch for: what Same also takes for the same may be another mailbox.
func SameAddress(a, b string) bool { return lowerASCII(a) == lowerASCII(b) }

// lowerASCII returns s with its ASCII letters in lower case.
func lowerASCII(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			r += 'a' - 'A'
		}
		return r
	}, s)
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

// invisible reports whether a character has no place in a name: control characters, line
// breaks, and characters that show nothing or change the writing direction. The joiners that some
// scripts need are allowed, and the variation selectors of emoji; Key ignores them.
func invisible(r rune) bool {
	switch r {
	case '\u200c', '\u200d', '\ufe0e', '\ufe0f': // zero-width non-joiner and joiner, text and emoji style
		return false
	case '\u2800': // an empty Braille cell
		return true
	}
	return ignorable(r) || unicode.In(r, unicode.Cc, unicode.Zl, unicode.Zp)
}

// ignorable reports whether a character shows nothing by itself (Default_Ignorable_Code_Point
// of the Unicode Character Database).
func ignorable(r rune) bool {
	return unicode.In(r, unicode.Cf, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point) &&
		!unicode.Is(unicode.Prepended_Concatenation_Mark, r)
}
