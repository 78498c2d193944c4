package control

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/store"
)

// Webhooks are signed as Standard Webhooks (v1) has it: HMAC-SHA-256 over id, time and body.
const (
	webhookSecretLen    = 32 // bytes
	webhookSecretPrefix = "whsec_"
	webhookTimeout      = 15 * time.Second
	webhookBatch        = 20
	webhookTick         = 5 * time.Second
)

// webhookWaits are between attempts. After the last one it is given up: some two days.
func webhookWaits() []time.Duration {
	return []time.Duration{
		time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour, 24 * time.Hour,
	}
}

func webhookPurpose(app keyporter.ID) string { return "webhook " + string(app) }

// SetWebhookSecret makes a new secret with which what an app's webhook is told is signed,
// and returns it: the only time that it is ever seen. The one before ends. It takes a fresh sign-in.
func (c *Control) SetWebhookSecret(ctx context.Context, actor keyporter.Actor, id keyporter.ID) (string, error) {
	if err := c.mustBeFresh(actor); err != nil {
		return "", err
	}
	if err := c.mustLast(); err != nil {
		return "", err
	}
	key := make([]byte, webhookSecretLen)
	_, _ = rand.Read(key) // never fails, see crypto/rand
	err := c.changeApp(ctx, actor, id, func(tx *store.Tx, a keyporter.App, _ appRights) (keyporter.Event, error) {
		if a.Webhook == "" {
			return keyporter.Event{}, keyporter.Refuse(keyporter.Conflict, "This app has no webhook. Enter its address first.")
		}
		e := c.appEvent(keyporter.EventAppUpdate, actor, a)
		e.Detail["webhook_secret"] = "new"
		return e, tx.SetWebhookSecret(ctx, id, c.sealer.Seal(webhookPurpose(id), key))
	})
	if err != nil {
		return "", err
	}
	return webhookSecretPrefix + base64.StdEncoding.EncodeToString(key), nil
}

// connectionEnded is what a publisher is told. It has what his app knows already: the
// subject of its ID tokens, and nothing about who ended it.
type connectionEnded struct {
	Type      string    `json:"type"`
	Timestamp time.Time `json:"timestamp"`
	Data      struct {
		ClientID   keyporter.ID `json:"client_id"`
		Connection keyporter.ID `json:"connection"`
		Subject    keyporter.ID `json:"sub"`
	} `json:"data"`
}

// tellEnd writes down, with the end of a connection, that the publisher is to be told.
func (c *Control) tellEnd(ctx context.Context, tx *store.Tx, a keyporter.App, conn keyporter.Connection) error {
	if a.Webhook == "" {
		return nil
	}
	now := c.now()
	told := connectionEnded{Type: string(keyporter.EventConnectionDelete), Timestamp: now.UTC()}
	told.Data.ClientID, told.Data.Connection, told.Data.Subject = a.ID, conn.ID, conn.UserID
	body, err := json.Marshal(told)
	if err != nil {
		return fmt.Errorf("write a delivery: %w", err)
	}
	return tx.InsertDelivery(ctx, store.Delivery{ID: keyporter.NewID(now), AppID: a.ID, Body: string(body), CreatedAt: now})
}

