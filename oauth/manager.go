package oauth

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/luikyv/go-oidc/pkg/goidc"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control/grants"
)

// manager is the store that the library asks. It loads, lets the library check, and
// saves; what may happen only once is decided in the saving.
type manager struct{ *server }

// SaveSession keeps an authorization while its user is asked, and notes that it is done with when the app gets its answer.
func (m manager) SaveSession(ctx context.Context, as *goidc.AuthnSession) error {
	f := flowOf(ctx)
	if as.Status != goidc.StatusPending {
		if f.kept == nil {
			return nil // it never waited
		}
		return answered(f, m.Grants.UseAuthorization(ctx, as.ID))
	}
	st, err := state{Session: as, FormPost: f.formPost, Silent: f.silent}.bytes()
	if err != nil {
		return f.failed(err)
	}
	now := m.Grants.Now()
	a := grants.Authorization{
		ID: as.ID, AppID: keyporter.ID(as.ClientID), Asked: f.asked, State: st, Browser: f.browser,
		CreatedAt: now, ExpiresAt: now.Add(authorizationLifetime),
	}
	switch f.endpoint {
	case pathPAR:
		a.Pushed, a.ExpiresAt = as.PushedAuthReqID, now.Add(pushedLifetime)
	case pathDevice:
		a.DeviceCode, a.UserCode, a.ExpiresAt, a.PollEvery = as.DeviceCode, grants.UserCode(as.UserCode), now.Add(deviceLifetime), devicePoll
	}
	if f.kept == nil && (f.endpoint == "" || f.app != nil && f.app.Authentication == keyporter.AppPublic) {
		if err := m.Grants.CountAuthorization(ctx, f.caller()); err != nil {
			return f.failed(err)
		}
	}
	return answered(f, m.Grants.SaveAuthorization(ctx, a))
}

// answered says of a request that another tab of the browser was faster with that it has its answer.
func answered(f *flow, err error) error {
	if keyporter.KindOf(err) == keyporter.NotFound {
		return goidc.NewError(goidc.ErrorCodeInvalidRequest, "This request has already been answered.")
	}
	return f.failed(err)
}

// Session returns the authorization that the request goes on with.
func (m manager) Session(ctx context.Context, id string) (*goidc.AuthnSession, error) {
	if f := flowOf(ctx); f.session != nil && f.session.ID == id {
		return f.session, nil
	}
	return nil, goidc.ErrNotFound
}

// SessionByPushedAuthReqID returns the authorization that the request goes on with.
func (m manager) SessionByPushedAuthReqID(ctx context.Context, _ string) (*goidc.AuthnSession, error) {
	if f := flowOf(ctx); f.session != nil {
		return f.session, nil
	}
	return nil, goidc.ErrNotFound
}

// SessionByUserCode is not asked: the page for devices is the console's.
func (m manager) SessionByUserCode(context.Context, string) (*goidc.AuthnSession, error) {
	return nil, goidc.ErrNotFound
}

// GrantByAuthCode returns the grant of a code, with a new refresh token for the case that it is redeemed.
func (m manager) GrantByAuthCode(ctx context.Context, code string) (*goidc.Grant, error) {
	f := flowOf(ctx)
	g, err := m.Grants.GrantByCode(ctx, f.caller(), code)
	if err != nil {
		return nil, f.failed(err)
	}
	return f.redeemable(&g)
}

// redeemable is a grant as the library redeems it.
func (f *flow) redeemable(g *keyporter.Grant) (*goidc.Grant, error) {
	out, err := toLibrary(g)
	if err != nil {
		return nil, f.failed(err)
	}
	f.grant, f.refresh = g, keyporter.NewSecret(keyporter.SecretRefreshToken)
	out.RefreshToken = f.refresh.Reveal()
	return out, nil
}

// GrantByRefreshToken returns the grant of a refresh token that is used, or given back.
func (m manager) GrantByRefreshToken(ctx context.Context, secret string) (*goidc.Grant, error) {
	f := flowOf(ctx)
	var g keyporter.Grant
	var err error
	switch f.endpoint {
	case pathToken:
		g, err = m.Grants.GrantByRefreshToken(ctx, f.caller(), secret)
	case pathRevoke:
		g, err = m.Grants.GrantToRevoke(ctx, secret)
	default:
		return nil, goidc.ErrNotFound
	}
	if err != nil {
		return nil, f.failed(err)
	}
	f.grant = &g
	out, err := toLibrary(&g)
	if err != nil {
		return nil, f.failed(err)
	}
	out.AuthParams.Nonce = "" // that was of the first ID token (OpenID Connect Core §12.2)
	return out, nil
}

// Grant returns the grant of an access token.
func (m manager) Grant(ctx context.Context, id string) (*goidc.Grant, error) {
	f := flowOf(ctx)
	if f.grant == nil || string(f.grant.ID) != id {
		g, err := m.Grants.GrantByID(ctx, keyporter.ID(id))
		if err != nil {
			return nil, f.failed(err)
		}
		f.grant = &g
	}
	out, err := toLibrary(f.grant)
	return out, f.failed(err)
}

func toLibrary(g *keyporter.Grant) (*goidc.Grant, error) {
	var st grantState
	if err := json.Unmarshal(g.Request, &st); err != nil {
		return nil, err
	}
	out := &goidc.Grant{
		ID: string(g.ID), CreatedAt: int(g.CreatedAt.Unix()), Subject: string(g.UserID), Username: g.Login, ClientID: string(g.AppID),
		Scopes: strings.Join(g.Scopes, " "), JWKThumbprint: g.KeyHash, AuthParams: st.Params,
		AuthCodeExpiresAt: farAhead(), DeviceCodeExpiresAt: farAhead(),
	}
	if g.UserID == "" {
		out.Subject = string(g.AppID)
	}
	if len(g.Resources) > 0 { // none: all
		out.Resources = g.Resources
	}
	return out, nil
}

