package gateway

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/verify"
	"github.com/keyporter/keyporter/web"
)

// refuse responds to a refused call in the format the API's clients know. In every format,
// WWW-Authenticate says why (RFC 6750 §3), as far as the caller may know.
func (g *Gateway) refuse(w http.ResponseWriter, d *verify.Decision, id string) {
	shape := verify.RefuseProblem
	if d.Route != nil {
		shape = d.Route.Refusals
	}
	refusal := d.Reason.Refusal()
	h := w.Header()
	h["Cache-Control"] = noStore
	if c := g.challenge(d, refusal); c != "" {
		h["Www-Authenticate"] = []string{c}
	}
	if refusal.Status == http.StatusServiceUnavailable {
		h.Set("Retry-After", "1")
	}
	write(w, shape, web.Problem{Status: refusal.Status, Detail: refusal.Text, Code: string(d.Reason), RequestID: id})
}

var noStore = []string{"no-store"}

// challenge returns the value of WWW-Authenticate, or "" if the response has none. It quotes its
// parts without escaping them, because reasons, scopes and resources never contain quotes.
func (g *Gateway) challenge(d *verify.Decision, r keyporter.Refusal) string {
	if r.Code == "" && r.Status != http.StatusUnauthorized {
		return ""
	}
	scheme, dpop := "Bearer", d.DPoP() && d.Reason != keyporter.ReasonNotBound
	if dpop {
		scheme = "DPoP"
	}
	c := scheme + ` realm="keyporter"`
	if r.Code != "" {
		c += `, error="` + r.Code + `", error_description="` + r.Text + `"`
	}
	if d.Route == nil {
		return c
	}
	about := g.resources[d.Route.API()]
	if d.Route.Scope != "" && (d.Reason == keyporter.ReasonScope || about != nil && d.Reason == keyporter.ReasonNoCredential) {
		c += `, scope="` + d.Route.Scope + `"`
	}
	if dpop {
		c += `, algs="` + strings.Join(keyporter.ProofAlgorithms(), " ") + `"` // RFC 9449 §7.1
	}
	if about != nil {
		c += `, resource_metadata="` + about.address + `"` // RFC 9728 §5.1
	}
	return c
}

// write responds with one of Keyporter's errors in the given format.
func write(w http.ResponseWriter, shape verify.Refusals, p web.Problem) {
	switch {
	case shape == verify.RefuseProblem:
		web.WriteProblem(w, p)
	case shape == verify.RefuseEmpty && p.Status == http.StatusForbidden:
		w.WriteHeader(http.StatusUnauthorized) // its clients don't know 403
	case shape == verify.RefuseEmpty || p.Status == http.StatusUnauthorized:
		w.WriteHeader(p.Status)
	default:
		writeError(w, p)
	}
}

// errorBody is the error of an API that answers with ErrorId, Message and TraceId.
type errorBody struct {
	ErrorID string `json:"ErrorId"`
	Message string
	TraceID string `json:"TraceId"`
}

func writeError(w http.ResponseWriter, p web.Problem) {
	code := web.ErrorID(p.Status)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(errorBody{ErrorID: code, Message: code + " - " + p.Detail, TraceID: p.RequestID})
}
