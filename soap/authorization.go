package soap

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
)

// authorization is what authorizationXml says: the secrets and the login names that it
// has. More than one of each is for verify to judge.
type authorization struct {
	apiToken, organizationKey, userLoginName []string
}

// maxAuthorization is how many bytes authorizationXml may have, as it stands in the message.
const maxAuthorization = 8 << 10

// errAuthorization is told to who sends an authorization that can't be read. It doesn't
// say more: there may be a secret in it.
const errAuthorization = malformed("authorizationXml must look like <authorization><apiToken>…</apiToken></authorization>, with each < written as &lt;")

// readAuthorization reads the content of the parameter, as it stands in the message: XML
// in the text of XML. In namespaces, attributes and order it takes what serializers write.
func readAuthorization(content []byte) (a authorization, err error) {
	if len(content) > maxAuthorization {
		return a, errAuthorization
	}
	text, err := textOf(content)
	if err != nil || strings.TrimSpace(text) == "" {
		return a, err
	}
	d := xml.NewDecoder(strings.NewReader(text))
	// It is text already, whatever encoding a declaration says that it had.
	d.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil }
	if !a.read(d) {
		return authorization{}, errAuthorization
	}
	return a, nil
}

// textOf returns the text that stands in a message as content.
func textOf(content []byte) (string, error) {
	d := xml.NewDecoder(io.MultiReader(strings.NewReader("<a>"), bytes.NewReader(content), strings.NewReader("</a>")))
	var text strings.Builder
	for {
		token, err := d.Token()
		switch t := token.(type) {
		case xml.CharData:
			text.Write(t)
		case xml.StartElement, xml.EndElement, xml.Comment:
		default:
			if errors.Is(err, io.EOF) {
				return text.String(), nil
			}
			return "", errAuthorization
		}
	}
}

// read reads all tokens of the inner XML, and tells whether they are an authorization.
func (a *authorization) read(d *xml.Decoder) bool {
	var value strings.Builder
	var name string // of the child that is being read
	for depth, roots := 0, 0; ; {
		token, err := d.Token()
		switch t := token.(type) {
		case xml.StartElement:
			if depth++; depth == 1 {
				roots++
			}
			if depth == 1 && (roots > 1 || t.Name.Local != "authorization") || depth > 2 {
				return false
			}
			name = t.Name.Local
			value.Reset()
		case xml.EndElement:
			if depth == 2 {
				a.add(name, strings.TrimSpace(value.String()))
			}
			depth--
		case xml.CharData:
			if depth == 2 {
				value.Write(t)
			} else if len(bytes.TrimSpace(t)) > 0 {
				return false
			}
		case xml.Comment:
		case xml.ProcInst:
			if t.Target != "xml" {
				return false
			}
		default: // a directive, an error, or the end
			return errors.Is(err, io.EOF) && roots == 1
		}
	}
}

// add takes in a child; those that have other names say nothing about who calls.
func (a *authorization) add(name, value string) {
	switch name {
	case "apiToken":
		a.apiToken = append(a.apiToken, value)
	case "organizationKey":
		a.organizationKey = append(a.organizationKey, value)
	case "userLoginName":
		a.userLoginName = append(a.userLoginName, value)
	}
}
