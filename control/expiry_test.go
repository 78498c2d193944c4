package control_test

import (
	"testing"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/keyportertest"
)

// TestAnExpiryIsWithinTheYear9999InUTC tries the last year in zones where it is another one. JavaScript reads no year with five digits.
func TestAnExpiryIsWithinTheYear9999InUTC(t *testing.T) {
	t.Parallel()
	w := newWorld(t, keyportertest.Database(t))
	token, _ := keyportertest.Token(t, w.Control, w.ada, "Export")
	for text, ok := range map[string]bool{
		"9999-12-31T23:59:59Z": true, "9999-12-31T23:59:59-14:00": false, "9999-12-31T23:59:59+14:00": true,
	} {
		at, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		if _, err = w.Control.SetTokenExpiry(t.Context(), keyporter.Command(), token.ID, at); (err == nil) != ok {
			t.Errorf("%s: %v", text, err)
		}
	}
}
