package console_test

import (
	"strings"
	"testing"
	"time"

	"github.com/keyporter/keyporter"
)

// TestExpiriesAreDaysOfTheReader adds tokens where it is another day than in UTC, and where a day has 23 hours.
func TestExpiriesAreDaysOfTheReader(t *testing.T) {
	s := newSite(t)
	s.Clock.Stop()
	s.Clock.Advance(time.Date(2027, 3, 7, 10, 30, 0, 0, time.UTC).Sub(s.Clock.Now()))
	ada, v := s.ada(t)
	for _, tt := range []struct{ zone, until, day, want string }{
		{"", "90", "", "2027-06-06T00:00:00Z"},
		{"UTC", "7", "", "2027-03-15T00:00:00Z"},
		{"Pacific/Kiritimati", "7", "", "2027-03-15T10:00:00Z"}, // UTC+14, where it is March 8
		{"Pacific/Pago_Pago", "7", "", "2027-03-14T11:00:00Z"},  // UTC-11, where it is March 6
		{"Pacific/Kiritimati", "day", "2027-03-08", "2027-03-08T10:00:00Z"},
		{"Pacific/Pago_Pago", "day", "2027-03-06", "2027-03-07T11:00:00Z"},
		{"America/New_York", "7", "", "2027-03-15T04:00:00Z"}, // summer time begins
		{"UTC", "365", "", "2028-03-08T00:00:00Z"},
		{"", "", "2027-03-31", "2027-04-01T00:00:00Z"},
		{"Pacific/Kiritimati", "never", "2001-01-01", ""},
		{"", "", "", ""},
	} {
		s.Clock.Advance(time.Millisecond) // the latest comes first
		v.post("/tokens", "name", "Export "+tt.zone+tt.until+tt.day, "zone", tt.zone, "until", tt.until, "expires", tt.day).wantRedirect(t, "/tokens")
		got := ""
		if at := s.tokensOf(t, ada)[0].ExpiresAt; !at.IsZero() {
			got = at.Format(time.RFC3339)
		}
		if got != tt.want {
			t.Errorf("%+v: it expires at %q", tt, got)
		}
	}
	n := len(s.tokensOf(t, ada))
	for _, tt := range []struct{ zone, until, day, words string }{
		{"Pacific/Kiritimati", "day", "2027-03-07", "must be in the future"}, // the day is over there
		{"Pacific/Pago_Pago", "day", "2027-03-05", "must be in the future"},
		{"Mars/Olympus", "30", "", "a time zone that Keyporter doesn’t know"},
		{"Local", "30", "", "a time zone that Keyporter doesn’t know"},
		{"../../etc/passwd", "30", "", "a time zone that Keyporter doesn’t know"},
		{strings.Repeat("x", 5000), "30", "", "a time zone that Keyporter doesn’t know"},
		{"UTC", "day", "", "Enter a day such as"},
		{"UTC", "-1", "", "Choose one of these"},
	} {
		page := v.post("/tokens", "name", "Import", "zone", tt.zone, "until", tt.until, "expires", tt.day)
		page.want(t, 422, tt.words, `value="Import"`)
		if tt.until != "-1" {
			page.want(t, 422, `value="`+tt.until+`" checked`, `value="`+tt.day+`"`)
		}
	}
	if got := len(s.tokensOf(t, ada)); got != n {
		t.Errorf("refused forms added %d tokens", got-n)
	}
	v.post("/tokens", "name", "Import", "zone", "Mars/Olympus", "until", "30").want(t, 422, `name="zone" value="UTC"`, "Until the end of <time", "Apr 6, 2027</time><span class=\"zone\"> (UTC)</span>")
	there := v.post("/tokens", "name", "", "zone", "Pacific/Kiritimati", "until", "30")
	there.want(t, 422, `name="zone" value="Pacific/Kiritimati"`, "Apr 7, 2027</time>.", `min="2027-03-08"`)
	there.wantNot(t, "(UTC)")
}

// TestAnExpiryIsKeptUnlessItIsChanged opens the form of a token's expiry, and sends it as it is.
func TestAnExpiryIsKeptUnlessItIsChanged(t *testing.T) {
	s := newSite(t)
	ada, v := s.ada(t)
	for _, until := range []string{"never", "30"} {
		v.post("/tokens", "name", "Export "+until, "until", until).wantRedirect(t, "/tokens")
		before := s.tokensOf(t, ada)[0]
		path := "/tokens/" + string(before.ID) + "/expiry"
		v.submit(v.get(path), path).wantRedirect(t, "/tokens")
		if after := s.tokensOf(t, ada)[0]; after != before {
			t.Errorf("it was %+v and is %+v", before, after)
		}
	}
	// Another day than in UTC, and another time than its end.
	token := s.tokensOf(t, ada)[0]
	path := "/tokens/" + string(token.ID) + "/expiry"
	early := time.Date(2027, 6, 1, 0, 30, 0, 0, time.UTC)
	for day, want := range map[string]time.Time{"2027-05-31": early, "2027-06-01": time.Date(2027, 6, 2, 7, 0, 0, 0, time.UTC)} {
		if _, err := s.Control.SetTokenExpiry(t.Context(), keyporter.Command(), token.ID, early); err != nil {
			t.Fatal(err)
		}
		v.post(path, "until", "day", "expires", day, "zone", "America/Los_Angeles").wantRedirect(t, "/tokens")
		if got := s.tokensOf(t, ada)[0].ExpiresAt; !got.Equal(want) {
			t.Errorf("%s: it expires at %s, and not at %s", day, got, want)
		}
	}
	// Many at once.
	fields := []string{"action", "expiry"}
	for _, token := range s.tokensOf(t, ada) {
		fields = append(fields, "token", string(token.ID))
	}
	page := v.post("/tokens/selected", fields...)
	page.want(t, 200, `value="90" checked`)
	wrong := v.submit(page, "/tokens/change", "until", "day", "expires", "2001-01-01", "zone", "Pacific/Kiritimati")
	wrong.want(t, 422, "must be in the future", `value="2001-01-01"`, `value="day" checked`)
	day := s.Clock.Now().AddDate(0, 0, 40).Format(time.DateOnly)
	v.submit(wrong, "/tokens/change", "expires", day).wantRedirect(t, "/tokens")
	for _, token := range s.tokensOf(t, ada) {
		if got := token.ExpiresAt.Add(14*time.Hour - time.Nanosecond).UTC().Format(time.DateOnly); got != day {
			t.Errorf("it expires at %s, and not at the end of %s in Kiritimati", token.ExpiresAt, day)
		}
	}
}