// RunWebhooks tells publishers what they are to be told, until ctx ends. Any number of nodes may do it.
func (c *Control) RunWebhooks(ctx context.Context, log *slog.Logger) {
	tick := time.NewTicker(webhookTick)
	defer tick.Stop()
	for {
		if err := c.Deliver(ctx, WebhookClient(publicOnly), log); err != nil && ctx.Err() == nil {
			log.Warn("can't look for webhooks to call", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Deliver makes one attempt at each delivery that is due.
func (c *Control) Deliver(ctx context.Context, client *http.Client, log *slog.Logger) error {
	due, err := c.db.DueDeliveries(ctx, c.now(), webhookBatch)
	if err != nil {
		return err
	}
	// Side by side: one who takes his time must not keep the others waiting.
	errs := make([]error, len(due))
	var all sync.WaitGroup
	for i, d := range due {
		all.Go(func() { errs[i] = c.deliver(ctx, client, d, log) })
	}
	all.Wait()
	return errors.Join(errs...)
}

func (c *Control) deliver(ctx context.Context, client *http.Client, d store.Delivery, log *slog.Logger) error {
	waits := webhookWaits()
	if d.To == "" || d.Secret == nil || d.Attempts >= len(waits) {
		if d.Attempts >= len(waits) {
			log.Warn("a webhook was given up", "app", d.AppID, "delivery", d.ID)
		}
		return c.db.Do(ctx, func(tx *store.Tx) error { return tx.DeleteDelivery(ctx, d.ID) })
	}
	// Claimed before it is sent: two nodes that find it at the same moment don't both send it.
	err := c.db.Do(ctx, func(tx *store.Tx) error { return tx.ClaimDelivery(ctx, d, c.now().Add(waits[d.Attempts])) })
	if keyporter.KindOf(err) == keyporter.NotFound {
		return nil
	}
	if err != nil {
		return err
	}
	if err := c.post(ctx, client, d); err != nil {
		log.Info("a webhook failed, and is tried again later", "app", d.AppID, "delivery", d.ID, "attempts", d.Attempts+1, "error", err)
		return nil
	}
	return c.db.Do(ctx, func(tx *store.Tx) error { return tx.DeleteDelivery(ctx, d.ID) })
}

// post sends one delivery.
func (c *Control) post(ctx context.Context, client *http.Client, d store.Delivery) error {
	key, err := c.sealer.Open(webhookPurpose(d.AppID), d.Secret)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, webhookTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, d.To, bytes.NewReader([]byte(d.Body)))
	if err != nil {
		return err
	}
	at := strconv.FormatInt(c.now().Unix(), 10)
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(string(d.ID) + "." + at + "." + d.Body))
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "Keyporter-Webhooks")
	req.Header.Set("webhook-id", string(d.ID))
	req.Header.Set("webhook-timestamp", at)
	req.Header.Set("webhook-signature", "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	_ = res.Body.Close() // what it says is nobody's business
	if res.StatusCode < 200 || res.StatusCode > 299 {
		return fmt.Errorf("it answered %d", res.StatusCode)
	}
	return nil
}

// WebhookClient calls webhooks: over HTTPS, without following redirects, and only at
// addresses that allowed lets pass. That is asked when the connection is made, of the
// address that it is made to: a name may lead elsewhere then than when it was written down (DNS rebinding).
func WebhookClient(allowed func(netip.Addr) bool) *http.Client {
	dialer := &net.Dialer{Timeout: 5 * time.Second, Control: func(_, address string, _ syscall.RawConn) error {
		at, err := netip.ParseAddrPort(address)
		if err != nil || !allowed(at.Addr().Unmap()) {
			return errors.New("a webhook is only called at a public address")
		}
		return nil
	}}
	return &http.Client{
		Transport: &http.Transport{
			DialContext: dialer.DialContext, TLSHandshakeTimeout: 5 * time.Second, ResponseHeaderTimeout: 10 * time.Second,
			MaxResponseHeaderBytes: 64 << 10, DisableKeepAlives: true, ForceAttemptHTTP2: true, Proxy: nil, // a proxy would be told an address that we can't check
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// publicOnly tells addresses that anybody can reach. Else an app's publisher could have us
// call what only we reach: the cloud's metadata, the database, the router.
func publicOnly(a netip.Addr) bool {
	if !a.IsValid() || !a.IsGlobalUnicast() || a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() || a.Zone() != "" {
		return false
	}
	for _, special := range notPublic() {
		if special.Contains(a) {
			return false
		}
	}
	return true
}

// notPublic are networks of the IANA's registries of special-purpose addresses that
// net/netip doesn't tell, among them those that carry an IPv4 address inside.
func notPublic() (all []netip.Prefix) {
	for _, p := range []string{
		"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4",
		"64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16", "fec0::/10",
	} {
		all = append(all, netip.MustParsePrefix(p))
	}
	return all
}
