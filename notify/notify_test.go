package notify_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/keyportertest"
	"github.com/keyporter/keyporter/notify"
	"github.com/keyporter/keyporter/store"
)

func TestMain(m *testing.M) { keyportertest.Main(m) }

// publisher is an app's publisher, who receives webhooks.
type publisher struct {
	*httptest.Server

	mu       sync.Mutex
	status   int
	requests []*http.Request
	bodies   []string
}

func newPublisher(t *testing.T) *publisher {
	t.Helper()
	p := &publisher{status: http.StatusNoContent}
	p.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		p.mu.Lock()
		defer p.mu.Unlock()
		p.requests, p.bodies = append(p.requests, r), append(p.bodies, string(body))
		w.Header().Set("Location", p.URL+"/elsewhere")
		w.WriteHeader(p.status)
	}))
	t.Cleanup(p.Close)
	return p
}

// client returns a client that calls any address and trusts the publisher's certificate.
func (p *publisher) client() *http.Client {
	c := notify.GuardedClient(func(netip.Addr) bool { return true })
	c.Transport.(*http.Transport).TLSClientConfig = p.Client().Transport.(*http.Transport).TLSClientConfig.Clone() //nolint:errcheck // both are *http.Transport
	return c
}

func (p *publisher) answers(status int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.status = status
}

func (p *publisher) calls() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.requests)
}

// world is a node with a user who connects apps.
type world struct {
	*keyportertest.Node

	ada keyporter.User
}

func newWorld(t *testing.T, url string) *world {
	t.Helper()
	n := keyportertest.NewNode(t, url)
	n.Clock.Stop()
	return &world{Node: n, ada: keyportertest.User(t, n.Control, "Acme", "ada@acme.example", keyporter.RoleAPIUser)}
}

