package client

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/keyporter/keyporter"
)

// Refusal says why a call is refused.
type Refusal struct {
	Status  int    // HTTP status: 400, 401, 403, 501, or 503
	Code    string // error code of RFC 6750 §3.1; empty if it defines none
	Reason  string // for programs, such as token.disabled
	Message string // for people, one sentence
	Scope   string // the scope the access token needs, if that is the reason

	// RequestID is the ID by which Keyporter can explain the refusal, on its pages and with
	// `keyporter explain`. It is empty if Keyporter knows nothing about the call, because the
	// credential is invalid, or is valid but not accepted here.
	RequestID string

	dpop bool // the challenge asks for the scheme DPoP
}

// refusal returns the Refusal for a reason.
func refusal(r keyporter.Reason) *Refusal {
	x := r.Refusal()
	return &Refusal{Status: x.Status, Code: x.Code, Reason: string(r), Message: x.Text}
}

// Challenge returns the value of WWW-Authenticate (RFC 6750 §3, RFC 9449 §7.1), or "" if the
// response has none.
func (f Refusal) Challenge() string {
	if f.Code == "" && f.Status != http.StatusUnauthorized {
		return ""
	}
	scheme := "Bearer"
	if f.dpop && f.Reason != string(keyporter.ReasonNotBound) {
		scheme = "DPoP"
	}
	c := scheme + ` realm="keyporter"`
	if f.Code != "" {
		c += `, error="` + f.Code + `", error_description="` + f.Message + `"`
	}
	if f.Scope != "" {
		c += `, scope="` + f.Scope + `"`
	}
	if scheme == "DPoP" {
		c += `, algs="` + strings.Join(keyporter.ProofAlgorithms(), " ") + `"` // RFC 9449 §7.1
	}
	return c
}

// refuse answers a refused call.
func (c *Client) refuse(w http.ResponseWriter, r *http.Request, f Refusal) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	if challenge := f.Challenge(); challenge != "" {
		h.Set("WWW-Authenticate", challenge)
	}
	if f.RequestID != "" {
		h.Set(keyporter.HeaderRequestID, f.RequestID)
	}
	if f.Status == http.StatusServiceUnavailable {
		h.Set("Retry-After", "1")
	}
	c.cfg.Refuse(w, r, f)
}

// writeProblem answers with a problem document (RFC 9457).
func writeProblem(w http.ResponseWriter, _ *http.Request, f Refusal) {
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(f.Status)
	_ = json.NewEncoder(w).Encode(struct { // the only possible error is that the client is gone
		Title     string `json:"title"`
		Status    int    `json:"status"`
		Detail    string `json:"detail"`
		Code      string `json:"code,omitempty"`
		RequestID string `json:"request_id,omitempty"`
	}{http.StatusText(f.Status), f.Status, f.Message, f.Reason, f.RequestID})
}
