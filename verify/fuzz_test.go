package verify

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/text/unicode/norm"

	"github.com/keyporter/keyporter"
)

// FuzzPath checks what readPath promises: decoding or cleaning the path once more changes nothing.
func FuzzPath(f *testing.F) {
	for _, s := range []string{"/Api/v6/x", "/%2e%2e/x", "/a/%252f", "/a;b", "/%E2%84%AA", "/%C4%B0", "/%C4%B1", "/a//b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		path, ok := readPath(raw)
		if !ok {
			return
		}
		if again, ok := readPath(path); !ok || again != path {
			t.Errorf("%q reads as %q, and that as %q, %v", raw, path, again, ok)
		}
		for s := range strings.SplitSeq(path[1:], "/") {
			if s == "." || s == ".." || strings.Trim(norm.NFKC.String(s), ". ") == "" && s != "" || strings.ContainsAny(norm.NFKC.String(s), `/\;%?#`) || strings.ContainsAny(s, "\\\x00;%?#") {
				t.Errorf("%q reads as %q", raw, path)
			}
		}
		plain := strings.Map(onlyASCII, asciiLower(path))
		if strings.Map(onlyASCII, strings.ToLower(path)) != plain || asciiLower(strings.Map(onlyASCII, strings.ToUpper(path))) != plain {
			t.Errorf("%q reads as %q, which folds in two ways", raw, path)
		}
	})
}

func asciiLower(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}

func onlyASCII(r rune) rune {
	if r < 0x80 {
		return r
	}
	return -1
}

// FuzzHeaders expects headers to be ambiguous exactly if they contain more than one secret,
// whatever headers the secrets are in and in whatever order they come.
func FuzzHeaders(f *testing.F) {
	f.Add("kpu_a", "", "", "")
	f.Add("kpu_a", "Bearer kpu_a", "", "ada@acme.example")
	f.Add("", "bearer  kpu_a ", " kpu_a\t", "")
	f.Add("kpu_a", "Basic a3B1X2E6", "", "")
	f.Add("", "DPoP", "", "")
	f.Add("", "Bearerkpu_a", "kpo_b", "a\tb")
	f.Add("Bearer kpu_a", "Bearer Bearer kpu_a", "", "")
	f.Fuzz(func(t *testing.T, apiToken, authorization, organizationKey, login string) {
		read := func(req Request) call {
			k := call{req: req}
			k.readHeaders()
			return k
		}
		k := read(Request{APIToken: []string{apiToken}, Authorization: []string{authorization}, OrganizationKey: []string{organizationKey}, UserLoginName: []string{login}})

		var secrets []string
		for _, s := range []string{apiToken, organizationKey, tokenOf(authorization)} {
			if s = strings.Trim(s, " \t"); s != "" && !slices.Contains(secrets, s) {
				secrets = append(secrets, s)
			}
		}
		switch {
		case len(secrets) == 0 && (k.presented != keyporter.ReasonNoCredential || k.secret != ""),
			len(secrets) == 1 && (k.presented != keyporter.Allowed || k.secret != secrets[0]),
			len(secrets) > 1 && k.presented != keyporter.ReasonAmbiguous:
			t.Errorf("%q in three headers is read as %q, %q", secrets, k.secret, k.presented)
		}
		if want := strings.Trim(login, " \t"); !k.login.ok || k.login.value != want {
			t.Errorf("the login name %q is read as %q", login, k.login.value)
		}

		other := read(Request{APIToken: []string{organizationKey, apiToken, ""}, Authorization: []string{"", authorization}})
		if other.presented != k.presented || k.presented == keyporter.Allowed && other.secret != k.secret {
			t.Errorf("%q and %q: in another order %q and %q", k.secret, k.presented, other.secret, other.presented)
		}
	})
}

// schemes matches those of RFC 6750 and RFC 9449, with the spaces after them.
var schemes = regexp.MustCompile(`(?i)\A(?:bearer|dpop)(?: +|\z)`)

func tokenOf(authorization string) string {
	return schemes.ReplaceAllLiteralString(strings.Trim(authorization, " \t"), "")
}
