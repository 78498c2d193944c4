package oauth

import (
	"crypto/rand"
	"math/big"
	"net/http"
	"time"

	"github.com/keyporter/keyporter/control/grants"
	"github.com/keyporter/keyporter/web"
)

const deviceLifetime = 15 * time.Minute

// deviceResponse is what a device shows its user and polls with (RFC 8628 §3.2).
type deviceResponse struct {
	DeviceCode string `json:"device_code"`
	UserCode   string `json:"user_code"`
	Page       string `json:"verification_uri"`
	PageFilled string `json:"verification_uri_complete"`
	ExpiresIn  int    `json:"expires_in"`
	Interval   int    `json:"interval"`
}

// device starts the authorization of a device without a browser (RFC 8628 §3.1). Its user
// types the code on a page of the console.
func (s *server) device(w http.ResponseWriter, r *http.Request, from grants.Caller) error {
	in, app, err := s.client(w, r, pathDevice)
	if err != nil {
		return err
	}
	if err := checkGrantType(&app, grantDevice); err != nil {
		return err
	}
	req := request{}
	if req.Asked.Scopes, req.Resources, err = s.askedAccess(in, &app); err != nil {
		return err
	}
	if err := s.count(r.Context(), from, &app); err != nil {
		return err
	}
	req.Asked.Device = true
	now, code, typed := s.Grants.Now(), random(), userCode()
	err = s.savePending(r.Context(), &app, req, grants.Authorization{
		DeviceCode: code, UserCode: grants.UserCode(typed), CreatedAt: now, ExpiresAt: now.Add(deviceLifetime),
	})
	if err != nil {
		return err
	}
	page := s.Issuer + "/device"
	web.WriteJSON(w, http.StatusOK, deviceResponse{code, typed, page, page + "?user_code=" + typed, int(deviceLifetime.Seconds()), int(grants.DevicePoll.Seconds())})
	return nil
}

// userCode returns a code that a person types: eight consonants, which form no words (RFC 8628
// §6.1). It has only 34 bits, so attempts are limited.
func userCode() string {
	const letters = "BCDFGHJKLMNPQRSTVWXZ"
	code := make([]byte, 8)
	for i := range code {
		n, _ := rand.Int(rand.Reader, big.NewInt(int64(len(letters)))) // never fails, see crypto/rand
		code[i] = letters[n.Int64()]
	}
	return string(code[:4]) + "-" + string(code[4:])
}
