package keyportertest

import (
	"encoding/xml"
	"strings"
)

// page is what a browser without JavaScript can do with a page.
type page struct {
	refresh string // where the page leads on its own
	forms   []form
	links   []link
}

type form struct {
	method, action string
	fields         []field
	buttons        []button
}

type field struct{ name, value string }

type button struct{ name, value, action, text string }

type link struct{ to, text string }

// readPage reads the HTML of templates, which is tidy enough for a lenient XML parser.
func readPage(body string) (p page) {
	d := xml.NewDecoder(strings.NewReader(body))
	d.Strict, d.AutoClose, d.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	var open *form
	var text *string // text of the button or link that is being read
	for {
		token, err := d.Token()
		if err != nil {
			return p
		}
		switch e := token.(type) {
		case xml.StartElement:
			if e.Name.Local == "form" {
				p.forms = append(p.forms, form{method: attr(e, "method"), action: attr(e, "action")})
				open = &p.forms[len(p.forms)-1]
			}
			if t := p.read(e, open); t != nil {
				text = t
			}
		case xml.CharData:
			if text != nil {
				*text += strings.TrimSpace(string(e))
			}
		case xml.EndElement:
			switch e.Name.Local {
			case "form":
				open = nil
			case "button", "a":
				text = nil
			}
		}
	}
}

// read reads an element. For a button or a link, it returns where to put its text.
func (p *page) read(e xml.StartElement, f *form) (text *string) {
	kind := attr(e, "type")
	if f == nil && attr(e, "form") != "" && len(p.forms) > 0 {
		f = &p.forms[len(p.forms)-1] // a button outside of its form
	}
	switch {
	case e.Name.Local == "meta" && strings.EqualFold(attr(e, "http-equiv"), "refresh"):
		_, p.refresh, _ = strings.Cut(attr(e, "content"), "url=")
	case e.Name.Local == "a":
		p.links = append(p.links, link{to: attr(e, "href")})
		return &p.links[len(p.links)-1].text
	case f == nil:
	case e.Name.Local == "button" || e.Name.Local == "input" && kind == "submit":
		f.buttons = append(f.buttons, button{name: attr(e, "name"), value: attr(e, "value"), action: attr(e, "formaction")})
		return &f.buttons[len(f.buttons)-1].text
	case e.Name.Local == "input" && (kind == "checkbox" || kind == "radio") && !hasAttr(e, "checked"):
	case e.Name.Local == "input" && attr(e, "name") != "":
		f.fields = append(f.fields, field{attr(e, "name"), attr(e, "value")})
	}
	return nil
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
