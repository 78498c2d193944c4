package console

import (
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/keyporter/keyporter"
)

// ago says when something happened: how long ago, such as "3 hours ago", up to a day, and otherwise like when.
func ago(t, now time.Time) string {
	switch d := now.Sub(t); {
	case d < time.Minute:
		return "just now"
	case d < time.Hour:
		return units(int(d/time.Minute), "minute") + " ago"
	case d < 24*time.Hour:
		return units(int(d/time.Hour), "hour") + " ago"
	case t.UTC().Year() == now.UTC().Year():
		return t.UTC().Format("Jan 2, 3:04 PM UTC")
	default:
		return when(t)
	}
}

// span says how long something takes, such as "20 seconds", and never less than it does.
func span(d time.Duration) string {
	unit, name := time.Second, "second"
	switch {
	case d > 2*time.Hour:
		unit, name = time.Hour, "hour"
	case d >= time.Minute:
		unit, name = time.Minute, "minute"
	}
	return units(int((d+unit-1)/unit), name)
}

func units(n int, unit string) string {
	if n == 1 {
		return "1 " + unit
	}
	return fmt.Sprintf("%d %ss", n, unit)
}

// when formats a time to the minute. In a <time>, the script shows it in the reader's time zone.
func when(t time.Time) string { return t.UTC().Format("Jan 2, 2006, 3:04 PM UTC") }

// day formats the day of a time.
func day(t time.Time) string { return t.UTC().Format("Jan 2, 2006") }

// shortDay formats the day of a time where the year is clear.
func shortDay(t time.Time) string { return t.UTC().Format("Jan 2") }

// dayThere formats the day of a time in its own time zone.
func dayThere(t time.Time) string { return t.Format("Jan 2, 2006") }

// iso formats a time for programs.
func iso(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// enumerated joins the parts of a sentence, such as "A", "B", and "C".
func enumerated(parts []string) string {
	switch n := len(parts); n {
	case 0, 1:
		return strings.Join(parts, "")
	case 2:
		return parts[0] + " and " + parts[1]
	default:
		return strings.Join(parts[:n-1], ", ") + ", and " + parts[n-1]
	}
}

// count formats a number with thousands separators.
func count(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// apiVersion says which version of which API was called, such as "esign v6", from what is kept of the call, such as "esign 6".
func apiVersion(of string) string {
	api, version, ok := strings.Cut(of, " ")
	if !ok {
		return of
	}
	return api + " v" + version
}

// clientName shortens a User-Agent to the name and version people know: those of the first product.
// Browsers all start with Mozilla, and their real name comes later.
func clientName(agent string) string {
	if agent == "" {
		return "an unnamed client"
	}
	for _, browser := range []struct{ mark, name string }{{"Edg/", "Edge"}, {"OPR/", "Opera"}, {"Firefox/", "Firefox"}, {"Chrome/", "Chrome"}, {"Safari/", "Safari"}} {
		if _, version, ok := strings.Cut(agent, browser.mark); ok && strings.HasPrefix(agent, "Mozilla/") {
			major, _, _ := strings.Cut(version, ".")
			return browser.name + " " + major
		}
	}
	product, _, _ := strings.Cut(agent, " ")
	name, version, ok := strings.Cut(product, "/")
	if !ok || strings.HasPrefix(product, "(") {
		return agent
	}
	return name + " " + version
}

// initials returns the first letters of the first two words of a name, for use in place of an image. Of an email
// address, it takes what is before the @.
func initials(name string) string {
	var letters []rune
	name, _, _ = strings.Cut(name, "@")
	for word := range strings.FieldsFuncSeq(name, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsNumber(r) }) {
		if r, _ := utf8.DecodeRuneInString(word); len(letters) < 2 {
			letters = append(letters, unicode.ToUpper(r))
		}
	}
	return string(letters)
}

// hue returns a number from 0 to 5 that selects a color, always the same for the same ID.
func hue(id keyporter.ID) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(id))
	return int(h.Sum32() % 6)
}
