package keyporter

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// User signs in with a login name and belongs to one organization.
type User struct {
	ID             ID
	OrganizationID ID
	Login          string // an e-mail address, unique in the instance, letter case ignored
	Operator       bool   // runs the instance, beside what his roles allow in his organization
	Active         bool   // false: he can't sign in and none of his tokens works
	RoleIDs        []ID
	CreatedAt      time.Time
}

// MaxLoginLen is the length of the longest login name in bytes, that of an e-mail
// address (RFC 5321 §4.5.3.1.3, less the angle brackets).
const MaxLoginLen = 254

// ParseLogin checks a login name and returns it without blanks around it.
func ParseLogin(login string) (string, error) {
	login = strings.TrimFunc(login, unicode.IsSpace)
	local, domain, ok := strings.Cut(login, "@")
	bad := func(r rune) bool { return unicode.IsSpace(r) || hidden(r) || strings.ContainsRune(`<>"',;:()[]\`, r) }
	switch {
	case login == "":
		return "", InvalidField("login", "Enter a login name.")
	case !ok || local == "" || domain == "" || strings.Contains(domain, "@"):
		return "", InvalidField("login", "The login name is an e-mail address, such as ada@acme.example.")
	case len(login) > MaxLoginLen || !utf8.ValidString(login) || strings.ContainsFunc(login, bad):
		return "", InvalidField("login", "This can't be an e-mail address.")
	}
	return login, nil
}
