package soap

import "strings"

// operation is an operation of the API, as the WSDL describes it.
type operation struct {
	name       string
	parameters []string // each of type string, unless a colon and a type follow its name
}

const (
	ids  = ":tns:ArrayOfString"
	days = ":s:int"
)

// operations returns the operations of the API, in the order of the WSDL.
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
		// Keyporter refuses it, because its userToken isn't one of Keyporter's credentials. Clients generated from the WSDL expect it to be there.
		{"UploadUserFile_v1", []string{"userToken", "flowFileXml", "senderApplication"}},
		{"GetVersion_v1", nil},
		authorized("ValidateAuthorization_v1"),
	}
}

// typed returns the name and type of a parameter, and its minOccurs: only numbers are required.
func typed(p string) (name, xsdType, minOccurs string) {
	name, xsdType, ok := strings.Cut(p, ":")
	switch {
	case !ok:
		return name, "s:string", "0"
	case ":"+xsdType == days:
		return name, xsdType, "1"
	}
	return name, xsdType, "0"
}
