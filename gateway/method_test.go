package gateway_test

import (
	"net/http"
	"testing"

	"github.com/keyporter/keyporter"
)

// TestNoDoorLetsAClientTunnelOrEcho tries the methods that no API has, on a public route and on
// others, through each door.
func TestNoDoorLetsAClientTunnelOrEcho(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(http.ResponseWriter, *http.Request) { t.Error("the API was reached") }, "127.0.0.1")
	for _, method := range []string{"CONNECT", "TRACE", "TRACK", "connect", "Trace"} {
		for _, path := range []string{"/Api/v4/version", "/.well-known/x", "/Api/v5/x", "/other/x"} {
			host := "Host: hosted.example\nConnection: close\nApiToken: " + w.secret + "\n"
			for door, request := range map[string]string{
				"the proxy":     method + " " + path + " HTTP/1.1\n" + host,
				"forward-auth":  "GET /verify HTTP/1.1\n" + host + "X-Forwarded-Method: " + method + "\nX-Forwarded-Uri: " + path + "\nX-Forwarded-Host: hosted.example\n",
				"Envoy":         method + " /verify/envoy" + path + " HTTP/1.1\n" + host,
				"nginx's words": "GET /verify HTTP/1.1\n" + host + "X-Original-Method: " + method + "\nX-Original-Uri: " + path + "\n",
			} {
				if res := w.raw(t, request+"\n"); res.StatusCode != http.StatusNotImplemented || res.Header.Get("X-Keyporter-User") != "" {
					t.Errorf("%s %s at %s: %s", method, path, door, res.Status)
				}
			}
			res := w.raw(t, "GET /verify/nginx HTTP/1.1\n"+host+"X-Original-Method: "+method+"\nX-Original-Uri: "+path+"\n\n")
			if res.StatusCode != http.StatusForbidden || res.Header.Get("X-Keyporter-Refusal-Status") != "501" {
				t.Errorf("%s %s at nginx: %s", method, path, res.Status)
			}
		}
	}
	if text := keyporter.ReasonMethod.Refusal().Text; text == "" {
		t.Error("nobody learns why")
	}
}
