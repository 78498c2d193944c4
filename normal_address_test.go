package keyporter_test

import (
	"strings"
	"testing"

	"github.com/keyporter/keyporter"
)

func TestAddressesAreComparedInNormalForm(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"http://localhost:21510":                 "http://localhost:21510/",
		"HTTP://LocalHost:21510/":                "http://localhost:21510/",
		"https://api.example.com:443":            "https://api.example.com/",
		"https://api.example.com:/v1":            "https://api.example.com/v1",
		"http://api.example.com:443/V1":          "http://api.example.com:443/V1",
		"http://[::1]:80/v1":                     "http://[::1]/v1",
		"https://api.example.com/%7euser/a%2fb/": "https://api.example.com/~user/a%2Fb/",
		"https://api.example.com/é":              "https://api.example.com/%C3%A9",
		"https://api.example.com?q":              "https://api.example.com/?q",
		"https://api.example.com/v1?":            "https://api.example.com/v1?",
		"https://api.example.com/v1#f":           "",
		"https://api.example.com/v1#":            "",
		"https://user@api.example.com":           "",
		"https://":                               "",
		"http://:":                               "",
		"http://:80/":                            "",
		"https:api.example.com":                  "",
		"/v1":                                    "",
		"":                                       "",
		"ftp://api.example.com":                  "",
		"https://api.example.com/%zz":            "",
		"https://api.example.com/a/../b":         "https://api.example.com/a/../b", // no gateway passes it on
	} {
		if got := keyporter.NormalAddress(address); got != want {
			t.Errorf("%q is %q, want %q", address, got, want)
		}
		if again := keyporter.NormalAddress(want); want != "" && again != want {
			t.Errorf("%q isn't normal: %q", want, again)
		}
	}
}

// FuzzNormalAddress requires a normal address to be its own normal form, and to be an http or https address.
func FuzzNormalAddress(f *testing.F) {
	for _, a := range []string{"HTTP://LocalHost:80", "https://api.example.com:/%7euser/a%2fb?q", "http://[::1]:80/v1", "https://x/%", "https://x/é"} {
		f.Add(a)
	}
	f.Fuzz(func(t *testing.T, a string) {
		normal := keyporter.NormalAddress(a)
		if normal == "" {
			return
		}
		if again := keyporter.NormalAddress(normal); again != normal {
			t.Errorf("%q becomes %q, and that %q", a, normal, again)
		}
		if !strings.HasPrefix(normal, "http://") && !strings.HasPrefix(normal, "https://") || strings.Contains(normal, "#") {
			t.Errorf("%q becomes %q", a, normal)
		}
	})
}
