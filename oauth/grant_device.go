package oauth

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control/grants"
	"github.com/keyporter/keyporter/web"
)

// redeemDeviceCode issues tokens for a device code once the device's user has allowed it (RFC 8628 §3.4).
func (s *server) redeemDeviceCode(ctx context.Context, req tokenRequest) (tokenResponse, error) {
	if req.deviceCode == "" {
		return tokenResponse{}, web.Invalid("device_code is missing.")
	}
	grant, err := s.Grants.GrantByDeviceCode(ctx, req.deviceCode)
	if keyporter.KindOf(err) == keyporter.NotFound {
		grant, err = s.pollDevice(ctx, req)
	}
	if err != nil {
		return tokenResponse{}, orFault(err, noDeviceCode())
	}
	if !grant.DeviceUsedAt.IsZero() {
		return tokenResponse{}, noDeviceCode()
	}
	return s.redeem(ctx, req, grant, func(grant keyporter.Grant, _ grantRequest) (keyporter.AccessToken, error) {
		if grant.AppID != req.app.ID {
			return keyporter.AccessToken{}, anotherApps()
		}
		if err := checkGrantType(&req.app, grantDevice); err != nil {
			return keyporter.AccessToken{}, err
		}
		return narrowed(grant, req.scopes, req.resources)
	})
}

func noDeviceCode() web.OAuthError {
	return web.OAuthError{Code: invalidGrant, Description: "The device_code doesn't exist or was already used."}
}

// pollDevice tells a device what it is waiting for (RFC 8628 §3.5). The first poll after its
// user has allowed it creates the grant.
func (s *server) pollDevice(ctx context.Context, req tokenRequest) (keyporter.Grant, error) {
	wait := func(code, text string) (keyporter.Grant, error) {
		return keyporter.Grant{}, web.OAuthError{Code: code, Description: text}
	}
	a, waited, err := s.Grants.PollDevice(ctx, req.app.ID, req.deviceCode)
	switch {
	case err != nil:
		return keyporter.Grant{}, err
	case !waited:
		return wait(slowDown, "Wait five seconds longer between requests from now on.")
	case !s.Grants.Now().Before(a.ExpiresAt):
		return wait(expiredToken, "The device_code has expired. Start over.")
	case a.Answer.Denied:
		return wait(accessDenied, "The user denied access.")
	case !a.Answer.Allowed:
		return wait(authorizationPending, "The user hasn't answered yet.")
	}
	return s.grantDevice(ctx, a, req.deviceCode)
}

func (s *server) grantDevice(ctx context.Context, a grants.Authorization, code string) (keyporter.Grant, error) {
	var asked request
	if err := json.Unmarshal(a.State, &asked); err != nil {
		return keyporter.Grant{}, fmt.Errorf("read a device's request: %w", err)
	}
	kept, err := json.Marshal(grantRequest{SignedInAt: unix(a.Answer.SignedInAt)})
	if err != nil {
		return keyporter.Grant{}, fmt.Errorf("write a grant: %w", err)
	}
	_, err = s.Grants.CreateGrant(ctx, keyporter.Grant{
		ID: keyporter.NewID(s.Grants.Now()), AppID: a.AppID, ConnectionID: a.Answer.ConnectionID, UserID: a.Answer.UserID,
		Scopes: a.Answer.Scopes, Resources: asked.Resources, Request: kept, DeviceEndsAt: a.ExpiresAt,
	}, grants.Code{Device: code})
	if err != nil && keyporter.KindOf(err) != keyporter.Conflict { // another poll was faster
		return keyporter.Grant{}, err
	}
	return s.Grants.GrantByDeviceCode(ctx, code)
}
