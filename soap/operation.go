package soap

import "strings"

// operation is one of the API, as its WSDL describes it.
type operation struct {
	name       string
	parameters []string // strings, unless the name has a type behind a colon
}

const (
	ids  = ":tns:ArrayOfString"
	days = ":s:int"
)

// operations are those of the API, in the order of its WSDL.
func operations() []operation {
	authorized := func(name string, parameters ...string) operation {
		return operation{name, append([]string{parameter}, parameters...)}
	}
	return []operation{
		authorized("UploadTemporarySspFile_v1", "fileXml"),
		authorized("DisposeSspFile_v1", "sspFileId"),
		authorized("GetAdHocWorkstepConfiguration_v1", "sspFileIds"+ids, "adHocWorkstepConfiguration"),
		authorized("PrepareSendEnvelopeSteps_v1", "sspFileIds"+ids, "adHocWorkstepConfiguration", "prepareSendEnvelopeStepsDescriptor"),
		authorized("DownloadCompletedDocument_v1", "envelopeId", "documentId"),
		authorized("GetEnvelopeById_v1", "envelopeId"),
		authorized("FindEnvelopes_v1", "findEnvelopesDescriptorXml"),
		authorized("FindEnvelopes_v2", "findEnvelopesDescriptorXml", "resultFormat"),
		authorized("SendEnvelope_v1", "sspFileIds"+ids, "envelopeDescriptionXml"),
		authorized("SendEnvelopeFromTemplate_v1", "templateId", "overrideOptionsXml"),
		authorized("SendReminders_v1", "envelopeId"),
		authorized("DeleteEnvelope_v1", "envelopeId"),
		authorized("CancelEnvelope_v1", "envelopeId"),
		authorized("NotifyEnvelopeWorkstepIsCompleted_v1", "envelopeId", "workstepId"),
		authorized("RestartEnvelope_v1", "envelopeId", "expirationInDays"+days),
		authorized("ReplaceRecipient_v1", "envelopeId", "recipientOverrideXml"),
		authorized("CreateDraft_v1", "sspFileIds"+ids, "envelopeDescriptionXml", "draftOptionsXml"),
		authorized("CreateDraftFromTemplate_v1", "templateId", "overrideOptionsXml", "draftOptionsXml"),
		// Its userToken is no credential of Keyporter's, so that it is refused; clients made of the WSDL want it to be there.
		{"UploadUserFile_v1", []string{"userToken", "flowFileXml", "senderApplication"}},
		{"GetVersion_v1", nil},
		authorized("ValidateAuthorization_v1"),
	}
}

// typed returns name and type of a parameter. Everything but a number may be left out.
func typed(p string) (name, xsdType, least string) {
	name, xsdType, ok := strings.Cut(p, ":")
	switch {
	case !ok:
		return name, "s:string", "0"
	case ":"+xsdType == days:
		return name, xsdType, "1"
	}
	return name, xsdType, "0"
}
