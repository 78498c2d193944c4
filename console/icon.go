package console

import "html/template"

// icon returns an SVG of 16 pixels in the color of the text.
func icon(name string) template.HTML {
	path, ok := map[string]string{
		"apps":      `<rect x="2.5" y="2.5" width="4.5" height="4.5" rx="1.2"/><rect x="9" y="2.5" width="4.5" height="4.5" rx="1.2"/><rect x="2.5" y="9" width="4.5" height="4.5" rx="1.2"/><path d="M11.25 9.25v4M9.25 11.25h4"/>`,
		"bin":       `<path d="M2.8 4.2h10.4M6.3 4V2.6h3.4V4m2.1.4-.6 8a1 1 0 0 1-1 .9H5.8a1 1 0 0 1-1-.9l-.6-8"/>`,
		"building":  `<path d="M3.5 13.5v-10a1 1 0 0 1 1-1h7a1 1 0 0 1 1 1v10M1.8 13.5h12.4M6.2 5.4h.1m3.4 0h.1M6.2 8h.1m3.4 0h.1m-3.6 5.3v-2.6h3.4v2.6"/>`,
		"buildings": `<path d="M2.5 13.5V6.8l4-2v8.7m0 0V2.8l7 2.6v8.1M1.2 13.5h13.6M9.4 7.3h1.2M9.4 10h1.2"/>`,
		"check":     `<path d="M8 1.8 13 3.6v3.9c0 3-2 5.4-5 6.6-3-1.2-5-3.6-5-6.6V3.6z"/><path d="m5.7 8 1.7 1.7 3-3.2"/>`,
		"clock":     `<circle cx="8" cy="8" r="5.7"/><path d="M8 4.9V8l2.2 1.4"/>`,
		"copy":      `<rect x="5.5" y="5.5" width="8" height="8" rx="1.5"/><path d="M10.5 5.5V4A1.5 1.5 0 0 0 9 2.5H4A1.5 1.5 0 0 0 2.5 4v5A1.5 1.5 0 0 0 4 10.5h1.5"/>`,
		"down":      `<path d="m4.2 6.2 3.8 3.8 3.8-3.8"/>`,
		"dots":      `<path stroke-width="2.4" d="M3.4 8h0M8 8h0m4.6 0h0"/>`,
		"hand-over": `<path d="M2.5 5.5h9.5M9.2 2.7 12 5.5 9.2 8.3m4.3 2.7H4"/>`,
		"key":       `<circle cx="5.3" cy="10.7" r="2.9"/><path d="m7.4 8.6 5.4-5.4m-2.2 2.2 2 2"/>`,
		"keys":      `<circle cx="4.6" cy="11.4" r="2.3"/><path d="m6.3 9.7 5-5m-1.6 1.6 1.5 1.5"/><path d="M8.6 13.4h5M10.6 10.6h3"/>`,
		"leave":     `<path d="M6.3 2.5H3.8a1 1 0 0 0-1 1v9a1 1 0 0 0 1 1h2.5m4-2.7L13.2 8l-2.9-2.8M13 8H6.3"/>`,
		"list":      `<path d="m2.2 4.5 1.2 1.2 2-2.4M2.2 11l1.2 1.2 2-2.4M8 4.6h5.8M8 11.1h5.8"/>`,
		"menu":      `<path d="M2.5 4.3h11M2.5 8h11m-11 3.7h11"/>`,
		"no":        `<path d="m4 4 8 8m0-8-8 8"/>`,
		"no-entry":  `<circle cx="8" cy="8" r="5.7"/><path d="m4 4 8 8"/>`,
		"open":      `<path d="M5 8h6"/>`,
		"outside":   `<path d="M6.5 3.5h-3v9h9v-3M9.3 2.8h3.9v3.9m-.2-3.7L7.6 8.4"/>`,
		"pen":       `<path d="M9.8 3.8 12.2 6.2 6 12.4l-3 .6.6-3z"/>`,
		"people":    `<circle cx="6" cy="5.4" r="2.4"/><path d="M1.8 13c.3-2.5 2-3.8 4.2-3.8s3.9 1.3 4.2 3.8M10.4 3.2a2.3 2.3 0 0 1 0 4.3m1.4 2c1.4.4 2.2 1.6 2.4 3.5"/>`,
		"plug":      `<path d="M5.5 2.5v3m5 0v-3M3.8 5.5h8.4v2a4.2 4.2 0 0 1-8.4 0zM8 11.7v2.3"/>`,
		"plus":      `<path d="M8 3v10M3 8h10"/>`,
		"question":  `<circle cx="8" cy="8" r="5.7"/><path d="M6.2 6.2a1.8 1.8 0 1 1 2.6 1.6c-.5.3-.8.6-.8 1.2m0 2h0"/>`,
		"search":    `<circle cx="7" cy="7" r="4.2"/><path d="m10.2 10.2 3.3 3.3"/>`,
		"shield":    `<path d="M8 1.8 13 3.6v3.9c0 3-2 5.4-5 6.6-3-1.2-5-3.6-5-6.6V3.6z"/>`,
		"up":        `<path d="M4.2 9.8 8 6l3.8 3.8"/>`,
		"window":    `<rect x="2" y="3" width="12" height="10" rx="1.5"/><path d="M2 6.2h12M4.3 4.6h0m1.9 0h0"/>`,
		"yes":       `<path d="m3.5 8.4 3 3 6-6.6"/>`,
	}[name]
	if !ok {
		panic("no icon " + name) // a typo in a template, which every test of a page would find
	}
	return template.HTML(`<svg class="icon" viewBox="0 0 16 16" aria-hidden="true" focusable="false">` + path + `</svg>`) //nolint:gosec // our own text
}
