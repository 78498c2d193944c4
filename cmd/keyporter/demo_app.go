package main

import (
	"context"
	"net"
	"net/http"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control"
	"github.com/keyporter/keyporter/examples/app"
)

// serveExample serves a handler on its own port, which only this machine can reach. The function
// that makes the handler gets the address.
func serveExample(ctx context.Context, handler func(address string) (http.Handler, error)) (address string, stop func(), err error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	address = "http://" + l.Addr().String()
	h, err := handler(address)
	if err != nil {
		_ = l.Close()
		return "", nil, err
	}
	s := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = s.Serve(l) }() // until Close
	return address, func() { _ = s.Close() }, nil
}

// app serves the example app, which people can connect.
func (d *demo) app(ctx context.Context) (address string, stop func(), err error) {
	return serveExample(ctx, func(address string) (http.Handler, error) {
		id, secret, err := d.register(ctx)
		return app.New(app.Config{
			Address: address, Issuer: d.srv.URL(), API: d.srv.URL(), ClientID: string(id), ClientSecret: secret.Reveal(),
		}), err
	})
}

const demoAppName = "DMS tagging service"

// register returns the example app's client ID and a new secret. It reuses the app of an earlier
// demo, along with its connections.
func (d *demo) register(ctx context.Context) (keyporter.ID, keyporter.Secret, error) {
	c, me := d.srv.Control, keyporter.Command()
	id, err := d.registered(ctx)
	if err != nil {
		return "", keyporter.Secret{}, err
	}
	if id == "" {
		a, err := c.RegisterApp(ctx, me, keyporter.App{
			Name: demoAppName, Publisher: "Keyporter’s examples", Description: "Files your envelopes where they belong.",
			Verified: true, Authentication: keyporter.AppSecret, RedirectURIs: []string{"http://127.0.0.1/callback"}, // on any port (RFC 8252)
			Scopes: []keyporter.AppScope{
				{Name: "openid"},
				{Name: "profile"},
				{Name: "offline_access"},
				{Name: accountRead},
				{Name: envelopeRead},
				{Name: envelopeSend, Optional: true},
			},
		})
		if err != nil {
			return "", keyporter.Secret{}, err
		}
		id = a.ID
	}
	_, secret, err := c.AddAppSecret(ctx, me, id)
	return id, secret, err
}

// registered returns the app of an earlier demo, without its secrets, or none.
func (d *demo) registered(ctx context.Context) (keyporter.ID, error) {
	c, me := d.srv.Control, keyporter.Command()
	found, err := c.ListApps(ctx, me, control.AppList{Match: demoAppName})
	if err != nil {
		return "", err
	}
	for _, a := range found.Apps {
		if a.Name != demoAppName {
			continue
		}
		p, err := c.App(ctx, me, a.ID)
		if err != nil {
			return "", err
		}
		for _, s := range p.Secrets {
			if err := c.DeleteAppSecret(ctx, me, a.ID, s.ID); err != nil {
				return "", err
			}
		}
		return a.ID, nil
	}
	return "", nil
}
