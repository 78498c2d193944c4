package verify

import (
	"strconv"
	"time"

	"github.com/keyporter/keyporter"
)

// httpTime is the format of a date in a header (RFC 9110 §5.6.7).
const httpTime = "Mon, 02 Jan 2006 15:04:05 GMT"

// Notices are the headers that tell callers of organization tokens about their deprecation.
type Notices []Header

// NewNotices returns headers that say since when organization tokens are deprecated (RFC 9745)
// and, unless sunset is zero, when they may stop working (RFC 8594).
func NewNotices(sunset time.Time) Notices {
	n := Notices{{Name: "Deprecation", Values: []string{"@" + strconv.FormatInt(keyporter.OrganizationTokensDeprecatedAt().Unix(), 10)}}}
	if !sunset.IsZero() {
		n = append(n, Header{Name: "Sunset", Values: []string{sunset.UTC().Format(httpTime)}})
	}
	return n
}

// AddTo adds the notices to the headers of an answer if the call was made with an organization token.
func (n Notices) AddTo(h map[string][]string, d *Decision) {
	if d.Principal == nil || d.Principal.CredentialKind != keyporter.CredentialOrganizationToken {
		return
	}
	for _, header := range n {
		h[header.Name] = header.Values
	}
}
