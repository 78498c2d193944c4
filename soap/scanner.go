package soap

import (
	"bytes"
	"unicode/utf8"
)

// The limits of a message. A message of this API has five levels, a few dozen elements, and a few
// namespaces; SOAP headers need a few more. Each attribute is compared with the others of its tag, and
// each prefix with the namespaces around it, so the time that a message takes only grows with its length
// as long as there are few of them.
const (
	maxDepth      = 32
	maxElements   = 10_000
	maxTag        = 8 << 10 // bytes between < and >
	maxAttributes = 64      // of a tag
	maxBindings   = 64      // of namespaces, at any place in the message
)

// handler receives the elements of a message from a scanner.
type handler interface {
	// start receives an element, its depth, which is 1 for the root, and the byte offset in
	// the message at which its content begins.
	start(e element, depth int, content int64) error
	// end receives the depth of an element that ends, and the offset at which its content ends.
	end(depth int, content int64) error
}

// scanner reads XML piece by piece as it arrives, and keeps no text, so an upload can be of
// any size. It accepts less than XML 1.0 allows, so that no parser behind it can read a
// message differently: only UTF-8, no document type, only the five predefined entities, no
// processing instructions, and plain names.
type scanner struct {
	handler handler

	state state
	first int64 // offset at which the message begins, after a byte order mark
	pos   int64 // offset of the next byte
	begin int64 // offset of the markup that is being read

	markup   []byte // the tag, declaration, or reference that is being read
	quote    byte   // in a tag: the quote that will end the value
	brackets int    // number of ] just before pos, at most two
	dashes   int    // the same for - in a comment
	pending  []byte // the first bytes of a character whose other bytes haven't arrived

	open     []openElement
	bindings []binding // of namespaces, those of outer elements first
	elements int
	rooted   bool // the root element has begun
}

type state uint8

const (
	inText        state = iota
	inMarkup            // after <, of what isn't known yet
	inTag               // a start or end tag
	inComment           // after <!--
	inCDATA             // after <![CDATA[
	inDeclaration       // after <?
	inReference         // after &
)

type openElement struct {
	name     string // as written
	bindings int    // number of bindings outside of it
}

// bom is the byte order mark, which may precede a message in UTF-8.
const bom = "\xef\xbb\xbf"

// newScanner returns a scanner for a message that begins with head.
func newScanner(head []byte, h handler) *scanner {
	s := &scanner{handler: h}
	if bytes.HasPrefix(head, []byte(bom)) {
		s.first = int64(len(bom))
	}
	s.pos = s.first
	return s
}

// write reads the next piece of the message.
func (s *scanner) write(p []byte) error {
	if err := s.checkLetters(p); err != nil {
		return err
	}
	for i := 0; i < len(p); {
		// Most bytes are text: skip as many as possible at once.
		if s.state == inText && len(s.open) > 0 && s.brackets == 0 {
			n := plainText(p[i:])
			i += n
			s.pos += int64(n)
			if i == len(p) {
				break
			}
		}
		if err := s.step(p[i]); err != nil {
			return err
		}
		s.pos++
		i++
	}
	return nil
}

// plainText returns the number of bytes before the first that has a meaning in text.
func plainText(p []byte) int {
	for i, c := range p {
		if c == '<' || c == '&' || c == ']' {
			return i
		}
	}
	return len(p)
}

// close ends the message. Its error says if the message is incomplete.
func (s *scanner) close() error {
	if !s.rooted || len(s.open) > 0 || s.state != inText || len(s.pending) > 0 {
		return s.malformed("it ends too soon")
	}
	return nil
}

// checkLetters requires UTF-8, and only the characters that XML allows (XML 1.0 §2.2).
func (s *scanner) checkLetters(p []byte) error {
	for len(s.pending) > 0 && len(p) > 0 {
		s.pending, p = append(s.pending, p[0]), p[1:]
		if utf8.FullRune(s.pending) {
			if r, n := utf8.DecodeRune(s.pending); r == utf8.RuneError && n == 1 || !isLetter(r) {
				return s.malformed("it is not UTF-8")
			}
			s.pending = s.pending[:0]
		}
	}
	for i := 0; i < len(p); {
		if c := p[i]; c < utf8.RuneSelf {
			if c < ' ' && c != '\t' && c != '\n' && c != '\r' {
				return s.malformed("it contains control characters")
			}
			i++
			continue
		}
		if !utf8.FullRune(p[i:]) {
			s.pending = append(s.pending, p[i:]...)
			return nil
		}
		r, n := utf8.DecodeRune(p[i:])
		if r == utf8.RuneError && n == 1 || !isLetter(r) {
			return s.malformed("it is not UTF-8")
		}
		i += n
	}
	return nil
}

