package console

import (
	"fmt"
	"hash/fnv"
	"html/template"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/keyporter/keyporter"
)

// ago says how long ago something happened, such as "3 hours ago".
func ago(t, now time.Time) string {
	switch d := now.Sub(t); {
	case d < time.Minute:
		return "just now"
	case d < time.Hour:
		return units(int(d/time.Minute), "minute") + " ago"
	case d < 24*time.Hour:
		return units(int(d/time.Hour), "hour") + " ago"
	case d < 30*24*time.Hour:
		return units(int(d/(24*time.Hour)), "day") + " ago"
	default:
		return "on " + day(t)
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

// when formats a time to the minute.
func when(t time.Time) string { return t.UTC().Format("2 Jan 2006, 15:04 UTC") }

// day formats the day of a time.
func day(t time.Time) string { return t.UTC().Format("2 Jan 2006") }

// iso formats a time for programs.
func iso(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// count formats a number with thousands separators.
func count(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
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

// icon returns an SVG in the color of the text.
func icon(name string) template.HTML {
	paths := map[string]string{
		"bin":       `<path d="M3.5 5h13M8 5V3.5h4V5m2.8 0-.7 11.2a1 1 0 0 1-1 .8H6.9a1 1 0 0 1-1-.8L5.2 5M8.3 8.5v5M11.7 8.5v5"/>`,
		"pen":       `<path d="m12.5 4.5 3 3L7 16l-3.6.6L4 13z"/>`,
		"clock":     `<circle cx="10" cy="10" r="6.5"/><path d="M10 6.5V10l2.5 1.8"/>`,
		"copy":      `<rect x="7" y="7" width="9" height="9.5" rx="1.5"/><path d="M13 7V5a1.5 1.5 0 0 0-1.5-1.5h-6A1.5 1.5 0 0 0 4 5v6.5A1.5 1.5 0 0 0 5.5 13H7"/>`,
		"plus":      `<path d="M10 4.5v11M4.5 10h11"/>`,
		"people":    `<circle cx="7.5" cy="7" r="2.8"/><path d="M2.5 16c.4-3 2.3-4.6 5-4.6s4.6 1.6 5 4.6M12.5 4.6a2.6 2.6 0 0 1 0 4.9M14.2 11.8c1.9.5 3 1.9 3.3 4.2"/>`,
		"question":  `<path d="M7.3 7.4a2.8 2.8 0 1 1 3.9 2.6c-.8.4-1.2.9-1.2 1.8M10 14.6v.1"/><circle cx="10" cy="10" r="7.2"/>`,
		"hand-over": `<path d="M3.5 7.5h12M12 4l3.5 3.5L12 11M16.5 13.5h-12"/>`,
		"yes":       `<path d="m4.5 10.5 3.7 3.7 7.3-8"/>`,
		"no":        `<path d="m5.5 5.5 9 9m0-9-9 9"/>`,
		"open":      `<path d="M6 10h8"/>`,
		"check":     `<path d="M10 2.8 16 5v4.6c0 3.6-2.4 6.4-6 7.6-3.6-1.2-6-4-6-7.6V5z"/><path d="m7.2 10 2 2 3.6-4"/>`,
		"apps":      `<rect x="3.5" y="3.5" width="5.5" height="5.5" rx="1.3"/><rect x="11" y="3.5" width="5.5" height="5.5" rx="1.3"/><rect x="3.5" y="11" width="5.5" height="5.5" rx="1.3"/><path d="M13.75 11v5.5M11 13.75h5.5"/>`,
		"key":       `<circle cx="7" cy="13" r="3.3"/><path d="m9.4 10.6 6.1-6.1M13 7l2.2 2.2M11 9l1.5 1.5"/>`,
	}
	return template.HTML(`<svg class="icon" viewBox="0 0 20 20" aria-hidden="true" focusable="false">` + paths[name] + `</svg>`) //nolint:gosec // our own text
}

// initials returns the first letters of the first two words of a name, for use in place of an image.
func initials(name string) string {
	var letters []rune
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
