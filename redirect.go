package keyporter

import (
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"unicode"
)

// MaxURLLen is the maximum length of an app's addresses in bytes.
const MaxURLLen = 2000

// CheckRedirectURI checks an address that an app wants its responses sent to. It must be
// absolute, without a fragment (RFC 6749 §3.1.2) and without wildcards, since addresses are
// compared character by character (RFC 9700 §2.1). The scheme is https; or http to the user's
// own machine (RFC 8252 §7.3); or, for a public app, a scheme of its own with a dot in it
// (RFC 8252 §7.1).
func CheckRedirectURI(uri string, public bool) error {
	bad := func(message string) error { return InvalidField("redirect_uris", "“"+cut(uri)+"” "+message) }
	u, err := url.Parse(uri)
	switch {
	case len(uri) > MaxURLLen:
		return bad("is too long.")
	case strings.ContainsFunc(uri, notInURI) || err != nil:
		return bad("isn’t a valid address. Write it the way browsers send it: no spaces, and with letters other than a to z encoded.")
	case u.Scheme == "":
		return bad("must be a complete address, such as https://app.example.com/callback.")
	case strings.Contains(uri, "#"):
		return bad("must not contain a fragment (#).")
	case strings.Contains(uri, "*"):
		return bad("must not contain a wildcard: responses go to exactly this address.")
	case u.User != nil || strings.Contains(u.Host, "@"):
		return bad("must not contain a username or password.")
	case !goodPort(u):
		return bad("has a port that doesn’t exist.")
	}
	switch scheme := strings.ToLower(u.Scheme); scheme {
	case "https":
		if u.Hostname() == "" {
			return bad("has no host name.")
		}
	case "http":
		if !loopback(u.Hostname()) {
			return bad("must start with https://. The only exception is an app on the user’s own machine, at 127.0.0.1, [::1], or localhost.")
		}
	default:
		// Otherwise an app could use javascript: or mailto:, or the scheme of a well-known program.
		if !strings.Contains(scheme, ".") || strings.Trim(u.Opaque+u.Host+u.Path, "/") == "" {
			return bad("must start with https://, or with the app’s own domain name in reverse, such as com.example.app:/callback.")
		}
		if !public {
			return bad("is only allowed for an app that keeps no secret.")
		}
	}
	return nil
}

// CheckHTTPS checks a web address, such as a home page. It may be empty.
func CheckHTTPS(field, address string) error {
	if address == "" {
		return nil
	}
	u, err := url.Parse(address)
	bad := err != nil || len(address) > MaxURLLen || strings.ContainsFunc(address, notInURI)
	if bad || u.Scheme != "https" || u.Hostname() == "" || u.User != nil || strings.Contains(address, "#") || !goodPort(u) {
		return InvalidField(field, "This must be an address that starts with https://, without a username and without #.")
	}
	return nil
}

// notInURI reports whether no URI may have this character (RFC 3986 §2). Programs disagree on
// how to read a URI that has one.
func notInURI(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune("\"<>\\^`{|}", r) }

func goodPort(u *url.URL) bool {
	if u.Port() == "" {
		return !strings.HasSuffix(u.Host, ":")
	}
	n, err := strconv.ParseUint(u.Port(), 10, 16)
	return err == nil && n > 0
}

// loopback reports whether a host name means the user's own machine.
func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback() && ip.Zone() == "" || strings.EqualFold(host, "localhost")
}

// cut shortens a text to what a message has room for, and removes invisible characters.
func cut(s string) string {
	s = strings.ToValidUTF8(strings.Map(func(r rune) rune {
		if !unicode.IsGraphic(r) {
			return -1
		}
		return r
	}, s), "")
	if r := []rune(s); len(r) > MaxNameLen {
		return string(r[:MaxNameLen]) + "…"
	}
	return s
}
