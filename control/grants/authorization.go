package grants

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/store"
)

// Authorization is an app's request to act on a user's behalf, from its arrival until the app
// has its answer.
type Authorization struct {
	ID    string // random, in the path; continuing also requires the browser's secret
	AppID keyporter.ID
	Asked Asked
	State []byte // what the door stores with it

	// These also find it. They are set only on the way in, because the database has their hashes.
	Pushed, DeviceCode, UserCode string
	Browser                      string // secret in the cookie of the browser that it belongs to

	CreatedAt time.Time
	ExpiresAt time.Time
	Answer    Answer
}

// Asked is what a request asks for.
type Asked struct {
	Scopes      []string
	RedirectURI string       `json:",omitempty"`
	Device      bool         `json:",omitempty"`
	Consent     bool         `json:",omitempty"` // ask again for what was allowed before (prompt=consent)
	FreshSince  time.Time    `json:",omitzero"`  // the user must have signed in since (prompt=login, max_age)
	Subject     keyporter.ID `json:",omitempty"` // the user it must be (id_token_hint)
	LoginHint   string       `json:",omitempty"`
}

// Answer is the user's answer to a request, and whether the app has it.
type Answer struct {
	Allowed, Denied bool
	UserID          keyporter.ID
	ConnectionID    keyporter.ID
	Scopes          []string
	SignedInAt      time.Time
	Used            bool // the app has its answer
}

// sealed is the part of an Authorization that the database has only sealed.
type sealed struct {
	ID    string
	Asked Asked
	State []byte
}

func authorizationPurpose(id keyporter.SecretHash) string {
	return "authorization " + hex.EncodeToString(id[:])
}

// SaveAuthorization stores a request and, if it names a browser, binds the request to it. A
// request that was answered or used in the meantime is NotFound.
func (g *Grants) SaveAuthorization(ctx context.Context, a Authorization) error {
	id := keyporter.HashSecret(a.ID)
	plain, err := json.Marshal(sealed{a.ID, a.Asked, a.State})
	if err != nil {
		return fmt.Errorf("write a request: %w", err)
	}
	row := store.Authorization{
		ID: id, AppID: a.AppID, Pushed: hashOf(a.Pushed), Device: hashOf(a.DeviceCode), UserCode: hashOf(a.UserCode), Browser: hashOf(a.Browser),
		Request: g.sealer.Seal(authorizationPurpose(id), plain), CreatedAt: a.CreatedAt, ExpiresAt: a.ExpiresAt,
	}
	return g.db.Do(ctx, func(tx *store.Tx) error { return tx.PutAuthorization(ctx, row) })
}

// PushedAuthorization returns the request that an app pushed. Its request_uri works until the app has
// its answer, so that people can load the page again (RFC 9126 §4), but only in the
// browser where the user was first asked. Any other request doesn't exist.
func (g *Grants) PushedAuthorization(ctx context.Context, app keyporter.ID, pushed, browser string) (Authorization, error) {
	row, err := g.db.AuthorizationByPushed(ctx, keyporter.HashSecret(pushed))
	if err == nil && (row.AppID != app || row.Browser != nil && !belongsTo(row, browser)) {
		err = notFound("request")
	}
	return g.waiting(row, err)
}

// Authorization returns a request that belongs to the browser. One that has expired, was
// used, or belongs to another browser doesn't exist.
func (g *Grants) Authorization(ctx context.Context, id, browser string) (Authorization, error) {
	row, err := g.db.AuthorizationByID(ctx, keyporter.HashSecret(id))
	if err == nil && !belongsTo(row, browser) {
		err = notFound("request")
	}
	return g.waiting(row, err)
}

// belongsTo reports whether a request is bound to the browser.
func belongsTo(row store.Authorization, browser string) bool {
	return browser != "" && row.Browser != nil && *row.Browser == keyporter.HashSecret(browser)
}

// waiting opens a request that was found. One whose app has its answer, or that has expired, doesn't exist.
func (g *Grants) waiting(row store.Authorization, err error) (Authorization, error) {
	if err == nil && (!row.UsedAt.IsZero() || !g.now().Before(row.ExpiresAt)) {
		err = notFound("request")
	}
	if err != nil {
		return Authorization{}, Ended(err)
	}
	return g.openAuthorization(row)
}

// UseAuthorization records that the app gets its answer now. The second time, the error is NotFound.
func (g *Grants) UseAuthorization(ctx context.Context, id string) error {
	return g.db.Do(ctx, func(tx *store.Tx) error { return Ended(tx.UseAuthorization(ctx, keyporter.HashSecret(id), g.now())) })
}

