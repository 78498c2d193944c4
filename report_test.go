package keyporter_test

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/keyporter/keyporter"
)

// TestCallsAreStoredInOneForm expects calls that an earlier program has stored to be read by this one, and the other way around.
func TestCallsAreStoredInOneForm(t *testing.T) {
	t.Parallel()
	call := keyporter.Call{
		RoutePattern: keyporter.RoutePattern{Version: "esign 6", Method: "GET", Route: "/Api/{version}/{rest...}"},
		At:           time.Date(2027, 1, 31, 12, 0, 0, 5000, time.UTC), Agent: "curl/8", Address: "192.0.2.1", ActedFor: "ada@acme.example", Reason: keyporter.ReasonDisabled, Status: 403,
	}
	const stored = `{"version":"esign 6","method":"GET","route":"/Api/{version}/{rest...}","at":"2027-01-31T12:00:00.000005Z",` +
		`"agent":"curl/8","address":"192.0.2.1","acted_for":"ada@acme.example","reason":"token.disabled","status":403}`
	if text, err := json.Marshal(call); err != nil || string(text) != stored {
		t.Errorf("%s, %v", text, err)
	}
	var read keyporter.Call
	if err := json.Unmarshal([]byte(stored), &read); err != nil || !reflect.DeepEqual(read, call) {
		t.Errorf("%+v, %v", read, err)
	}
}
