package control

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"time"

	"github.com/keyporter/keyporter"
)

// PasswordNeeded is the error of a first sign-in at a provider if an account with the same address
// has a password: whoever controls the provider mustn't get an account that someone else made. The
// person enters the password once, see JoinByPassword.
type PasswordNeeded struct {
	Login  string
	Sealed string // the sign-in, for the browser to carry
}

func (*PasswordNeeded) Error() string { return "the account has a password" }

// pendingJoin is a sign-in at a provider that waits for the password of the account.
type pendingJoin struct {
	Identity Identity
	At       time.Time
}

const joinPurpose = "pending join"

func (c *Control) sealJoin(in Identity) (string, error) {
	in.Provider = keyporter.IdentityProvider{ID: in.Provider.ID, OrganizationID: in.Provider.OrganizationID, Issuer: in.Provider.Issuer, ClientID: in.Provider.ClientID}
	plain, err := json.Marshal(pendingJoin{in, c.now()})
	return base64.RawURLEncoding.EncodeToString(c.sealer.Seal(joinPurpose, plain)), err
}

// openJoin opens what the browser carried. After ten minutes, and for anything else a browser
// sends, it returns Invalid.
func (c *Control) openJoin(sealed string) (Identity, error) {
	var p pendingJoin
	raw, err := base64.RawURLEncoding.DecodeString(sealed)
	if err == nil {
		raw, err = c.sealer.Open(joinPurpose, raw)
	}
	if err == nil {
		err = json.Unmarshal(raw, &p)
	}
	if err != nil || c.now().Sub(p.At) >= pendingFor {
		return p.Identity, keyporter.Refuse(keyporter.Invalid, "This sign-in took too long, or started in another browser. Start over.")
	}
	return p.Identity, nil
}

// JoinLogin returns the login of the account whose password a sealed sign-in waits for, to the
// browser that carries it.
func (c *Control) JoinLogin(_ context.Context, _ keyporter.Actor, sealed string) (string, error) {
	in, err := c.openJoin(sealed)
	return in.Email, err
}

// Join is the input of JoinByPassword.
type Join struct {
	Sealed   string // the sign-in that PasswordNeeded returned
	Password string
	Browser  string // as in SignIn
}

// JoinByPassword connects an account to the identity at the provider for someone who comes from
// there and also knows the account's password. It counts
// as an attempt to sign in. It also works where passwords alone let nobody in.
func (c *Control) JoinByPassword(ctx context.Context, actor keyporter.Actor, join Join) (SignedIn, error) {
	in, err := c.openJoin(join.Sealed)
	if err != nil {
		return SignedIn{}, err
	}
	user, _, err := c.checkPasswordOf(ctx, actor, SignIn{Login: in.Email, Password: join.Password, Browser: join.Browser})
	if err != nil {
		return SignedIn{}, err
	}
	in.joins, in.password, in.Browser = user.ID, user.hash, join.Browser
	session, err := c.SignInByProvider(ctx, actor, in)
	if _, ok := errors.AsType[*PasswordNeeded](err); ok { // it has changed in the meantime
		err = wrongPassword()
	}
	return session, err
}
