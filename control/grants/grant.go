package grants

import (
	"context"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/names"
	"github.com/keyporter/keyporter/store"
)

// codeAgain is how much later than the first an app may send its code again without ending anything: two
// of its requests may race, and a proxy may repeat one.
const codeAgain = time.Second

// CodeLifetime is how long an authorization code works.
const CodeLifetime = time.Minute

func grantPurpose(id keyporter.ID) string { return store.ForGrant + string(id) }

// Code redeems a grant: it is an authorization code or a device code.
type Code struct{ Authorization, Device string }

// CreateGrant writes a grant. If one with the device code already exists, the error is a Conflict.
// If the connection or the app was deleted in the meantime, it is NotFound.
func (g *Grants) CreateGrant(ctx context.Context, grant keyporter.Grant, code Code) (keyporter.Grant, error) {
	grant.CreatedAt = g.now()
	grant.EndsAt = grant.CreatedAt.Add(g.lives.Grant)
	if code.Authorization != "" {
		grant.CodeEndsAt = grant.CreatedAt.Add(CodeLifetime)
	}
	row := grant
	row.Request = g.sealer.Seal(grantPurpose(grant.ID), grant.Request)
	err := g.db.Do(ctx, func(tx *store.Tx) error {
		return tx.InsertGrant(ctx, row, hashOf(code.Authorization), hashOf(code.Device))
	})
	return grant, err
}

// open opens the sealed request in a row. A grant that was revoked doesn't exist.
func (g *Grants) open(row keyporter.Grant, err error) (keyporter.Grant, error) {
	if err == nil && !row.RevokedAt.IsZero() {
		err = notFound("grant")
	}
	if err == nil {
		row.Request, err = g.sealer.Open(grantPurpose(row.ID), row.Request)
	}
	return row, err
}

// GrantByID returns a grant. One that was revoked doesn't exist.
func (g *Grants) GrantByID(ctx context.Context, id keyporter.ID) (keyporter.Grant, error) {
	return g.open(g.db.GrantByID(ctx, id))
}

// GrantByCode returns the grant of an authorization code, even one that was redeemed up to a second
// before the request arrived: nobody can redeem it again, but only its app knows what belongs to it, see
// RevokeMisused. If it was redeemed earlier, someone has a copy of it, so what the first request got
// ends (RFC 6749 §4.1.2), and the code is refused like one that never existed.
func (g *Grants) GrantByCode(ctx context.Context, from Caller, code string) (keyporter.Grant, error) {
	grant, err := g.open(g.db.GrantByCode(ctx, keyporter.HashSecret(code)))
	switch {
	case err != nil:
		return grant, err
	case !grant.CodeUsedAt.IsZero() && from.ArrivedAt.Sub(grant.CodeUsedAt) > codeAgain:
		if err = g.RevokeGrant(ctx, from, grant, "its code was used again"); err == nil {
			err = notFound("code")
		}
	case !g.now().Before(grant.CodeEndsAt):
		err = notFound("code")
	default:
		err = g.checkUsable(ctx, grant)
	}
	return grant, err
}

// GrantByDeviceCode returns the grant of a device code, once its user has allowed it.
func (g *Grants) GrantByDeviceCode(ctx context.Context, code string) (keyporter.Grant, error) {
	grant, err := g.open(g.db.GrantByDeviceCode(ctx, keyporter.HashSecret(code)))
	if err == nil && !g.now().Before(grant.DeviceEndsAt) {
		err = notFound("code")
	}
	if err == nil {
		err = g.checkUsable(ctx, grant)
	}
	return grant, err
}

