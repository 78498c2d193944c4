package soap

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/keyporter/keyporter/verify"
)

// describe answers a GET: with the WSDL if it asks for it, otherwise with where to find it.
func (d *Door) describe(w http.ResponseWriter, r *http.Request, route *verify.Route) {
	h := w.Header()
	h.Set("Cache-Control", "no-cache")
	harmless(h)
	if asksForWSDL(r.URL) {
		h.Set("Content-Type", "text/xml; charset=utf-8")
		_, _ = w.Write(wsdl(d.addressOf(r, route))) // fails only if the client is gone
		return
	}
	h.Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = io.WriteString(w, "This is a SOAP API. Send messages here with POST. Add ?WSDL to the address for the description.\n")
}

// asksForWSDL accepts what clients write: ?WSDL, ?wsdl, and ?wsdl=.
func asksForWSDL(u *url.URL) bool {
	for key := range u.Query() {
		if strings.EqualFold(key, "wsdl") {
			return true
		}
	}
	return false
}

// addressOf returns where clients send their messages. An API with its own hosts is at one of
// them, not at the address of the pages.
func (d *Door) addressOf(r *http.Request, route *verify.Route) string {
	base := d.address
	if base == "" || len(route.API().Hosts) > 0 {
		base = "http://" + r.Host
		if d.proxies.Secure(r) {
			base = "https://" + r.Host
		}
	}
	return base + r.URL.EscapedPath()
}

// wsdl returns the description of the API: WSDL 1.1, document/literal, with a port for SOAP 1.1 and one for 1.2.
func wsdl(address string) []byte {
	var out bytes.Buffer
	out.WriteString(`<?xml version="1.0" encoding="utf-8"?>
<wsdl:definitions xmlns:wsdl="http://schemas.xmlsoap.org/wsdl/" xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/" xmlns:soap12="http://schemas.xmlsoap.org/wsdl/soap12/"
  xmlns:s="http://www.w3.org/2001/XMLSchema" xmlns:tns="` + namespace + `" targetNamespace="` + namespace + `">
  <wsdl:types>
    <s:schema elementFormDefault="qualified" targetNamespace="` + namespace + `">
      <s:complexType name="ArrayOfString">
        <s:sequence>
          <s:element minOccurs="0" maxOccurs="unbounded" name="string" nillable="true" type="s:string" />
        </s:sequence>
      </s:complexType>
`)
	for _, o := range operations() {
		writeElement(&out, o.name, o.parameters)
		writeElement(&out, o.name+"Response", []string{o.name + "Result"})
	}
	out.WriteString("    </s:schema>\n  </wsdl:types>\n")
	for _, o := range operations() {
		fmt.Fprintf(&out, `  <wsdl:message name="%[1]sSoapIn">
    <wsdl:part name="parameters" element="tns:%[1]s" />
  </wsdl:message>
  <wsdl:message name="%[1]sSoapOut">
    <wsdl:part name="parameters" element="tns:%[1]sResponse" />
  </wsdl:message>
`, o.name)
	}
	out.WriteString("  <wsdl:portType name=\"ApiSoap\">\n")
	for _, o := range operations() {
		fmt.Fprintf(&out, `    <wsdl:operation name="%[1]s">
      <wsdl:input message="tns:%[1]sSoapIn" />
      <wsdl:output message="tns:%[1]sSoapOut" />
    </wsdl:operation>
`, o.name)
	}
	out.WriteString("  </wsdl:portType>\n")
	writeBinding(&out, "ApiSoap", "soap")
	writeBinding(&out, "ApiSoap12", "soap12")
	out.WriteString("  <wsdl:service name=\"Api\">\n")
	for _, port := range [][2]string{{"ApiSoap", "soap"}, {"ApiSoap12", "soap12"}} {
		fmt.Fprintf(&out, "    <wsdl:port name=\"%[1]s\" binding=\"tns:%[1]s\">\n      <%[2]s:address location=\"", port[0], port[1])
		escape(&out, address)
		out.WriteString("\" />\n    </wsdl:port>\n")
	}
	out.WriteString("  </wsdl:service>\n</wsdl:definitions>\n")
	return out.Bytes()
}

// writeElement writes the element of a message with its parts.
func writeElement(out *bytes.Buffer, name string, parts []string) {
	if len(parts) == 0 {
		fmt.Fprintf(out, "      <s:element name=\"%s\">\n        <s:complexType />\n      </s:element>\n", name)
		return
	}
	fmt.Fprintf(out, "      <s:element name=\"%s\">\n        <s:complexType>\n          <s:sequence>\n", name)
	for _, p := range parts {
		name, xsdType, minOccurs := typed(p)
		fmt.Fprintf(out, "            <s:element minOccurs=\"%s\" maxOccurs=\"1\" name=\"%s\" type=\"%s\" />\n", minOccurs, name, xsdType)
	}
	out.WriteString("          </s:sequence>\n        </s:complexType>\n      </s:element>\n")
}

// writeBinding writes the binding for the version of SOAP with this prefix.
func writeBinding(out *bytes.Buffer, name, prefix string) {
	fmt.Fprintf(out, "  <wsdl:binding name=\"%s\" type=\"tns:ApiSoap\">\n    <%s:binding transport=\"http://schemas.xmlsoap.org/soap/http\" />\n", name, prefix)
	for _, o := range operations() {
		fmt.Fprintf(out, `    <wsdl:operation name="%[1]s">
      <%[2]s:operation soapAction="%[3]s%[1]s" style="document" />
      <wsdl:input>
        <%[2]s:body use="literal" />
      </wsdl:input>
      <wsdl:output>
        <%[2]s:body use="literal" />
      </wsdl:output>
    </wsdl:operation>
`, o.name, prefix, namespace)
	}
	out.WriteString("  </wsdl:binding>\n")
}