// requestLimit is how many requests may come from one network without an app that proves its
// identity. Each waits in the database for half an hour. A whole company may share one address.
var requestLimit = store.Limit{Burst: 500, Every: time.Second}

// CountAuthorization counts a request that anyone could have sent. If there are too many, the
// error is TooMany.
func (g *Grants) CountAuthorization(ctx context.Context, from Caller) error {
	return g.db.Attempt(ctx, g.now(), store.Attempt{What: "authorization " + keyporter.Network(from.Address), Limit: requestLimit})
}

// DevicePoll is how long a device has to wait between two polls, and pollTolerance how much sooner it
// may come: its timer and the network aren't exact.
const (
	DevicePoll    = 5 * time.Second
	pollTolerance = time.Second
)

// PollDevice returns the request of an app's device that asks for its tokens, even if it has expired,
// and reports whether the device waited long enough since its last poll that was accepted (RFC 8628
// §3.5). Once the user has answered, it needn't wait. Another app's device doesn't exist.
func (g *Grants) PollDevice(ctx context.Context, app keyporter.ID, code string) (a Authorization, waited bool, err error) {
	hash, now := keyporter.HashSecret(code), g.now()
	row, err := g.db.AuthorizationByDevice(ctx, hash)
	if err == nil && row.AppID != app {
		err = notFound("device code")
	}
	if err != nil {
		return a, false, missing(err, "device code")
	}
	if a, err = g.openAuthorization(row); err != nil || row.Answer != store.Unanswered || !now.Before(row.ExpiresAt) {
		return a, true, err
	}
	return a, g.polls.accept(hash, now), nil
}

// polls remembers when each device last polled and was accepted, at this node: writing that down
// would let anyone keep the database busy. Polls that reach different nodes are accepted more often.
type polls struct {
	mu   sync.Mutex
	last map[keyporter.SecretHash]time.Time
}

// maxPolls is how many devices are remembered.
const maxPolls = 10_000

func (p *polls) accept(device keyporter.SecretHash, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now.Sub(p.last[device]) < DevicePoll-pollTolerance {
		return false
	}
	if p.last == nil || len(p.last) >= maxPolls {
		p.last = map[keyporter.SecretHash]time.Time{}
	}
	p.last[device] = now
	return true
}

// TakeUserCode binds the request of the device that shows a user code to the browser in which
// someone typed it, and returns the request. Any other code is NotFound.
func (g *Grants) TakeUserCode(ctx context.Context, code, browser string) (a Authorization, err error) {
	err = g.db.Do(ctx, func(tx *store.Tx) error {
		row, err := tx.TakeUserCode(ctx, keyporter.HashSecret(UserCode(code)), keyporter.HashSecret(browser), g.now())
		if err == nil {
			a, err = g.openAuthorization(row)
		}
		return missing(err, "device")
	})
	return a, err
}

// UserCode returns a user code in the form in which it is compared: in capitals, and without
// what people put between its letters (RFC 8628 §6.1).
func UserCode(typed string) string {
	const maxLen = 100
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, strings.ToUpper(typed[:min(len(typed), maxLen)]))
}

func (g *Grants) openAuthorization(row store.Authorization) (Authorization, error) {
	plain, err := g.sealer.Open(authorizationPurpose(row.ID), row.Request)
	if err != nil {
		return Authorization{}, err
	}
	var s sealed
	if err := json.Unmarshal(plain, &s); err != nil {
		return Authorization{}, fmt.Errorf("read a request: %w", err)
	}
	return Authorization{
		ID: s.ID, AppID: row.AppID, Asked: s.Asked, State: s.State, CreatedAt: row.CreatedAt, ExpiresAt: row.ExpiresAt,
		Answer: Answer{
			Allowed: row.Answer == store.Allowed, Denied: row.Answer == store.Denied, UserID: row.UserID, ConnectionID: row.ConnectionID,
			Scopes: row.Scopes, SignedInAt: row.SignedInAt, Used: !row.UsedAt.IsZero(),
		},
	}, nil
}

// Ended replaces a NotFound error with one sentence for a request that never existed, has
// expired, was answered, or belongs to another browser.
func Ended(err error) error {
	if keyporter.KindOf(err) == keyporter.NotFound {
		return keyporter.Refuse(keyporter.NotFound, "This request has ended. Go back to the app and start again.")
	}
	return err
}
