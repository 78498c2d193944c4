package keyporter

import "strings"

// IsOwnHeader tells whether a header is one that an API behind Keyporter must not get from
// a client: it carries a credential, or says in Keyporter's name who calls. Servers that
// hand headers on as variables make one name of X-Keyporter-User and X_Keyporter_User, so
// only letters and digits count.
func IsOwnHeader(name string) bool {
	var buf [32]byte
	plain := PlainHeader(buf[:0], name)
	switch string(plain) {
	case "apitoken", "authorization", "organizationkey", "userloginname", "dpop":
		return true
	}
	return strings.HasPrefix(string(plain), "xkeyporter")
}

// PlainHeader appends the letters, in lower case, and digits of a header's name to buf, as
// many as it has room for.
func PlainHeader(buf []byte, name string) []byte {
	for i := 0; i < len(name) && len(buf) < cap(buf); i++ {
		if c := name[i] | 0x20; c >= 'a' && c <= 'z' || name[i] >= '0' && name[i] <= '9' {
			buf = append(buf, c)
		}
	}
	return buf
}
