package verify

import (
	"strconv"
	"time"

	"github.com/keyporter/keyporter"
)

// httpTime is the format of a date in a header (RFC 9110 §5.6.7).
const httpTime = "Mon, 02 Jan 2006 15:04:05 GMT"

// Notices are the headers by which an answer tells what who still uses an organization
// token has to know.
type Notices []Header

// NewNotices says since when organization tokens are deprecated (RFC 9745) and, when that
// is set, when they may end (RFC 8594).
func NewNotices(sunset time.Time) Notices {
	n := Notices{{Name: "Deprecation", Values: []string{"@" + strconv.FormatInt(keyporter.OrganizationTokensDeprecatedAt().Unix(), 10)}}}
	if !sunset.IsZero() {
		n = append(n, Header{Name: "Sunset", Values: []string{sunset.UTC().Format(httpTime)}})
	}
	return n
}

// AddTo adds them to the headers of an answer to a call made with an organization token.
func (n Notices) AddTo(h map[string][]string, d *Decision) {
	if d.Principal == nil || d.Principal.CredentialKind != keyporter.CredentialOrganizationToken {
		return
	}
	for _, header := range n {
		h[header.Name] = header.Values
	}
}
