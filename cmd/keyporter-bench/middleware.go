//go:build linux

package main

import (
	"context"
	"flag"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/client"
)

// runMiddleware runs an API that does nothing behind the middleware, which decides with what it
// keeps from the Keyporter at an address.
func runMiddleware(address string) error {
	c, err := client.New(client.Config{Address: "http://" + address, Secret: gatewaySecret().Reveal(), API: "esign", Mode: client.Decide})
	if err != nil {
		return err
	}
	defer c.Close()
	addr, err := serve(c.Handler(client.Rules{Version: 6}, http.HandlerFunc(empty)))
	if err != nil {
		return err
	}
	return obey(addr, map[string]func(order) (any, error){
		"usage":     func(order) (any, error) { return usageNow(), nil },
		"inProcess": func(o order) (any, error) { return measureDecisions(c, o) },
	})
}

// measureDecisions measures decisions of the middleware the way measureInProcess measures checks.
func measureDecisions(c *client.Client, o order) (p inProcess, err error) {
	testing.Init()
	if err := flag.Set("test.benchtime", o.Time.String()); err != nil {
		return p, err
	}
	return measureKnown(o, func(secrets []string) testing.BenchmarkResult {
		r := httptest.NewRequestWithContext(context.Background(), http.MethodGet, callPath, nil)
		r.RemoteAddr = callFrom + ":1234"
		r.Header.Set("User-Agent", callAgent)
		token := []string{""}
		r.Header["Apitoken"] = token
		rules := client.Rules{Version: 6}
		return testing.Benchmark(func(b *testing.B) {
			b.ReportAllocs()
			for i := range b.N {
				token[0] = secrets[i%len(secrets)]
				if _, refused := c.Check(r, rules); refused != nil {
					b.Fatal(refused.Reason)
				}
			}
		})
	}), nil
}

// gatewaySecret is the same in each run, like appSecret.
func gatewaySecret() keyporter.Secret { return derived(keyporter.SecretGateway) }
