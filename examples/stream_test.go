package examples_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/keyporter/keyporter/keyportertest"
)

// TestNoProxyCutsAStream has an API answer as soon as it has read what it needs of a call, through
// nginx. KEYPORTER_STREAMS=10000 asks for more answers than usual.
func TestNoProxyCutsAStream(t *testing.T) {
	w := newWorld(t)
	w.api.Config.Handler = http.HandlerFunc(keyportertest.Events)
	body := strings.Repeat("x", 6000) + keyportertest.EndOfCall + strings.Repeat("x", 6000)
	for _, f := range w.fronts(t) {
		if f.name == "Caddy" || f.name == "Traefik" {
			continue // they cut about one in 3,000 themselves, see docs/how-to/proxies.md
		}
		t.Run(f.name, func(t *testing.T) {
			client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 8}}
			defer client.CloseIdleConnections()
			keyportertest.CountCutStreams(t, client, body, func() *http.Request {
				r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+f.address+"/shop/mcp", nil)
				if err != nil {
					panic(err)
				}
				r.Header.Set("Apitoken", w.secret)
				return r
			})
		})
	}
	for _, file := range nginxExamples() {
		t.Run(file+" over HTTP/2", func(t *testing.T) {
			f := secureNginx(t, w, file)
			keyportertest.CountCutStreams(t, f.client, body, func() *http.Request { return f.request(t, http.MethodPost, "/shop/mcp") })
		})
	}
}
