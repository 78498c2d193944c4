package soap

import (
	"strconv"
	"strings"
)

// element is a start tag with its name resolved.
type element struct {
	space, local string
	empty        bool // <a/>
}

// attribute has its name as written, and its value without quotes.
type attribute struct{ name, value string }

// binding is a prefix and its namespace. The default namespace has an empty prefix.
type binding struct{ prefix, space string }

// malformed says why a message isn't accepted.
type malformed string

func (m malformed) Error() string { return "The message can't be read: " + string(m) + "." }

func (s *scanner) malformed(why string) error { return malformed(why) }

// startTag reads the text between < and >.
func (s *scanner) startTag(text string) error {
	text, empty := strings.CutSuffix(text, "/")
	name, rest := cutName(text)
	attributes, err := readAttributes(rest)
	switch {
	case !validName(name):
		return s.malformed("it has a tag with a name that is not plain")
	case err != nil:
		return err
	case len(s.open) == 0 && s.rooted:
		return s.malformed("it has more than one root element")
	case len(s.open) == maxDepth:
		return s.malformed("its elements are nested too deeply")
	case s.elements == maxElements:
		return s.malformed("it has too many elements")
	}
	s.rooted, s.elements = true, s.elements+1
	s.open = append(s.open, openElement{name, len(s.bindings)})
	if err := s.bind(attributes); err != nil {
		return err
	}
	e := element{empty: empty}
	var ok bool
	if e.space, e.local, ok = s.resolveName(name); !ok {
		return s.malformed("it has a prefix without a namespace")
	}
	if err := s.handler.start(e, len(s.open), s.pos+1); err != nil {
		return err
	}
	if empty {
		return s.endElement(s.pos + 1)
	}
	return nil
}

func (s *scanner) endTag(text string) error {
	name := strings.TrimRight(text, " \t\r\n")
	if len(s.open) == 0 || s.open[len(s.open)-1].name != name {
		return s.malformed("an end tag has no start tag")
	}
	return s.endElement(s.begin)
}

func (s *scanner) endElement(content int64) error {
	last := len(s.open) - 1
	err := s.handler.end(last+1, content)
	s.bindings, s.open = s.bindings[:s.open[last].bindings], s.open[:last]
	return err
}

// bind adds the namespaces that attributes declare (Namespaces in XML 1.0 §3), and requires
// the prefixes of other attributes to have been declared.
func (s *scanner) bind(attributes []attribute) error {
	for _, a := range attributes {
		prefix, isDeclaration := strings.CutPrefix(a.name, "xmlns:")
		if a.name == "xmlns" {
			prefix, isDeclaration = "", true
		}
		if !isDeclaration {
			continue
		}
		if prefix == "xml" || prefix == "xmlns" || prefix != "" && a.value == "" {
			return s.malformed("it declares a reserved namespace")
		}
		if len(s.bindings) == maxBindings {
			return s.malformed("it has too many namespaces")
		}
		s.bindings = append(s.bindings, binding{prefix, a.value})
	}
	for _, a := range attributes {
		if prefix, _, ok := strings.Cut(a.name, ":"); ok && prefix != "xmlns" {
			if _, _, ok := s.resolveName(a.name); !ok {
				return s.malformed("it has a prefix without a namespace")
			}
		}
	}
	return nil
}

func (s *scanner) resolveName(name string) (space, local string, ok bool) {
	prefix, local, ok := strings.Cut(name, ":")
	if !ok {
		prefix, local = "", name
	}
	for i := len(s.bindings) - 1; i >= 0; i-- {
		if s.bindings[i].prefix == prefix {
			return s.bindings[i].space, local, true
		}
	}
	return "", local, prefix == "" || prefix == "xml"
}

// cutName splits a tag after its name.
func cutName(text string) (name, rest string) {
	if i := strings.IndexAny(text, " \t\r\n"); i >= 0 {
		return text[:i], text[i:]
	}
	return text, ""
}

// readAttributes reads attributes, each preceded by space.
func readAttributes(text string) (all []attribute, err error) {
	for {
		rest := strings.TrimLeft(text, " \t\r\n")
		if rest == "" {
			return all, nil
		}
		name, value, ok := strings.Cut(rest, "=")
		name, value = strings.TrimRight(name, " \t\r\n"), strings.TrimLeft(value, " \t\r\n")
		if !ok || rest == text || !validName(name) || value == "" || value[0] != '"' && value[0] != '\'' {
			return nil, malformed("it has an attribute that can't be read")
		}
		raw, after, closed := strings.Cut(value[1:], value[:1])
		value, ok = unescape(raw)
		if !closed || !ok {
			return nil, malformed("it has an attribute that can't be read")
		}
		if len(all) == maxAttributes {
			return nil, malformed("a tag has too many attributes")
		}
		for _, a := range all {
			if a.name == name {
				return nil, malformed("it has an attribute twice")
			}
		}
		all, text = append(all, attribute{name, value}), after
	}
}

// validName accepts names of ASCII letters, digits, _, ., and -, with at most one prefix.
func validName(name string) bool {
	prefix, local, ok := strings.Cut(name, ":")
	return validPart(prefix) && (!ok || validPart(local))
}

func validPart(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_':
		case i > 0 && (c >= '0' && c <= '9' || c == '.' || c == '-'):
		default:
			return false
		}
	}
	return s != ""
}

// unescape resolves the references in a value; ok is false if one is unknown.
func unescape(s string) (value string, ok bool) {
	var out strings.Builder
	for {
		before, rest, found := strings.Cut(s, "&")
		out.WriteString(before)
		if !found {
			return out.String(), true
		}
		name, after, closed := strings.Cut(rest, ";")
		r, ok := resolve(name)
		if !closed || !ok {
			return "", false
		}
		out.WriteRune(r)
		s = after
	}
}

// resolve returns the character of a reference: one of the five predefined entities, or a number.
func resolve(name string) (rune, bool) {
	switch name {
	case "lt":
		return '<', true
	case "gt":
		return '>', true
	case "amp":
		return '&', true
	case "quot":
		return '"', true
	case "apos":
		return '\'', true
	}
	number, ok := strings.CutPrefix(name, "#")
	base := 10
	if hex, isHex := strings.CutPrefix(number, "x"); isHex {
		number, base = hex, 16
	}
	n, err := strconv.ParseUint(number, base, 21)
	return rune(n), ok && err == nil && isLetter(rune(n))
}

// checkDeclaration accepts only XML 1.0 in UTF-8 (XML 1.0 §2.8).
func checkDeclaration(text string) error {
	rest, ok := strings.CutPrefix(text, "xml")
	attributes, err := readAttributes(rest)
	if !ok || err != nil || len(attributes) == 0 || attributes[0] != (attribute{"version", "1.0"}) {
		return malformed("it doesn't start like XML 1.0")
	}
	rest = "encoding standalone"
	for _, a := range attributes[1:] {
		switch {
		case a.name == "encoding" && strings.HasPrefix(rest, "encoding"):
			if !strings.EqualFold(a.value, "utf-8") {
				return malformed("it must be in UTF-8")
			}
			rest = "standalone"
		case a.name == "standalone" && rest != "" && (a.value == "yes" || a.value == "no"):
			rest = ""
		default:
			return malformed("it doesn't start like XML 1.0")
		}
	}
	return nil
}
