package control

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/store"
)

// Authorization is a request of an app to act in a user's name, on its way between the
// app and the consent.
type Authorization struct {
	ID    string // random, in the path; to go on with it takes the browser's secret, too
	AppID keyporter.ID
	Asked Asked
	State []byte // what the door keeps with it

	// What else finds it, on the way in only: the database has their hashes.
	Pushed, DeviceCode, UserCode string
	Browser                      string // secret in the cookie of the browser that it belongs to

	PollEvery time.Duration // how long a device waits between two questions
	CreatedAt time.Time
	ExpiresAt time.Time
	Answer    Answer
}

// Asked is what a request asks for.
type Asked struct {
	Scopes      []string
	RedirectURI string       `json:",omitempty"`
	Device      bool         `json:",omitempty"`
	Consent     bool         `json:",omitempty"` // ask, also what was asked before (prompt=consent)
	FreshSince  time.Time    `json:",omitzero"`  // he has to have signed in since (prompt=login, max_age)
	Subject     keyporter.ID `json:",omitempty"` // who it has to be (id_token_hint)
	LoginHint   string       `json:",omitempty"`
}

// signInFirst tells whether the actor has to sign in anew before he can answer.
func (a *Asked) signInFirst(actor keyporter.Actor) bool {
	return actor.SignedInAt.Before(a.FreshSince) || a.Subject != "" && a.Subject != actor.User.ID
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

// SaveAuthorization keeps a request, for a browser from now on if it names one. One that
// was answered or used meanwhile is NotFound.
func (c *Control) SaveAuthorization(ctx context.Context, a Authorization) error {
	id := keyporter.HashSecret(a.ID)
	plain, err := json.Marshal(sealed{a.ID, a.Asked, a.State})
	if err != nil {
		return fmt.Errorf("write a request: %w", err)
	}
	row := store.Authorization{
		ID: id, AppID: a.AppID, Pushed: hashOf(a.Pushed), Device: hashOf(a.DeviceCode), UserCode: hashOf(a.UserCode), Browser: hashOf(a.Browser),
		Request: c.sealer.Seal(authorizationPurpose(id), plain), PollEvery: a.PollEvery, CreatedAt: a.CreatedAt, ExpiresAt: a.ExpiresAt,
	}
	return c.db.Do(ctx, func(tx *store.Tx) error { return tx.PutAuthorization(ctx, row) })
}

func hashOf(secret string) *keyporter.SecretHash {
	if secret == "" {
		return nil
	}
	h := keyporter.HashSecret(secret)
	return &h
}

// PushedAuthorization returns the request that an app pushed, for the one time that its request_uri works (RFC 9126 §4).
func (c *Control) PushedAuthorization(ctx context.Context, app keyporter.ID, pushed string) (a Authorization, err error) {
	err = c.db.Do(ctx, func(tx *store.Tx) error {
		row, err := tx.TakePushed(ctx, keyporter.HashSecret(pushed), app, c.now())
		if err == nil {
			a, err = c.open(row)
		}
		return ended(err)
	})
	return a, err
}

// Authorization returns a request that belongs to the browser. One that has expired, was
// used, or belongs to another browser doesn't exist.
func (c *Control) Authorization(ctx context.Context, id, browser string) (Authorization, error) {
	row, err := c.db.AuthorizationByID(ctx, keyporter.HashSecret(id))
	if err != nil {
		return Authorization{}, ended(err)
	}
	if browser == "" || row.Browser == nil || *row.Browser != keyporter.HashSecret(browser) || !row.UsedAt.IsZero() || !c.now().Before(row.ExpiresAt) {
		return Authorization{}, ended(keyporter.Refuse(keyporter.NotFound, ""))
	}
	return c.open(row)
}

// UseAuthorization notes that the app gets its answer now. That happens once: who comes second is told NotFound.
func (c *Control) UseAuthorization(ctx context.Context, id string) error {
	return c.db.Do(ctx, func(tx *store.Tx) error { return ended(tx.UseAuthorization(ctx, keyporter.HashSecret(id), c.now())) })
}

// requestLimit is how many requests may come from one address without an app that proves
// who it is: each waits half an hour in the database. A whole company may have one address.
var requestLimit = store.Limit{Burst: 500, Every: time.Second}

// CountAuthorization counts a request that anybody could have sent. Too many are TooMany.
func (c *Control) CountAuthorization(ctx context.Context, address string) error {
	return c.db.Do(ctx, func(tx *store.Tx) error {
		return tx.Attempt(ctx, "authorization "+network(address), requestLimit, c.now())
	})
}

// PollDevice returns the request of a device that asks for its tokens, also one that has
// expired, and whether the device had waited as long as it has to since it asked last.
func (c *Control) PollDevice(ctx context.Context, code string) (a Authorization, waited bool, err error) {
	hash := keyporter.HashSecret(code)
	err = c.db.Do(ctx, func(tx *store.Tx) error {
		row, err := tx.AuthorizationByDevice(ctx, hash)
		if err != nil {
			return missing(err, "device code")
		}
		if a, err = c.open(row); err != nil {
			return err
		}
		waited, err = tx.Poll(ctx, hash, c.now())
		return err
	})
	return a, waited, err
}

func (c *Control) open(row store.Authorization) (Authorization, error) {
	plain, err := c.sealer.Open(authorizationPurpose(row.ID), row.Request)
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

// ended says the same of a request that never was, has expired, was answered, or isn't this browser's.
func ended(err error) error {
	if keyporter.KindOf(err) == keyporter.NotFound {
		return keyporter.Refuse(keyporter.NotFound, "This request has ended. Go back to the app and start again.")
	}
	return err
}

// Verdict is what a request comes to, for a user who is signed in.
type Verdict struct {
	Connection keyporter.Connection // with the app, zero when there is none
	SignIn     bool                 // he has to sign in anew first
	Ask        bool                 // he has to be asked
}

// Judge tells what a request comes to for the actor: whether he may connect the app at all,
// and what he has to be asked. An app that he may not connect is Forbidden, in words for him.
func (c *Control) Judge(ctx context.Context, actor keyporter.Actor, a Authorization) (Verdict, error) {
	app, err := c.connectable(ctx, c.db, actor, a.AppID)
	if err != nil {
		return Verdict{}, err
	}
	conn, err := c.db.ConnectionOf(ctx, actor.User.ID, a.AppID)
	if keyporter.KindOf(err) == keyporter.NotFound {
		conn, err = keyporter.Connection{}, nil
	}
	if err != nil {
		return Verdict{}, err
	}
	return Verdict{
		Connection: conn,
		SignIn:     a.Asked.signInFirst(actor),
		// A device's code may have come to him from anybody, so he is asked each time (RFC 8628
		// §5.4); and any program on his machine can say that it is an app which lives there (RFC 8252 §8.6).
		Ask: a.Asked.Consent || a.Asked.Device || anybodys(app, a.Asked.RedirectURI) || conn.ID == "" || len(unheld(app, a.Asked.Scopes, conn.Scopes)) > 0,
	}, nil
}

// anybodys tells whether another program could take the app's part: it has no secret to
// prove itself by, and its answers go to no address of the web, which has one owner.
func anybodys(app keyporter.App, redirectURI string) bool {
	return app.Authentication == keyporter.AppPublic && !strings.HasPrefix(strings.ToLower(redirectURI), "https://")
}

// unheld returns the scopes asked for that the connection has not and the user couldn't
// have left out. An optional one that he left out isn't asked for again and again; an
// app that wants it asked sends prompt=consent.
func unheld(app keyporter.App, asked, held []string) []string {
	return slices.DeleteFunc(slices.Clone(asked), func(s string) bool { return slices.Contains(held, s) || optional(app, s) })
}

func optional(app keyporter.App, scope string) bool {
	return slices.Contains(app.Scopes, keyporter.AppScope{Name: scope, Optional: true})
}

// connector is what has to be read to know whether a user may connect an app.
type connector interface {
	reader
	AppByID(context.Context, keyporter.ID) (keyporter.App, error)
	AppPolicyOf(context.Context, keyporter.ID) (keyporter.AppPolicy, []keyporter.ID, error)
}

// connectable returns the app if the actor may connect it.
func (c *Control) connectable(ctx context.Context, q connector, actor keyporter.Actor, id keyporter.ID) (keyporter.App, error) {
	if !actor.SignedIn() {
		return keyporter.App{}, notSignedIn()
	}
	org := actor.User.OrganizationID
	if _, err := may(ctx, q, actor, org, keyporter.PermissionConnectApps); err != nil {
		return keyporter.App{}, err
	}
	app, err := q.AppByID(ctx, id)
	if err != nil {
		return app, missing(err, "app")
	}
	policy, listed, err := q.AppPolicyOf(ctx, org)
	switch {
	case err != nil:
		return app, err
	case app.State != keyporter.AppActive:
		return app, keyporter.Refuse(keyporter.Forbidden, "This app is switched off.")
	case app.OrganizationID != "" && app.OrganizationID != org:
		return app, keyporter.Refuse(keyporter.Forbidden, "This app is for the users of another organization.")
	case policy == keyporter.NoApps:
		return app, keyporter.Refuse(keyporter.Forbidden, "Your organization doesn’t let apps be connected.")
	case policy == keyporter.ListedApps && !slices.Contains(listed, id):
		return app, keyporter.Refuse(keyporter.Forbidden, "This app is not among those that your organization allows.")
	}
	return app, nil
}