func isLetter(r rune) bool {
	return r == '\t' || r == '\n' || r == '\r' || r >= ' ' && r <= 0xD7FF || r >= 0xE000 && r <= 0xFFFD || r >= 0x10000 && r <= 0x10FFFF
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

// step reads one byte.
func (s *scanner) step(c byte) error {
	switch s.state {
	case inText:
		return s.text(c)
	case inMarkup:
		return s.beginMarkup(c)
	case inTag:
		return s.tag(c)
	case inComment:
		return s.comment(c)
	case inCDATA:
		if c == '>' && s.brackets == 2 {
			s.state, s.brackets = inText, 0
			return nil
		}
		s.countBrackets(c)
		return nil
	case inDeclaration:
		return s.declaration(c)
	default:
		return s.reference(c)
	}
}

func (s *scanner) countBrackets(c byte) {
	if c != ']' {
		s.brackets = 0
	} else if s.brackets < 2 {
		s.brackets++
	}
}

func (s *scanner) text(c byte) error {
	outside := len(s.open) == 0
	switch {
	case c == '<':
		s.begin = s.pos
		s.enter(inMarkup)
		return nil
	case outside && !isSpace(c):
		return s.malformed("there is text outside of its element")
	case c == '&':
		s.enter(inReference)
		return nil
	case c == '>' && s.brackets == 2:
		return s.malformed("a text contains ]]>") // XML 1.0 §2.4
	}
	s.countBrackets(c)
	return nil
}

func (s *scanner) enter(next state) {
	s.state, s.markup, s.brackets, s.dashes, s.quote = next, s.markup[:0], 0, 0, 0
}

// beginMarkup finds out what kind of markup a < begins.
func (s *scanner) beginMarkup(c byte) error {
	s.markup = append(s.markup, c)
	switch m := string(s.markup); {
	case m == "!--":
		s.enter(inComment)
	case m == "![CDATA[":
		if len(s.open) == 0 {
			return s.malformed("there is text outside of its element")
		}
		s.enter(inCDATA)
	case m == "!-", len(m) < 8 && m == "![CDATA["[:len(m)]:
	case m[0] == '!':
		return s.malformed("it has a document type, which isn't allowed")
	case m == "?" && s.begin == s.first:
		s.enter(inDeclaration)
	case m[0] == '?':
		return s.malformed("it has processing instructions, which aren't allowed")
	default:
		s.enter(inTag)
		return s.tag(c)
	}
	return nil
}

func (s *scanner) comment(c byte) error {
	switch {
	case s.dashes == 2 && c == '>':
		s.state = inText
	case s.dashes == 2:
		return s.malformed("a comment contains --") // XML 1.0 §2.5
	case c == '-':
		s.dashes++
	default:
		s.dashes = 0
	}
	return nil
}

func (s *scanner) declaration(c byte) error {
	if len(s.markup) > 200 {
		return s.malformed("its declaration is too long")
	}
	s.markup = append(s.markup, c)
	if !bytes.HasSuffix(s.markup, []byte("?>")) {
		return nil
	}
	s.state = inText
	return checkDeclaration(string(s.markup[:len(s.markup)-2]))
}

func (s *scanner) reference(c byte) error {
	if c != ';' {
		s.markup = append(s.markup, c)
		if len(s.markup) > 10 {
			return s.malformed("it has an unknown entity")
		}
		return nil
	}
	s.state = inText
	if _, ok := resolve(string(s.markup)); !ok {
		return s.malformed("it has an unknown entity")
	}
	return nil
}

func (s *scanner) tag(c byte) error {
	switch {
	case c == '<':
		return s.malformed("a tag contains <")
	case s.quote != 0:
		if c == s.quote {
			s.quote = 0
		}
	case c == '"' || c == '\'':
		s.quote = c
	case c == '>' && len(s.markup) == 0:
		return s.malformed("it has a tag without a name")
	case c == '>':
		s.state = inText
		if s.markup[0] == '/' {
			return s.endTag(string(s.markup[1:]))
		}
		return s.startTag(string(s.markup))
	}
	if s.markup = append(s.markup, c); len(s.markup) > maxTag {
		return s.malformed("it has a tag that is too long")
	}
	return nil
}