func (p *publisher) sender(t *testing.T, n *keyportertest.Node, log *slog.Logger) *notify.Sender {
	t.Helper()
	return notify.NewSender(n.DB, notify.Options{Now: n.Clock.Now, Sealer: keyportertest.Sealer(t), Client: p.client(), Log: log})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestAPublisherLearnsThatAConnectionEnded(t *testing.T) {
	t.Parallel()
	keyportertest.EachDatabase(t, func(t *testing.T, url string) {
		d := newWorld(t, url)
		ctx, p := t.Context(), newPublisher(t)
		app := d.App(t, keyporter.App{Webhook: p.URL + "/hook"})
		secret, err := d.Control.SetWebhookSecret(ctx, keyporter.Command(), app.ID)
		if err != nil || !strings.HasPrefix(secret, "whsec_") {
			t.Fatal(secret, err)
		}
		conn := d.Connect(t, d.ada, app)
		var logged bytes.Buffer
		log := slog.New(slog.NewTextHandler(&logged, nil))
		sender := p.sender(t, d.Node, log)
		send := func(want int) {
			t.Helper()
			if err := sender.Send(ctx); err != nil {
				t.Error(err)
			}
			if got := p.calls(); got != want {
				t.Errorf("the publisher was called %d times, want %d", got, want)
			}
		}
		send(0)
		must(t, d.Control.RemoveScope(ctx, keyportertest.Session(d.ada), conn.ID, "envelope.send"))
		send(0) // the connection hasn't ended
		p.answers(http.StatusInternalServerError)
		must(t, d.Control.Disconnect(ctx, keyportertest.Session(d.ada), conn.ID))
		send(1)
		send(1) // not again right away
		d.Clock.Advance(time.Minute)
		p.answers(http.StatusFound)
		send(2) // a redirect isn't followed
		d.Clock.Advance(5 * time.Minute)
		p.answers(http.StatusNoContent)

		// Two nodes find it at once.
		other := keyportertest.NewNode(t, url)
		other.Clock.Stop()
		other.Clock.Advance(6 * time.Minute)
		var all sync.WaitGroup
		for _, n := range []*keyportertest.Node{d.Node, other, d.Node, other} {
			sender := p.sender(t, n, log)
			all.Go(func() {
				if err := sender.Send(ctx); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		send(3)
		d.Clock.Advance(72 * time.Hour)
		send(3)
		p.verify(t, d, app, conn, secret)
		if strings.Contains(logged.String(), secret) || strings.Contains(logged.String(), strings.TrimPrefix(secret, "whsec_")) {
			t.Error("the log contains the secret")
		}
	})
}

// verify checks the requests against the specification.
func (p *publisher) verify(t *testing.T, d *world, app keyporter.App, conn keyporter.Connection, secret string) {
	t.Helper()
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil || len(key) < 24 {
		t.Errorf("the secret has %d bytes, %v", len(key), err)
	}
	for i, r := range p.requests {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(r.Header.Get("webhook-id") + "." + r.Header.Get("webhook-timestamp") + "." + p.bodies[i]))
		if got, want := r.Header.Get("webhook-signature"), "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)); got != want {
			t.Errorf("signed %q, want %q", got, want)
		}
		if r.Header.Get("webhook-id") != p.requests[0].Header.Get("webhook-id") || p.bodies[i] != p.bodies[0] {
			t.Error("another attempt has a different body")
		}
	}
	if at, err := strconv.ParseInt(p.requests[len(p.requests)-1].Header.Get("webhook-timestamp"), 10, 64); err != nil || at > d.Clock.Now().Unix() {
		t.Errorf("at %d, %v", at, err)
	}
	var body struct {
		Type string            `json:"type"`
		Data map[string]string `json:"data"`
	}
	if err := json.Unmarshal([]byte(p.bodies[0]), &body); err != nil {
		t.Fatal(err)
	}
	if body.Type != "connection.delete" || body.Data["client_id"] != string(app.ID) || body.Data["connection"] != string(conn.ID) || body.Data["sub"] != string(d.ada.ID) || len(body.Data) != 3 {
		t.Errorf("the body is %s", p.bodies[0])
	}
}

func TestASilentWebhookIsGivenUp(t *testing.T) {
	t.Parallel()
	d := newWorld(t, keyportertest.Database(t))
	ctx, p := t.Context(), newPublisher(t)
	p.answers(http.StatusTeapot)
	app := d.App(t, keyporter.App{Webhook: p.URL})
	if _, err := d.Control.SetWebhookSecret(ctx, keyporter.Command(), app.ID); err != nil {
		t.Fatal(err)
	}
	must(t, d.Control.Disconnect(ctx, keyporter.Command(), d.Connect(t, d.ada, app).ID))
	sender := p.sender(t, d.Node, nil)
	for range 20 {
		if err := sender.Send(ctx); err != nil {
			t.Error(err)
		}
		d.Clock.Advance(24 * time.Hour)
	}
	if got := p.calls(); got != 8 {
		t.Errorf("the publisher was called %d times", got)
	}
}

// TestASlowReceiverHoldsUpNobodyElse has one publisher answer nothing while another gets more webhooks than
// are sent at once, from two nodes.
func TestASlowReceiverHoldsUpNobodyElse(t *testing.T) {
	t.Parallel()
	keyportertest.EachDatabase(t, func(t *testing.T, url string) {
		d := newWorld(t, url)
		ctx, p := t.Context(), newPublisher(t)
		silence := make(chan struct{})
		p.Config.Handler = silentAt("/silent", silence, p.Config.Handler)
		silent, busy := d.App(t, keyporter.App{Name: "Silent", Webhook: p.URL + "/silent"}), d.App(t, keyporter.App{Name: "Busy", Webhook: p.URL + "/busy"})
		const webhooks = 50
		must(t, d.DB.Do(ctx, func(tx *store.Tx) error {
			for i := range webhooks {
				for _, app := range []keyporter.App{silent, busy} {
					if err := notify.ConnectionEnded(ctx, tx, app, keyporter.Connection{ID: keyporter.ID(fmt.Sprint(i)), UserID: d.ada.ID}, d.Clock.Now()); err != nil {
						return err
					}
				}
			}
			return nil
		}))
		for _, app := range []keyporter.App{silent, busy} {
			if _, err := d.Control.SetWebhookSecret(ctx, keyporter.Command(), app.ID); err != nil {
				t.Fatal(err)
			}
		}
		running, stop := context.WithCancel(ctx)
		var senders sync.WaitGroup
		for range 2 {
			sender := p.sender(t, d.Node, nil)
			senders.Go(func() { sender.Run(running) })
		}
		keyportertest.Eventually(t, "the other receiver has everything", func() bool { return p.calls() >= webhooks })
		due, err := d.DB.DueDeliveries(ctx, busy.ID, d.Clock.Now(), webhooks)
		if err != nil || p.calls() != webhooks {
			t.Errorf("%d calls, %d still due, %v", p.calls(), len(due), err)
		}
		if due, err = d.DB.DueDeliveries(ctx, silent.ID, d.Clock.Now(), 2*webhooks); err != nil || len(due) < webhooks-4*8 {
			t.Errorf("the silent receiver was called for all but %d, %v", len(due), err)
		}
		stop()
		close(silence)
		senders.Wait()
	})
}

// silentAt answers calls of a path only when the silence ends.
func silentAt(path string, silence <-chan struct{}, others http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == path {
			<-silence
			return
		}
		others.ServeHTTP(w, r)
	})
}

