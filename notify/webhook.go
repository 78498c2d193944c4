package notify

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/seal"
	"github.com/keyporter/keyporter/store"
)

// Webhooks are signed according to Standard Webhooks (v1): HMAC-SHA-256 over ID, time and body.
const (
	secretLen    = 32 // bytes
	secretPrefix = "whsec_"
	postTimeout  = 15 * time.Second
)

func secretPurpose(app keyporter.ID) string { return store.ForWebhook + string(app) }

// NewWebhookSecret makes the secret that signs an app's webhooks. It returns the secret for the
// app's publisher, and sealed bytes for the database.
func NewWebhookSecret(sealer *seal.Sealer, app keyporter.ID) (secret string, sealed []byte) {
	key := make([]byte, secretLen)
	_, _ = rand.Read(key) // rand.Read never fails
	return secretPrefix + base64.StdEncoding.EncodeToString(key), sealer.Seal(secretPurpose(app), key)
}

// connectionEnded is the body of a webhook. It holds only what the app already knows, such as
// the subject of its ID tokens, and doesn't say who ended the connection.
type connectionEnded struct {
	Type      string    `json:"type"`
	Timestamp time.Time `json:"timestamp"`
	Data      struct {
		ClientID   keyporter.ID `json:"client_id"`
		Connection keyporter.ID `json:"connection"`
		Subject    keyporter.ID `json:"sub"`
	} `json:"data"`
}

// ConnectionEnded puts a webhook for the app into the outbox, if the app has a webhook address.
// The webhook is sent once tx is committed.
func ConnectionEnded(ctx context.Context, tx *store.Tx, a keyporter.App, conn keyporter.Connection, now time.Time) error {
	if a.Webhook == "" {
		return nil
	}
	ended := connectionEnded{Type: string(keyporter.EventConnectionDelete), Timestamp: now.UTC()}
	ended.Data.ClientID, ended.Data.Connection, ended.Data.Subject = a.ID, conn.ID, conn.UserID
	body, err := json.Marshal(ended)
	if err != nil {
		return fmt.Errorf("write a webhook: %w", err)
	}
	return tx.InsertDelivery(ctx, store.Delivery{ID: keyporter.NewID(now), AppID: a.ID, Body: string(body), CreatedAt: now})
}

// post calls a webhook once.
func (s *Sender) post(ctx context.Context, d store.Delivery) error {
	if s.sealer == nil {
		return errors.New("there is no key_file that opens the secret of the webhook")
	}
	key, err := s.sealer.Open(secretPurpose(d.AppID), d.Secret)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, postTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, d.To, strings.NewReader(d.Body))
	if err != nil {
		return withoutAddress(err)
	}
	at := strconv.FormatInt(s.now().Unix(), 10)
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(string(d.ID) + "." + at + "." + d.Body))
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "Keyporter-Webhooks")
	req.Header.Set("webhook-id", string(d.ID))
	req.Header.Set("webhook-timestamp", at)
	req.Header.Set("webhook-signature", "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	res, err := s.client.Do(req)
	if err != nil {
		return withoutAddress(err)
	}
	_ = res.Body.Close() // only the status matters
	if res.StatusCode < 200 || res.StatusCode > 299 {
		return fmt.Errorf("the answer was %d", res.StatusCode)
	}
	return nil
}

// withoutAddress returns an error of a call without the address in it, which may contain a secret
// and would be in the log.
func withoutAddress(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}
