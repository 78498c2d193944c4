package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/keyporter/keyporter"
)

// Authorization is an app's authorization request, from its arrival to the user's consent and
// back. The values that find it are stored as hashes.
type Authorization struct {
	ID           keyporter.SecretHash
	AppID        keyporter.ID
	Pushed       *keyporter.SecretHash // of the request_uri
	Device       *keyporter.SecretHash // of the device code
	UserCode     *keyporter.SecretHash
	Browser      *keyporter.SecretHash // nil: not bound to a browser yet
	Request      []byte                // sealed
	Answer       Answer
	UserID       keyporter.ID // the user who answered
	ConnectionID keyporter.ID
	Scopes       []string
	SignedInAt   time.Time
	CreatedAt    time.Time
	ExpiresAt    time.Time
	UsedAt       time.Time
}

// Answer is the user's answer to a request.
type Answer string

// The answers.
const (
	Unanswered Answer = ""
	Allowed    Answer = "allow"
	Denied     Answer = "deny"
)

// PutAuthorization writes a request. The columns poll_every and polled_at are for nodes of an earlier release. If one with this ID exists, it binds that to the browser
// and replaces its contents. If that one was already used or answered, or belongs to another
// browser, the error is NotFound.
func (tx *Tx) PutAuthorization(ctx context.Context, a Authorization) error {
	n, err := tx.exec(ctx, `
		INSERT INTO authorizations (id, app_id, pushed, device, user_code, browser, request, answer, scopes,
			signed_in_at, poll_every, polled_at, created_at, expires_at, used_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, '', '', 0, 0, 0, $8, $9, 0)
		ON CONFLICT (id) DO UPDATE
		SET browser = coalesce(excluded.browser, authorizations.browser), request = excluded.request, expires_at = excluded.expires_at
		WHERE authorizations.answer = '' AND authorizations.used_at = 0
			AND (authorizations.browser IS NULL OR authorizations.browser = excluded.browser)`,
		a.ID[:], a.AppID, hashOrNull(a.Pushed), hashOrNull(a.Device), hashOrNull(a.UserCode), hashOrNull(a.Browser), a.Request,
		millis(a.CreatedAt), millis(a.ExpiresAt))
	if err == nil && n == 0 {
		return keyporter.Refuse(keyporter.NotFound, "There is no such request.")
	}
	if err != nil {
		return fmt.Errorf("write authorization: %w", explain(err))
	}
	return nil
}

// TakeUserCode returns the request of the device whose user code a person typed, and binds the
// request to their browser.
func (tx *Tx) TakeUserCode(ctx context.Context, hash, browser keyporter.SecretHash, now time.Time) (Authorization, error) {
	return one(ctx, tx.q, scanAuthorization, `
		UPDATE authorizations SET browser = $2 WHERE user_code = $1 AND answer = '' AND expires_at > $3
		RETURNING `+authorizationColumns, hash[:], browser[:], millis(now))
}

// AnswerAuthorization records the user's answer. If the request was already answered or used, or
// has expired, the error is NotFound.
func (tx *Tx) AnswerAuthorization(ctx context.Context, a Authorization, now time.Time) error {
	return tx.execOrNotFound(ctx, `
		UPDATE authorizations SET answer = $2, user_id = nullif($3, ''), connection_id = nullif($4, ''), scopes = $5, signed_in_at = $6, user_code = NULL
		WHERE id = $1 AND answer = '' AND used_at = 0 AND expires_at > $7`,
		a.ID[:], a.Answer, a.UserID, a.ConnectionID, strings.Join(a.Scopes, " "), millis(a.SignedInAt), millis(now))
}

// UseAuthorization records that the app got its answer. If it already did, or the request has
// expired, the error is NotFound.
func (tx *Tx) UseAuthorization(ctx context.Context, id keyporter.SecretHash, now time.Time) error {
	return tx.execOrNotFound(ctx, `UPDATE authorizations SET used_at = $2 WHERE id = $1 AND used_at = 0 AND expires_at > $2`, id[:], millis(now))
}

const authorizationColumns = `id, app_id, browser, request, answer, coalesce(user_id, ''), coalesce(connection_id, ''), scopes,
	signed_in_at, created_at, expires_at, used_at`

// AuthorizationByID returns a request, even one that has ended.
func (q queries) AuthorizationByID(ctx context.Context, id keyporter.SecretHash) (Authorization, error) {
	return one(ctx, q.q, scanAuthorization, `SELECT `+authorizationColumns+` FROM authorizations WHERE id = $1`, id[:])
}

// AuthorizationByPushed returns the request that an app pushed under this hash, even one that has ended.
func (q queries) AuthorizationByPushed(ctx context.Context, hash keyporter.SecretHash) (Authorization, error) {
	return one(ctx, q.q, scanAuthorization, `SELECT `+authorizationColumns+` FROM authorizations WHERE pushed = $1`, hash[:])
}

// AuthorizationByDevice returns the request of a device, even one that has ended.
func (q queries) AuthorizationByDevice(ctx context.Context, hash keyporter.SecretHash) (Authorization, error) {
	return one(ctx, q.q, scanAuthorization, `SELECT `+authorizationColumns+` FROM authorizations WHERE device = $1`, hash[:])
}

func scanAuthorization(row scanner) (a Authorization, err error) {
	var id, browser []byte
	var scopes string
	var signedIn, created, expires, used int64
	err = row.Scan(&id, &a.AppID, &browser, &a.Request, &a.Answer, &a.UserID, &a.ConnectionID, &scopes, &signedIn, &created, &expires, &used)
	if err != nil {
		return a, err
	}
	copy(a.ID[:], id)
	if len(browser) == len(a.ID) {
		a.Browser = (*keyporter.SecretHash)(browser)
	}
	a.Scopes = strings.Fields(scopes)
	a.SignedInAt, a.CreatedAt, a.ExpiresAt, a.UsedAt = fromMillis(signedIn), fromMillis(created), fromMillis(expires), fromMillis(used)
	return a, nil
}
