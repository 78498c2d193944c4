package soap

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
)

// authorization has the secrets and login names in an authorizationXml. If there is more than
// one of each, verify decides.
type authorization struct {
	apiToken, organizationKey, userLoginName []string
}

// maxAuthorization is the maximum size of an authorizationXml in bytes, escaped as in the message.
const maxAuthorization = 8 << 10

// errAuthorization answers an authorization that can't be read. It quotes nothing, because
// there may be a secret in it.
const errAuthorization = malformed("authorizationXml must look like <authorization><apiToken>…</apiToken></authorization>, with each < written as &lt;")

// readAuthorization reads the content of the parameter as it is in the message: XML escaped
// as text in XML. It accepts any namespaces, attributes, and order, as serializers differ.
func readAuthorization(content []byte) (a authorization, err error) {
	if len(content) > maxAuthorization {
		return a, errAuthorization
	}
	text, err := textOf(content)
	if err != nil || strings.TrimSpace(text) == "" {
		return a, err
	}
	d := xml.NewDecoder(strings.NewReader(text))
	// The text is already decoded, whatever encoding its declaration claims.
	d.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil }
	if !a.read(d) {
		return authorization{}, errAuthorization
	}
	return a, nil
}

// textOf unescapes content.
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

// read reads the inner XML to its end, and reports whether it is an authorization.
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

// add adds the value of a child. Children with other names don't say who is calling.
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
