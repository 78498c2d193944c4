// Traefik serves a dynamic configuration of Traefik's as Traefik does, with Traefik's own
// middlewares, for the tests of examples/traefik. It is a module of its own, so nothing of
// what it needs is the product's.
package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"time"

	"github.com/traefik/paerser/file"
	"github.com/traefik/traefik/v3/pkg/config/dynamic"
	"github.com/traefik/traefik/v3/pkg/middlewares/auth"
	"github.com/traefik/traefik/v3/pkg/middlewares/forwardedheaders"
	"github.com/traefik/traefik/v3/pkg/middlewares/headers"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: traefik ADDRESS FILE")
		os.Exit(2)
	}
	if err := serve(context.Background(), os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "traefik:", err)
		os.Exit(1)
	}
}

func serve(ctx context.Context, address, path string) error {
	var cfg dynamic.Configuration
	if err := file.Decode(path, &cfg); err != nil {
		return err
	}
	handler, err := handlerOf(ctx, &cfg, "api")
	if err == nil {
		// Where a call comes in: what the client says of its way is dropped, and what it names in Connection.
		handler, err = forwardedheaders.NewXForwarded(false, nil, nil, handler)
	}
	if err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return err
	}
	return (&http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}).Serve(listener)
}

// handlerOf returns a router's middlewares in their order, in front of its service.
func handlerOf(ctx context.Context, cfg *dynamic.Configuration, router string) (handler http.Handler, err error) {
	r := cfg.HTTP.Routers[router]
	target, err := url.Parse(cfg.HTTP.Services[r.Service].LoadBalancer.Servers[0].URL)
	if err != nil {
		return nil, err
	}
	handler = &httputil.ReverseProxy{Rewrite: func(p *httputil.ProxyRequest) {
		p.Out.URL.Scheme, p.Out.URL.Host, p.Out.Host = target.Scheme, target.Host, p.In.Host
		p.Out.URL.RawQuery = p.In.URL.RawQuery
	}}
	for i := len(r.Middlewares) - 1; i >= 0; i-- {
		name := r.Middlewares[i]
		m := cfg.HTTP.Middlewares[name]
		switch {
		case m == nil:
			return nil, fmt.Errorf("there is no middleware %s", name)
		case m.ForwardAuth != nil:
			handler, err = auth.NewForward(ctx, handler, *m.ForwardAuth, name)
		case m.Headers != nil:
			handler, err = headers.New(ctx, handler, *m.Headers, name)
		default:
			return nil, fmt.Errorf("here is no such middleware as %s", name)
		}
		if err != nil {
			return nil, err
		}
	}
	return handler, nil
}
