package server_test

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/keyporter/keyporter/server"
)

// load reads a configuration from lines of YAML.
func load(t *testing.T, lines ...string) (server.Config, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "keyporter.yaml")
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return server.Load(path, func(string) string { return "" }, nil)
}

// TestSettingsThatWouldMatchNothingOrEveryone expects each to be reported at startup, with what to change.
func TestSettingsThatWouldMatchNothingOrEveryone(t *testing.T) {
	t.Parallel()
	api := func(settings string) string {
		return "apis: [{name: a, routes: [{path: '/a/{rest...}', methods: [GET]}], " + settings + "}]"
	}
	for text, want := range map[string]string{
		"listen: 127.0.0.1:99999":                           "listen: ",
		"listen: 127.0.0.1:http":                            "listen: ",
		"listen: 127.0.0.1:0":                               "",
		"envoy_listen: 127.0.0.1:70000":                     "envoy_listen: ",
		"address: https://keys.example:99999":               "address: ",
		"trusted_proxies: [0.0.0.0/0]":                      "is everyone",
		"trusted_proxies: ['::/0']":                         "is everyone",
		"trusted_proxies: none":                             "",
		"trusted_proxies: [none]":                           "",
		"trusted_proxies: 10.0.0.0/8, 192.0.2.1":            "",
		"trusted_proxies: [none, 10.0.0.1]":                 `"none" is neither`,
		api("upstream: 'http://127.0.0.1:99999'"):           "upstream must",
		api("upstream: 'http://127.0.0.1:0'"):               "upstream must",
		api("upstream: 'http://127.0.0.1:'"):                "upstream must",
		api("upstream: 'http://:80'"):                       "upstream must",
		api("hosts: api.example"):                           "",
		api("hosts: [bücher.example]"):                      "",
		api("hosts: ['a b.example']"):                       "must be a host name",
		api("hosts: ['*.example']"):                         "must be a host name",
		api("hosts: ['[::1]', 192.0.2.1, my_api]"):          "",
		api("hosts: ['[::1']"):                              "must be a host name",
		api("hosts: [xn--a]"):                               "must be a host name",
		api("hosts: [127.0.0.1]"):                           "127.0.0.1 is Keyporter's own",
		api("hosts: [localhost]"):                           "",
		"listen: :8080\n" + api("hosts: [LOCALHOST.]"):      "localhost is Keyporter's own",
		"listen: '[::1]:80'\n" + api("hosts: ['[0:0::1]']"): "[::1] is Keyporter's own",
		"address: https://Keys.example:8443\n" + api("hosts: [api.example, keys.example]"): "keys.example is Keyporter's own",
		"address: https://bücher.example\n" + api("hosts: [xn--bcher-kva.example]"):        "is Keyporter's own",
	} {
		_, err := load(t, strings.Split(text, "\n")...)
		if (err != nil) != (want != "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

// TestAListCanBeOneText expects each list of words to be read from one text like from a variable.
func TestAListCanBeOneText(t *testing.T) {
	t.Parallel()
	read := func(list func(words string) string) server.Config {
		cfg, err := load(t, "trusted_proxies: "+list("10.0.0.1, 10.0.0.2"), "apis:", "- name: a", "  hosts: "+list("a.example, b.example"),
			"  routes:", "  - path: /a", "    methods: "+list("GET, POST"), "    credentials: "+list("user_token, access_token"))
		if err != nil {
			t.Fatal(err)
		}
		return cfg
	}
	text, list := read(func(words string) string { return words }), read(func(words string) string { return "[" + words + "]" })
	if !reflect.DeepEqual(text.APIs, list.APIs) || !slices.Equal(text.TrustedProxies, list.TrustedProxies) || len(text.TrustedProxies) != 2 || len(text.APIs[0].Routes[0].Credentials) != 2 {
		t.Errorf("%+v, want %+v", text, list)
	}
}
