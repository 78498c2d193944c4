"""Sends an envelope through each port of a WSDL with zeep:

    python3 client.py WSDL TOKEN

Prints a line for each result: port, operation, baseResult, and what is in okInfo or errorInfo.
"""

import base64
import sys
import xml.etree.ElementTree as ET

import zeep

wsdl, token = sys.argv[1:]


def authorization(secret):
    a = ET.Element("authorization")
    ET.SubElement(a, "apiToken").text = secret
    return ET.tostring(a, encoding="unicode", xml_declaration=True)


def file():
    f = ET.Element("file")
    ET.SubElement(f, "name").text = "from-zeep.pdf"
    ET.SubElement(f, "data").text = base64.b64encode("%PDF from zeep é".encode()).decode()
    return ET.tostring(f, encoding="unicode")


def envelope(name):
    return (
        f"<envelope><name>{name}</name><steps><step><orderIndex>1</orderIndex><recipientType>Signer</recipientType>"
        "<recipients><recipient><eMail>grace@acme.example</eMail><firstName>Grace</firstName><lastName>H</lastName></recipient></recipients>"
        "</step></steps></envelope>"
    )


client = zeep.Client(wsdl)
for port in "ApiSoap", "ApiSoap12":
    api = client.bind("Api", port)

    def call(operation, **parameters):
        result = ET.fromstring(getattr(api, operation)(**parameters))
        ok, error = result.find("okInfo"), result.find("errorInfo/error")
        info = (ok.text or "") if ok is not None else error.text if error is not None else ""
        print(port, operation, result.findtext("baseResult"), info)
        return info

    auth = authorization(token)
    call("GetVersion_v1")
    call("ValidateAuthorization_v1", authorizationXml=auth)
    call("ValidateAuthorization_v1", authorizationXml=authorization(token[:-1]))
    file_id = call("UploadTemporarySspFile_v1", authorizationXml=auth, fileXml=file())
    envelope_id = call(
        "SendEnvelope_v1", authorizationXml=auth, sspFileIds={"string": [file_id]}, envelopeDescriptionXml=envelope(f"zeep, {port}")
    )
    call("GetEnvelopeById_v1", authorizationXml=auth, envelopeId=envelope_id)
    call("FindEnvelopes_v1", authorizationXml=auth, findEnvelopesDescriptorXml=f"<find><searchText>zeep, {port}</searchText></find>")
