// oauth4webapi: an app's own tokens, by each way to authenticate, and an app that
// registers itself.
import * as oauth from 'oauth4webapi'
import { assert, callback, done, issuer, privateKey, signed, web } from './app.mjs'

const as = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer))

for (const [name, client_id, authentication] of [
  ['client_secret_basic', web.id, oauth.ClientSecretBasic(web.secret)],
  ['client_secret_post', web.id, oauth.ClientSecretPost(web.secret)],
  ['private_key_jwt', signed.id, oauth.PrivateKeyJwt({ key: await privateKey(), kid: signed.key.kid })],
]) {
  const client = { client_id }
  const response = await oauth.clientCredentialsGrantRequest(as, client, authentication, { scope: 'envelope.read' })
  const tokens = await oauth.processClientCredentialsResponse(as, client, response)
  assert.equal(tokens.scope, 'envelope.read')
  const about = async () =>
    oauth.processIntrospectionResponse(as, client, await oauth.introspectionRequest(as, client, authentication, tokens.access_token))
  assert((await about()).active)
  await oauth.processRevocationResponse(await oauth.revocationRequest(as, client, authentication, tokens.access_token))
  assert.deepEqual(await about(), { active: false })
  done(`${name}: token, introspection, revocation`)
}

const registered = await oauth.processDynamicClientRegistrationResponse(
  await oauth.dynamicClientRegistrationRequest(as, {
    client_name: 'A new app', redirect_uris: [callback], grant_types: ['authorization_code', 'refresh_token'], response_types: ['code'],
    token_endpoint_auth_method: 'client_secret_basic',
  }),
)
assert(registered.client_secret && registered.client_secret_expires_at === 0)
const headers = { authorization: `Bearer ${registered.registration_access_token}` }
const read = await (await fetch(registered.registration_client_uri, { headers })).json()
assert.deepEqual([read.client_id, read.redirect_uris], [registered.client_id, [callback]])
done('an app registered itself, and reads that back')
