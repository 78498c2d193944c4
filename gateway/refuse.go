package gateway

import (
	"encoding/json"
	"net/http"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/verify"
	"github.com/keyporter/keyporter/web"
)

// refuse answers a call that is not allowed, in the shape that its API's clients know.
// Whatever the shape, WWW-Authenticate says why (RFC 6750 §3) as far as the caller may know.
func refuse(w http.ResponseWriter, d *verify.Decision, id string) {
	shape := verify.RefuseProblem
	if d.Route != nil {
		shape = d.Route.Refusals
	}
	refusal := d.Reason.Refusal()
	h := w.Header()
	h["Cache-Control"] = noStore
	if c := challenge(refusal); c != "" {
		h["Www-Authenticate"] = []string{c}
	}
	if refusal.Status == http.StatusServiceUnavailable {
		h.Set("Retry-After", "1")
	}
	write(w, shape, web.Problem{Status: refusal.Status, Detail: refusal.Text, Code: string(d.Reason), RequestID: id})
}

var noStore = []string{"no-store"}

// challenge is the value of WWW-Authenticate, empty where the answer has none.
func challenge(r keyporter.Refusal) string {
	switch {
	case r.Code != "":
		return `Bearer realm="keyporter", error="` + r.Code + `", error_description="` + r.Text + `"`
	case r.Status == http.StatusUnauthorized:
		return `Bearer realm="keyporter"`
	}
	return ""
}

// write answers with an error of ours in one of the shapes.
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