// SaveGrant writes what the library made of a grant.
func (m manager) SaveGrant(ctx context.Context, g *goidc.Grant) error {
	f := flowOf(ctx)
	switch {
	case f.grant == nil:
		return m.create(ctx, f, g)
	case g.RevokedAt != 0:
		return m.revoke(ctx, f)
	case f.presented != "":
		f.grant.KeyHash = g.JWKThumbprint
		return m.once(f, m.Grants.Refresh(ctx, f.caller(), *f.grant, f.presented))
	default:
		f.grant.KeyHash = g.JWKThumbprint
		err := m.Grants.Redeem(ctx, *f.grant, f.refresh)
		f.redeemed = err == nil
		return m.once(f, err)
	}
}

// once says of what happens once and happened already that there is nothing to get any more.
func (m manager) once(f *flow, err error) error {
	if keyporter.KindOf(err) == keyporter.NotFound {
		f.lost = true
		return goidc.NewError(goidc.ErrorCodeInvalidGrant, "Another request has used it in the meantime.")
	}
	return f.failed(err)
}

func (m manager) create(ctx context.Context, f *flow, g *goidc.Grant) error {
	st := grantState{Params: g.AuthParams}
	st.Params.State = "" // the app has it back already
	if !f.signedInAt.IsZero() {
		st.SignedInAt = f.signedInAt.Unix()
	}
	request, err := json.Marshal(st)
	if err != nil {
		return f.failed(err)
	}
	own := keyporter.Grant{
		ID: keyporter.ID(g.ID), AppID: keyporter.ID(g.ClientID), ConnectionID: f.connection,
		Scopes: strings.Fields(g.Scopes), Resources: g.Resources, KeyHash: g.JWKThumbprint, Request: request,
	}
	own, err = m.Grants.CreateGrant(ctx, own, grants.Code{Authorization: g.AuthCode})
	f.grant = &own
	return f.failed(err)
}

// revoke ends a grant: its app asks for that, or somebody tried to redeem its code who
// isn't who it is for. The library asks for it also when the request lost a race, or when
// we couldn't write: then nothing ends.
func (m manager) revoke(ctx context.Context, f *flow) error {
	switch {
	case f.endpoint == pathRevoke:
		return f.failed(m.Grants.RevokeGrant(ctx, f.caller(), *f.grant, "the app gave it back"))
	case f.lost || f.fault != nil:
		return nil //nolint:nilerr // the fault is told by who had it
	case f.redeemed:
		return f.failed(m.Grants.RevokeGrant(ctx, f.caller(), *f.grant, "its tokens could not be made"))
	default:
		return f.failed(m.Grants.RevokeUnused(ctx, f.caller(), *f.grant, "its code was sent with something wrong"))
	}
}

// refreshToken is the successor of the one presented. The library also asks for one at
// consent, which goes nowhere: there it would have to be kept in clear.
func (s *server) refreshToken(ctx context.Context) string {
	if f := flowOf(ctx); f.presented != "" {
		return s.Grants.Successor(f.presented).Reveal()
	}
	return random(ctx)
}

func (s *server) accessToken(context.Context, *goidc.Grant) string {
	return keyporter.NewSecret(keyporter.SecretAccessToken).Reveal()
}

// tokenOptions says which kind of access token an app gets, and for how long. None outlives its grant.
func (s *server) tokenOptions(ctx context.Context, g *goidc.Grant, c *goidc.Client) goidc.TokenOptions {
	life := s.Grants.AccessTokenLifetime()
	f := flowOf(ctx)
	if f.grant != nil {
		life = min(life, f.grant.EndsAt.Sub(s.Grants.Now()))
	}
	seconds := max(1, int(life/time.Second))
	if f.app != nil && string(f.app.ID) == c.ID && f.app.JWT {
		return goidc.NewJWTTokenOptions(goidc.ES256, seconds)
	}
	return goidc.NewOpaqueTokenOptions(seconds)
}

// SaveToken writes an access token, or ends one that its app gives back.
func (m manager) SaveToken(ctx context.Context, t *goidc.Token) error {
	f := flowOf(ctx)
	if f.grant == nil {
		return goidc.ErrNotFound
	}
	if t.RevokedAt != 0 {
		return f.failed(m.Grants.DeleteAccessToken(ctx, f.caller(), *f.grant, t.ID))
	}
	own := keyporter.AccessToken{Scopes: strings.Fields(t.Scopes), Resources: t.Resources, KeyHash: t.JWKThumbprint}
	return m.once(f, m.Grants.IssueAccessToken(ctx, f.caller(), *f.grant, own, t.ID))
}

// Token returns an access token that works.
func (m manager) Token(ctx context.Context, secret string) (*goidc.Token, error) {
	f := flowOf(ctx)
	t, g, err := m.Grants.AccessToken(ctx, secret)
	if err != nil {
		return nil, f.failed(err)
	}
	if f.endpoint == pathUserInfo && (t.KeyHash != "") != f.byProof {
		return nil, goidc.ErrNotFound // a bound token is no bearer token, nor the other way round (RFC 9449 §7.1)
	}
	f.grant, f.token = &g, &t
	sub := string(g.UserID)
	if sub == "" {
		sub = string(g.AppID)
	}
	return &goidc.Token{
		ID: secret, GrantID: string(g.ID), ClientID: string(g.AppID), Subject: sub, CreatedAt: int(t.CreatedAt.Unix()), ExpiresAt: farAhead(),
		Format: goidc.TokenFormatOpaque, Scopes: strings.Join(t.Scopes, " "), Resources: t.Resources, JWKThumbprint: t.KeyHash,
	}, nil
}