// TestWebhooksOnlyReachPublicAddresses has a publisher choose addresses that only we can reach.
func TestWebhooksOnlyReachPublicAddresses(t *testing.T) {
	t.Parallel()
	for address, public := range map[string]bool{
		"93.184.216.34": true, "8.8.8.8": true, "2606:2800:220:1::1": true,
		"127.0.0.1": false, "127.9.9.9": false, "10.1.2.3": false, "172.16.0.1": false, "192.168.1.1": false, "169.254.169.254": false, "0.0.0.0": false,
		"100.64.0.1": false, "192.0.2.1": false, "198.18.0.1": false, "224.0.0.1": false, "255.255.255.255": false, "240.0.0.1": false,
		"::1": false, "::": false, "fe80::1": false, "fc00::1": false, "fd12::1": false, "ff02::1": false, "64:ff9b::a00:1": false, "2002:a00:1::": false, "2001:db8::1": false, "fe80::1%eth0": false, "fec0::1": false,
	} {
		if got := notify.Public(netip.MustParseAddr(address)); got != public {
			t.Errorf("%s is public: %v", address, got)
		}
	}
	p := newPublisher(t)
	c := notify.GuardedClient(notify.Public)
	for _, to := range []string{p.URL, strings.Replace(p.URL, "127.0.0.1", "localhost", 1), strings.Replace(p.URL, "127.0.0.1", "[::ffff:127.0.0.1]", 1)} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, to, nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := c.Do(req)
		if err == nil {
			_ = res.Body.Close()
		}
		if err == nil || !strings.Contains(err.Error(), "public addresses") || p.calls() != 0 {
			t.Errorf("%s: %v", to, err)
		}
	}
}

// TestTheLogDoesNotHaveAddressesOfWebhooks because many of them have a secret in their path or query.
func TestTheLogDoesNotHaveAddressesOfWebhooks(t *testing.T) {
	t.Parallel()
	d := newWorld(t, keyportertest.Database(t))
	app := d.App(t, keyporter.App{Webhook: "https://127.0.0.1:1/hooks/in-path?token=in-query"})
	if _, err := d.Control.SetWebhookSecret(t.Context(), keyporter.Command(), app.ID); err != nil {
		t.Fatal(err)
	}
	must(t, d.Control.Disconnect(t.Context(), keyporter.Command(), d.Connect(t, d.ada, app).ID))
	var log bytes.Buffer
	s := notify.NewSender(d.DB, notify.Options{Now: d.Clock.Now, Sealer: keyportertest.Sealer(t), Log: slog.New(slog.NewTextHandler(&log, nil))})
	must(t, s.Send(t.Context()))
	for text, want := range map[string]bool{string(app.ID): true, "only public addresses are called": true, "in-path": false, "in-query": false} {
		if strings.Contains(log.String(), text) != want {
			t.Errorf("%q in the log: %v\n%s", text, !want, log.String())
		}
	}
}
