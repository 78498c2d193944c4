package web

import (
	"encoding/json"
	"net/http"
)

// Problem is a problem document (RFC 9457) of type about:blank.
type Problem struct {
	Title     string `json:"title"`  // the status in words
	Status    int    `json:"status"` // HTTP status
	Detail    string `json:"detail,omitempty"`
	Code      string `json:"code,omitempty"` // the reason, for programs
	RequestID string `json:"request_id,omitempty"`
}

// WriteProblem responds with a problem document. It sets the title from the status.
func WriteProblem(w http.ResponseWriter, p Problem) {
	p.Title = http.StatusText(p.Status)
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // only fails if the client is gone
}

// ErrorID returns the eSignAnyWhere error code for a status, for clients of that API.
func ErrorID(status int) string {
	switch status {
	case http.StatusForbidden:
		return "ERR0010" // not allowed for user
	case http.StatusBadRequest:
		return "ERR0011" // invalid format
	}
	return "ERR0001" // general
}
