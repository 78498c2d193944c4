package oauth

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"strings"

	"github.com/luikyv/go-oidc/pkg/goidc"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control/grants"
)

// push takes a request straight from the app, before a browser brings its name (RFC 9126).
func (s *server) push(w http.ResponseWriter, r *http.Request) {
	s.form(func(w http.ResponseWriter, r *http.Request, in url.Values) {
		f := flowOf(r.Context())
		params := authentication(in)
		if f.app != nil {
			judged, err := s.judgePushed(r.Context(), f, in)
			if err != nil {
				s.fail(w, r, asFault(err))
				return
			}
			maps.Copy(params, judged)
		}
		if rec := s.call(w, r, params); rec != nil {
			rec.send(w)
		}
	})(w, r)
}

func (s *server) judgePushed(ctx context.Context, f *flow, in url.Values) (url.Values, error) {
	if in.Has("request_uri") {
		return nil, invalid("A pushed request can't contain a request_uri (RFC 9126 section 2.1).")
	}
	if !registered(f.app, in.Get("redirect_uri")) {
		return nil, invalid("redirect_uri is missing or doesn't exactly match an address the app is registered with.")
	}
	f.redirectURI, f.state, f.formPost = in.Get("redirect_uri"), in.Get("state"), in.Get("response_mode") == "form_post"
	return s.judge(ctx, in, f.app)
}

// pushed is told by the library of a session that it made for a pushed request.
func (s *server) pushed(context.Context, *goidc.AuthnSession, *goidc.Client) error { return nil }

// authentication returns the parameters by which an app authenticates.
func authentication(in url.Values) url.Values {
	out := url.Values{}
	for _, name := range []string{"client_id", "client_secret", "client_assertion", "client_assertion_type"} {
		if v, ok := in[name]; ok {
			out[name] = v
		}
	}
	return out
}

// device begins the authorization of a device that has no browser (RFC 8628). Where its
// user types the code is the console's page.
func (s *server) device(w http.ResponseWriter, r *http.Request) {
	s.form(func(w http.ResponseWriter, r *http.Request, in url.Values) {
		f := flowOf(r.Context())
		params := authentication(in)
		if f.app != nil {
			scopes, err := s.judgeAccess(in, f.app)
			if err != nil {
				s.fail(w, r, asFault(err))
				return
			}
			f.asked = grants.Asked{Scopes: scopes, Device: true}
			params.Set("scope", strings.Join(scopes, " "))
			if v, ok := in["resource"]; ok {
				params["resource"] = v
			}
		}
		r.URL.Path, r.URL.RawPath = "/device_authorization", "" // as the library calls it, which can't be told otherwise
		rec := s.call(w, r, params)
		if rec == nil {
			return
		}
		var out map[string]any
		if err := json.Unmarshal(rec.body.Bytes(), &out); err != nil {
			s.fail(w, r, s.unforeseen(f, err))
			return
		}
		code, _ := out["user_code"].(string)
		if len(code) == 8 {
			code = code[:4] + "-" + code[4:] // easier to type
		}
		page := s.Issuer + "/device"
		out["user_code"], out["verification_uri"], out["verification_uri_complete"] = code, page, page+"?user_code="+code
		out["expires_in"], out["interval"] = int(deviceLifetime.Seconds()), int(devicePoll.Seconds())
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(out)
	})(w, r)
}

// GrantByDeviceCode returns the grant of a device whose user has allowed it. The grant is
// made by the first question after that.
func (m manager) GrantByDeviceCode(ctx context.Context, code string) (*goidc.Grant, error) {
	f := flowOf(ctx)
	g, err := m.Grants.GrantByDeviceCode(ctx, code)
	if keyporter.KindOf(err) == keyporter.NotFound {
		g, err = m.deviceGrant(ctx, f, code)
	}
	if err != nil {
		return nil, f.failed(err)
	}
	if !g.DeviceUsedAt.IsZero() {
		f.device = nil
		return nil, goidc.ErrNotFound
	}
	return f.redeemable(&g)
}

func (m manager) deviceGrant(ctx context.Context, f *flow, code string) (keyporter.Grant, error) {
	a, waited, err := m.Grants.PollDevice(ctx, code)
	if err != nil {
		return keyporter.Grant{}, err
	}
	f.device, f.hasty = &a, !waited
	st, err := readState(a.State)
	if err != nil {
		return keyporter.Grant{}, err
	}
	f.session = st.Session
	now := m.Grants.Now()
	if !waited || !a.Answer.Allowed || !now.Before(a.ExpiresAt) {
		return keyporter.Grant{}, goidcNotFound()
	}
	kept := grantState{Params: st.Session.AuthorizationParameters}
	if !a.Answer.SignedInAt.IsZero() {
		kept.SignedInAt = a.Answer.SignedInAt.Unix()
	}
	request, err := json.Marshal(kept)
	if err != nil {
		return keyporter.Grant{}, err
	}
	g := keyporter.Grant{
		ID: keyporter.NewID(now), AppID: a.AppID, ConnectionID: a.Answer.ConnectionID, UserID: a.Answer.UserID,
		Scopes: a.Answer.Scopes, Resources: st.Session.Resources, Request: request, DeviceEndsAt: a.ExpiresAt,
	}
	_, err = m.Grants.CreateGrant(ctx, g, grants.Code{Device: code})
	if err != nil && keyporter.KindOf(err) != keyporter.Conflict {
		return g, err
	}
	return m.Grants.GrantByDeviceCode(ctx, code)
}

func goidcNotFound() error { return keyporter.Refuse(keyporter.NotFound, "There is no such grant.") }

// SessionByDeviceCode tells what a device has to wait for.
func (m manager) SessionByDeviceCode(ctx context.Context, _ string) (*goidc.AuthnSession, error) {
	f := flowOf(ctx)
	switch {
	case f.device == nil:
		return nil, goidc.ErrNotFound
	case f.hasty:
		return nil, goidc.NewError(goidc.ErrorCodeSlowDown, "Wait five seconds longer between requests from now on.")
	}
	as := f.session
	as.ExpiresAt, as.Status = farAhead(), goidc.StatusPending
	if !m.Grants.Now().Before(f.device.ExpiresAt) {
		as.ExpiresAt = 1
	}
	if f.device.Answer.Denied {
		as.Status = goidc.StatusFailure
	}
	return as, nil
}