// Redeem records that the code of a grant, or its device code, is used now, and writes the
// access token and the first refresh token of its chain. If another request was first, or the
// grant has ended, the error is NotFound.
func (g *Grants) Redeem(ctx context.Context, from Caller, grant keyporter.Grant, refresh keyporter.Secret, t NewAccessToken) error {
	now := g.now()
	return g.db.Do(ctx, func(tx *store.Tx) error {
		use := tx.UseCode
		if !grant.DeviceEndsAt.IsZero() {
			use = tx.UseDeviceCode
		}
		if err := use(ctx, grant.ID, grant.KeyHash, now); err != nil {
			return missing(err, "code")
		}
		if err := g.insertRefreshToken(ctx, tx, grant, refresh); err != nil {
			return err
		}
		return g.issue(ctx, tx, from, grant, t)
	})
}

// checkUsable returns an error unless the user, organization, and app of a grant are active, and the
// organization allows the app.
func (g *Grants) checkUsable(ctx context.Context, grant keyporter.Grant) error {
	if grant.ConnectionID == "" {
		return nil
	}
	usable, err := g.db.ConnectionUsable(ctx, grant.ConnectionID)
	if err == nil && !usable {
		err = notFound("connection")
	}
	return err
}

// MayCall reports whether a check would accept the user, the organization, and the app of a
// grant now. Some APIs check a JWT without asking Keyporter, so it asks before it issues one.
func (g *Grants) MayCall(ctx context.Context, grant keyporter.Grant) (bool, error) {
	if grant.ConnectionID == "" {
		return g.appMayCall(ctx, grant.AppID)
	}
	c, err := g.db.CredentialByConnection(ctx, grant.ConnectionID)
	if keyporter.KindOf(err) == keyporter.NotFound {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return c.UserActive && c.Granted && !c.Blocked && c.OrganizationActive && c.FlagAPI &&
		c.Access.AppState == keyporter.AppActive && c.Access.AppAllowed, nil
}

// appMayCall is MayCall for an app that acts for itself. One of the whole instance has no organization.
func (g *Grants) appMayCall(ctx context.Context, id keyporter.ID) (bool, error) {
	app, err := g.App(ctx, id)
	if err != nil || app.OrganizationID == "" {
		return err == nil && app.State == keyporter.AppActive, err
	}
	org, err := g.db.OrganizationByID(ctx, app.OrganizationID)
	return err == nil && app.State == keyporter.AppActive && org.Active && org.Has(keyporter.FlagAPI), err
}

// RevokeGrant ends a grant with its tokens. If it has ended already, that is no error.
func (g *Grants) RevokeGrant(ctx context.Context, from Caller, grant keyporter.Grant, why string) error {
	return g.revoke(ctx, from, grant, why, false)
}

// RevokeMisused ends a grant, because someone other than its app tried to redeem its code, unless
// the app redeemed the code after the request arrived.
func (g *Grants) RevokeMisused(ctx context.Context, from Caller, grant keyporter.Grant, why string) error {
	after := !grant.CodeUsedAt.IsZero() && from.ArrivedAt.UnixMilli() > grant.CodeUsedAt.UnixMilli()
	return g.revoke(ctx, from, grant, why, !after)
}

func (g *Grants) revoke(ctx context.Context, from Caller, grant keyporter.Grant, why string, unused bool) error {
	return g.db.Do(ctx, func(tx *store.Tx) error {
		changed, err := tx.RevokeGrant(ctx, grant.ID, unused, g.now())
		if err != nil || !changed {
			return err
		}
		e := g.grantEvent(keyporter.EventGrantRevoke, from, grant)
		e.Detail = map[string]string{"because": why}
		return tx.InsertEvent(ctx, e)
	})
}

func (g *Grants) grantEvent(name keyporter.EventName, from Caller, grant keyporter.Grant) keyporter.Event {
	e := g.event(name, from)
	e.OrganizationID, e.UserID, e.AppID, e.ConnectionID = grant.OrganizationID, grant.UserID, grant.AppID, grant.ConnectionID
	return e
}

// EmailVerified reports whether the login name of a grant's user is an address that someone vouched
// for: they signed in at the provider that its domain is assigned to. Administrators can enter any.
func (g *Grants) EmailVerified(ctx context.Context, grant keyporter.Grant) (bool, error) {
	return g.db.Vouched(ctx, grant.UserID, names.Domain(grant.Login))
}
