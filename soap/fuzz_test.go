package soap

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
)

// FuzzMessage compares the scanner with another parser: in each accepted message, both must
// find the same operation and the same authorizationXml, and the message that is passed on may
// differ only in that its authorizationXml is empty. How the message is split into pieces
// must not matter.
func FuzzMessage(f *testing.F) {
	f.Fuzz(func(t *testing.T, data []byte) {
		var whole, pieces envelope
		err := scan(data, len(data), &whole)
		if err2 := scan(data, 1, &pieces); (err == nil) != (err2 == nil) || err == nil && whole != pieces {
			t.Fatalf("at once %+v, %v; in pieces %+v, %v", whole, err, pieces, err2)
		}
		if err != nil {
			return
		}
		before, err := read(data)
		if err != nil {
			t.Fatalf("another parser rejects it: %v", err)
		}
		if before.operation != (xml.Name{Space: whole.operation.space, Local: whole.operation.local}) || before.authorizations > 1 || whole.authorized != (before.authorizations == 1) {
			t.Fatalf("another parser reads %+v, we %+v", before, whole)
		}
		if text, err := textOf(data[whole.from:whole.until]); err != nil || text != before.authorization {
			t.Fatalf("another parser reads %q, we %q, %v", before.authorization, text, err)
		}
		after, err := read(slices.Concat(data[:whole.from], data[whole.until:]))
		if err != nil || after.authorization != "" || after.authorizations != before.authorizations || !slices.Equal(after.others, before.others) {
			t.Fatalf("passed on: %+v, %v; received: %+v", after, err, before)
		}
	})
}

// scan has a scanner read data in pieces of this size.
func scan(data []byte, size int, e *envelope) error {
	s := newScanner(data, e)
	for piece := range slices.Chunk(data[s.first:], max(size, 1)) {
		if err := s.write(piece); err != nil {
			return err
		}
	}
	return s.close()
}

// reading is what encoding/xml finds in a message.
type reading struct {
	operation      xml.Name
	authorizations int
	authorization  string
	others         []string // tokens
}

func read(data []byte) (r reading, err error) {
	d := xml.NewDecoder(bytes.NewReader(bytes.TrimPrefix(data, []byte(bom))))
	depth, within, body := 0, false, false
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return r, nil
		}
		if err != nil {
			return r, err
		}
		other := fmt.Sprintf("%T %[1]s", token)
		switch t := token.(type) {
		case xml.StartElement:
			depth++
			if depth == 2 {
				body = t.Name.Local == "Body"
			}
			if depth == 3 && body {
				r.operation = t.Name
			}
			if strings.EqualFold(t.Name.Local, parameter) {
				r.authorizations++
				within = true
			}
		case xml.EndElement:
			depth--
			within = false
		case xml.CharData:
			if within {
				r.authorization += string(t)
				continue
			}
		case xml.Comment:
			if within {
				continue
			}
		case xml.ProcInst:
			if t.Target != "xml" || len(r.others) > 0 {
				return r, errors.New("an instruction was taken")
			}
		case xml.Directive:
			return r, errors.New("a directive was taken")
		}
		r.others = append(r.others, other)
	}
}

// FuzzAuthorization expects an authorization to read the same as a plainly written one with
// the same values, and one with a document type or entities to be rejected.
func FuzzAuthorization(f *testing.F) {
	f.Fuzz(func(t *testing.T, content []byte) {
		a, err := readAuthorization(content)
		if err != nil {
			return
		}
		if text, err := textOf(content); err != nil || strings.Contains(strings.ToUpper(text), "<!DOCTYPE") && !strings.Contains(text, "<![CDATA[") && !strings.Contains(text, "<!--") {
			t.Fatalf("%q was read, %v", text, err)
		}
		var plain, escapedPlain bytes.Buffer
		plain.WriteString("<authorization>")
		for _, c := range []struct {
			name   string
			values []string
		}{{"userLoginName", a.userLoginName}, {"organizationKey", a.organizationKey}, {"apiToken", a.apiToken}} {
			for _, v := range c.values {
				plain.WriteString("<" + c.name + ">")
				escape(&plain, v)
				plain.WriteString("</" + c.name + ">")
			}
		}
		plain.WriteString("</authorization>")
		escape(&escapedPlain, plain.String())
		if escapedPlain.Len() > maxAuthorization {
			return // escaping may have made it too long
		}
		b, err := readAuthorization(escapedPlain.Bytes())
		if err != nil || !slices.Equal(a.apiToken, b.apiToken) || !slices.Equal(a.organizationKey, b.organizationKey) || !slices.Equal(a.userLoginName, b.userLoginName) {
			t.Fatalf("%q reads as %q, but written plainly as %q, %v", content, a, b, err)
		}
	})
}
