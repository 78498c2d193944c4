package console

import (
	"cmp"
	"net/http"
	"strings"
	"time"
	_ "time/tzdata" // readers have time zones, even where the machine has none

	"github.com/keyporter/keyporter"
)

// expiryField asks until when tokens work: for a while, forever, or until a day. Days are those of the reader: the
// script says in which time zone they are. Without a script they are in UTC, and the field says so.
type expiryField struct {
	Choices []expiryChoice
	Until   string    // value of the choice
	Day     string    // as typed, such as 2027-01-31
	Last    time.Time // last moment of the day, for the script, which knows the reader's; zero: the day was typed
	Zone    string    // of the days; empty: UTC, unless the script says otherwise
	Now     time.Time
	Today   string // such as 2027-01-31
	Wrong   string // what is wrong with it
	Focus   bool   // it is the first field of its form
}

// expiryChoice is a choice other than a day.
type expiryChoice struct {
	Value, Name string
	Days, Years int
	Last        time.Time // its last moment; zero: none
}

// The values of choices that aren't a number of days.
const (
	untilNever = "never"
	untilDay   = "day"
)

const usualExpiry = "90" // of a new token

func expiryChoices() []expiryChoice {
	return []expiryChoice{
		{Value: "7", Name: "7 days", Days: 7},
		{Value: "30", Name: "30 days", Days: 30},
		{Value: "90", Name: "90 days", Days: 90},
		{Value: "365", Name: "1 year", Years: 1},
		{Value: untilNever, Name: "No expiry"},
	}
}

// Is reports whether a choice is chosen.
func (f expiryField) Is(value string) bool { return f.Until == value }

// InUTC reports whether days are in UTC, as far as anybody has said.
func (f expiryField) InUTC() bool { return f.Zone == "" || f.Zone == time.UTC.String() }

// askExpiry returns the field for tokens that expire at a time; zero: never.
func (c *console) askExpiry(at time.Time) *expiryField {
	f := &expiryField{Until: untilNever}
	if !at.IsZero() {
		f.Until, f.Last = untilDay, at.Add(-time.Nanosecond)
		f.Day = f.Last.UTC().Format(time.DateOnly)
	}
	c.completeExpiry(f, time.UTC)
	return f
}

// askNewExpiry returns the field for tokens whose expiry, if they have one, doesn't matter.
func (c *console) askNewExpiry() *expiryField {
	f := c.askExpiry(time.Time{})
	f.Until = usualExpiry
	return f
}

func (c *console) completeExpiry(f *expiryField, zone *time.Location) {
	f.Now = c.Now().In(zone)
	f.Today = f.Now.Format(time.DateOnly)
	for _, choice := range expiryChoices() {
		if choice.Value != untilNever {
			choice.Last = choice.end(f.Now).Add(-time.Nanosecond)
		}
		f.Choices = append(f.Choices, choice)
	}
}

// end returns when a choice made on a day ends: with the last day of its time.
func (e expiryChoice) end(today time.Time) time.Time {
	return endOfDay(today.AddDate(e.Years, 0, e.Days), today.Location())
}

func endOfDay(day time.Time, zone *time.Location) time.Time {
	return time.Date(day.Year(), day.Month(), day.Day()+1, 0, 0, 0, 0, zone)
}

// expiryIn returns the expiry that a form asks for, and its field as it was filled in.
func (c *console) expiryIn(r *http.Request) (time.Time, *expiryField, error) {
	f := &expiryField{Until: r.PostFormValue("until"), Day: r.PostFormValue("expires"), Zone: r.PostFormValue("zone")}
	if f.Until == "" {
		f.Until = untilNever
		if f.Day != "" {
			f.Until = untilDay
		}
	}
	zone, wrongZone := zoneNamed(f.Zone)
	if wrongZone != nil {
		f.Zone = time.UTC.String()
	}
	c.completeExpiry(f, zone)
	at, wrong := f.time(zone)
	return at, f, cmp.Or(wrongZone, wrong)
}

// zoneNamed returns the time zone with a name of the IANA database. Without a name, it is UTC.
func zoneNamed(name string) (*time.Location, error) {
	zone, err := time.LoadLocation(name)
	if err != nil || strings.EqualFold(name, "local") { // that is where the machine is
		return time.UTC, keyporter.InvalidField("expires", "Your browser is in a time zone that Keyporter doesn’t know. Days are in UTC now: check the expiry and send it again.")
	}
	return zone, nil
}

// isLastDayOf reports whether the day that is chosen is the last one of an expiry that is yet to come. Whoever keeps the day keeps
// the time, which may be earlier than the end of the day where they are.
func (f *expiryField) isLastDayOf(expiry time.Time) bool {
	return f.Is(untilDay) && expiry.After(f.Now) && f.Day == expiry.Add(-time.Nanosecond).In(f.Now.Location()).Format(time.DateOnly)
}

func (f *expiryField) time(zone *time.Location) (time.Time, error) {
	switch f.Until {
	case untilNever:
		return time.Time{}, nil
	case untilDay:
		if at, err := time.Parse(time.RFC3339, f.Day); err == nil { // from the button of a note
			return at, nil
		}
		day, err := time.Parse(time.DateOnly, f.Day)
		if err != nil {
			return day, keyporter.InvalidField("expires", "Enter a day such as 2027-01-31.")
		}
		return endOfDay(day, zone), nil
	}
	for _, choice := range expiryChoices() {
		if choice.Value == f.Until {
			return choice.end(f.Now), nil
		}
	}
	return time.Time{}, keyporter.InvalidField("expires", "Choose one of these.")
}
