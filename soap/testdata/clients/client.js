// Sends an envelope through each port of a WSDL with the package soap:
//   node client.js WSDL TOKEN
// Prints a line for each result: port, operation, baseResult, and what is in okInfo or errorInfo.
'use strict';

const soap = require('soap');

const [wsdl, token] = process.argv.slice(2);

const authorization = (secret) => `<authorization><apiToken>${secret}</apiToken></authorization>`;
const part = (xml, name) => (new RegExp(`<${name}>([^]*?)</${name}>`).exec(xml) || [])[1];

const file = `<file><name>from-node.pdf</name><data>${Buffer.from('%PDF from Node.js é').toString('base64')}</data></file>`;
const envelope = (name) => `<envelope><name>${name}</name><steps><step><orderIndex>1</orderIndex><recipientType>Signer</recipientType>` +
  '<recipients><recipient><eMail>grace@acme.example</eMail><firstName>Grace</firstName><lastName>H</lastName></recipient></recipients></step></steps></envelope>';

async function send(port, options) {
  const client = await soap.createClientAsync(wsdl, options);
  const api = client.Api[port];
  const call = (operation, parameters) => new Promise((resolve, reject) => {
    api[operation](parameters, (err, result) => {
      if (err) return reject(err);
      const xml = result[`${operation}Result`];
      const info = part(xml, 'okInfo') || part(xml, 'error') || '';
      console.log(port, operation, part(xml, 'baseResult'), info.startsWith('<') ? '' : info);
      resolve(part(xml, 'okInfo'));
    });
  });
  const authorizationXml = authorization(token);
  await call('GetVersion_v1', {});
  await call('ValidateAuthorization_v1', { authorizationXml });
  await call('ValidateAuthorization_v1', { authorizationXml: authorization(token.slice(0, -1)) });
  const fileId = await call('UploadTemporarySspFile_v1', { authorizationXml, fileXml: file });
  const id = await call('SendEnvelope_v1', { authorizationXml, sspFileIds: { string: [fileId] }, envelopeDescriptionXml: envelope(`Node.js, ${port}`) });
  await call('GetEnvelopeById_v1', { authorizationXml, envelopeId: id });
  await call('FindEnvelopes_v1', { authorizationXml, findEnvelopesDescriptorXml: `<find><searchText>Node.js, ${port}</searchText></find>` });
}

send('ApiSoap', {})
  .then(() => send('ApiSoap12', { forceSoap12Headers: true }))
  .catch((err) => {
    console.error(err);
    process.exitCode = 1;
  });
