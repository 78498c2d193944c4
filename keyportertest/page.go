package keyportertest

import (
	"encoding/xml"
	"strings"
)

// page is what a browser without JavaScript can do with a page.
type page struct {
	refresh string // where it leads by itself
	forms   []form
}

type form struct {
	method, action string
	fields         []field
	buttons        []button
}

type field struct{ name, value string }

type button struct{ name, value, action, text string }

// readPage reads the HTML of templates, which is tidy enough for a lenient reader of XML.
func readPage(body string) (p page) {
	d := xml.NewDecoder(strings.NewReader(body))
	d.Strict, d.AutoClose, d.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	var open *form
	pressed := false // the text that comes is that of a button
	for {
		token, err := d.Token()
		if err != nil {
			return p
		}
		switch e := token.(type) {
		case xml.StartElement:
			pressed = e.Name.Local == "button"
			if e.Name.Local == "form" {
				p.forms = append(p.forms, form{method: attr(e, "method"), action: attr(e, "action")})
				open = &p.forms[len(p.forms)-1]
			}
			p.read(e, open)
		case xml.CharData:
			if pressed && open != nil {
				open.buttons[len(open.buttons)-1].text += strings.TrimSpace(string(e))
			}
		case xml.EndElement:
			pressed = pressed && e.Name.Local != "button"
			if e.Name.Local == "form" {
				open = nil
			}
		}
	}
}

func (p *page) read(e xml.StartElement, f *form) {
	kind := attr(e, "type")
	switch {
	case e.Name.Local == "meta" && strings.EqualFold(attr(e, "http-equiv"), "refresh"):
		_, p.refresh, _ = strings.Cut(attr(e, "content"), "url=")
	case f == nil:
	case e.Name.Local == "button" || e.Name.Local == "input" && kind == "submit":
		f.buttons = append(f.buttons, button{name: attr(e, "name"), value: attr(e, "value"), action: attr(e, "formaction")})
	case e.Name.Local == "input" && (kind == "checkbox" || kind == "radio") && !hasAttr(e, "checked"):
	case e.Name.Local == "input" && attr(e, "name") != "":
		f.fields = append(f.fields, field{attr(e, "name"), attr(e, "value")})
	}
}

func attr(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if strings.EqualFold(a.Name.Local, name) {
			return a.Value
		}
	}
	return ""
}

func hasAttr(e xml.StartElement, name string) bool {
	for _, a := range e.Attr {
		if strings.EqualFold(a.Name.Local, name) {
			return true
		}
	}
	return false
}
