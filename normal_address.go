package keyporter

import (
	"cmp"
	"net/url"
	"strconv"
	"strings"
)

// NormalAddress returns an http or https address in the form in which it is compared, or "" if
// it isn't one or has a fragment. Letter case of scheme and host, a default port, an empty path, and the encoding of
// characters that need none make no difference (RFC 3986 §6.2.2.1, §6.2.2.2, §6.2.3).
func NormalAddress(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil || strings.Contains(address, "#") {
		return ""
	}
	defaultPort := ":80"
	if u.Scheme == "https" {
		defaultPort = ":443"
	}
	host := strings.TrimSuffix(strings.TrimSuffix(strings.ToLower(u.Host), defaultPort), ":")
	query := ""
	if u.ForceQuery || u.RawQuery != "" {
		query = "?" + u.RawQuery
	}
	return u.Scheme + "://" + host + cmp.Or(normalPath(u.EscapedPath()), "/") + query
}

// normalPath decodes the characters of an escaped path that don't need to be encoded, and
// writes the encoding of others in capitals. A slash that is encoded stays different from one
// that isn't.
func normalPath(path string) string {
	var out strings.Builder
	for i := 0; i < len(path); i++ {
		if path[i] != '%' {
			out.WriteByte(path[i])
			continue
		}
		c, _ := strconv.ParseUint(path[i+1:i+3], 16, 8) // url.Parse has checked it
		if b := byte(c); IsUnreserved(rune(b)) {
			out.WriteByte(b)
		} else {
			out.WriteString(strings.ToUpper(path[i : i+3]))
		}
		i += 2
	}
	return out.String()
}

// IsUnreserved reports whether a character is unreserved (RFC 3986 §2.3).
func IsUnreserved(r rune) bool {
	return r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || strings.ContainsRune("-._~", r)
}
