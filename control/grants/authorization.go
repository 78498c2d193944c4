package grants

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/store"
)

// Authorization is a request of an app to act in a user's name, from the time that it
// arrives until the app has its answer.
type Authorization struct {
	ID    string // random, in the path; going on with it takes the browser's secret, too
	AppID keyporter.ID
	Asked Asked
	State []byte // what the door keeps with it

	// What else finds it. They are only set on the way in: the database has their hashes.
	Pushed, DeviceCode, UserCode string
	Browser                      string // secret in the cookie of the browser that it belongs to

	PollEvery time.Duration // how long a device waits between two polls
	CreatedAt time.Time
	ExpiresAt time.Time
	Answer    Answer
}

// Asked is what a request asks for.
type Asked struct {
	Scopes      []string
	RedirectURI string       `json:",omitempty"`
	Device      bool         `json:",omitempty"`
	Consent     bool         `json:",omitempty"` // ask even what was allowed before (prompt=consent)
	FreshSince  time.Time    `json:",omitzero"`  // the user has to have signed in since (prompt=login, max_age)
	Subject     keyporter.ID `json:",omitempty"` // the user it has to be (id_token_hint)
	LoginHint   string       `json:",omitempty"`
}

// Answer is what became of a request.
type Answer struct {
	Allowed, Denied bool
	UserID          keyporter.ID
	ConnectionID    keyporter.ID
	Scopes          []string
	SignedInAt      time.Time
	Used            bool // the app has its answer
}

// sealed is what the database has sealed of an Authorization.
type sealed struct {
	ID    string
	Asked Asked
	State []byte
}

func authorizationPurpose(id keyporter.SecretHash) string {
	return "authorization " + hex.EncodeToString(id[:])
}

// SaveAuthorization keeps a request and, if it names a browser, binds it to that from now
// on. A request that was answered or used in the meantime is NotFound.
func (g *Grants) SaveAuthorization(ctx context.Context, a Authorization) error {
	id := keyporter.HashSecret(a.ID)
	plain, err := json.Marshal(sealed{a.ID, a.Asked, a.State})
	if err != nil {
		return fmt.Errorf("write a request: %w", err)
	}
	row := store.Authorization{
		ID: id, AppID: a.AppID, Pushed: hashOf(a.Pushed), Device: hashOf(a.DeviceCode), UserCode: hashOf(a.UserCode), Browser: hashOf(a.Browser),
		Request: g.sealer.Seal(authorizationPurpose(id), plain), PollEvery: a.PollEvery, CreatedAt: a.CreatedAt, ExpiresAt: a.ExpiresAt,
	}
	return g.db.Do(ctx, func(tx *store.Tx) error { return tx.PutAuthorization(ctx, row) })
}

// PushedAuthorization returns the request that an app pushed, the one time that its request_uri works (RFC 9126 §4).
func (g *Grants) PushedAuthorization(ctx context.Context, app keyporter.ID, pushed string) (a Authorization, err error) {
	err = g.db.Do(ctx, func(tx *store.Tx) error {
		row, err := tx.TakePushed(ctx, keyporter.HashSecret(pushed), app, g.now())
		if err == nil {
			a, err = g.openAuthorization(row)
		}
		return Ended(err)
	})
	return a, err
}

// Authorization returns a request that belongs to the browser. One that has expired, was
// used, or belongs to another browser doesn't exist.
func (g *Grants) Authorization(ctx context.Context, id, browser string) (Authorization, error) {
	row, err := g.db.AuthorizationByID(ctx, keyporter.HashSecret(id))
	if err != nil {
		return Authorization{}, Ended(err)
	}
	if browser == "" || row.Browser == nil || *row.Browser != keyporter.HashSecret(browser) || !row.UsedAt.IsZero() || !g.now().Before(row.ExpiresAt) {
		return Authorization{}, Ended(notFound("request"))
	}
	return g.openAuthorization(row)
}

// UseAuthorization notes that the app gets its answer now. That happens once: whoever comes second gets NotFound.
func (g *Grants) UseAuthorization(ctx context.Context, id string) error {
	return g.db.Do(ctx, func(tx *store.Tx) error { return Ended(tx.UseAuthorization(ctx, keyporter.HashSecret(id), g.now())) })
}

// requestLimit is how many requests may come from one network without an app that proves
// who it is: each waits in the database for half an hour. A whole company may share one address.
var requestLimit = store.Limit{Burst: 500, Every: time.Second}

// CountAuthorization counts a request that anybody could have sent. Too many are TooMany.
func (g *Grants) CountAuthorization(ctx context.Context, from Caller) error {
	return g.db.Do(ctx, func(tx *store.Tx) error {
		return tx.Attempt(ctx, "authorization "+keyporter.Network(from.Address), requestLimit, g.now())
	})
}

// PollDevice returns the request of a device that asks for its tokens, even if it has
// expired, and whether the device waited as long as it has to since it last asked.
func (g *Grants) PollDevice(ctx context.Context, code string) (a Authorization, waited bool, err error) {
	hash := keyporter.HashSecret(code)
	err = g.db.Do(ctx, func(tx *store.Tx) error {
		row, err := tx.AuthorizationByDevice(ctx, hash)
		if err != nil {
			return missing(err, "device code")
		}
		if a, err = g.openAuthorization(row); err != nil {
			return err
		}
		waited, err = tx.Poll(ctx, hash, g.now())
		return err
	})
	return a, waited, err
}

// TakeUserCode binds the request of the device that shows a user code to the browser in
// which somebody typed it, and returns the request. Any other code is NotFound.
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

// UserCode is a user code as it is compared: without what people put between its letters,
// and in capitals (RFC 8628 §6.1).
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
		ID: s.ID, AppID: row.AppID, Asked: s.Asked, State: s.State, PollEvery: row.PollEvery, CreatedAt: row.CreatedAt, ExpiresAt: row.ExpiresAt,
		Answer: Answer{
			Allowed: row.Answer == store.Allowed, Denied: row.Answer == store.Denied, UserID: row.UserID, ConnectionID: row.ConnectionID,
			Scopes: row.Scopes, SignedInAt: row.SignedInAt, Used: !row.UsedAt.IsZero(),
		},
	}, nil
}

// Ended says the same of a request that never was, has expired, was answered, or isn't this browser's.
func Ended(err error) error {
	if keyporter.KindOf(err) == keyporter.NotFound {
		return keyporter.Refuse(keyporter.NotFound, "This request has ended. Go back to the app and start again.")
	}
	return err
}
