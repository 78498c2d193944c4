// oauth4webapi, which accepts only what the RFCs have: the code grant of an app without a secret,
// an app that registers itself, and every error in its place.
import * as oauth from 'oauth4webapi'
import { assert, browse, done, issuer, login, native, scope } from './app.mjs'

const as = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, { algorithm: 'oidc' }))
const client = { client_id: native.id }
assert(as.authorization_response_iss_parameter_supported, 'RFC 9207 is not announced')
assert.deepEqual(as.code_challenge_methods_supported, ['S256'])

async function ask(changes = {}, answer = 'allow') {
  const verifier = oauth.generateRandomCodeVerifier()
  const [state, nonce] = [oauth.generateRandomState(), oauth.generateRandomNonce()]
  const to = new URL(as.authorization_endpoint)
  const parameters = {
    client_id: client.client_id, redirect_uri: native.callback, response_type: 'code', scope, state, nonce,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256', ...changes,
  }
  for (const [name, value] of Object.entries(parameters)) if (value !== undefined) to.searchParams.set(name, value)
  return { back: await browse(to, answer), state, nonce, verifier }
}

// The answer is validated, with its issuer and state, even if it is an error.
async function fails(code, changes, answer) {
  const { back, state } = await ask(changes, answer)
  try {
    oauth.validateAuthResponse(as, client, back, state)
  } catch (err) {
    assert(err instanceof oauth.AuthorizationResponseError, String(err))
    assert.equal(err.error, code)
    return done(`refused as it has to be: ${code}`)
  }
  assert.fail(`no ${code}`)
}

const redeem = async (params, verifier) =>
  oauth.authorizationCodeGrantRequest(as, client, oauth.None(), params, native.callback, verifier)

const { back, state, nonce, verifier } = await ask({ max_age: '3600' })
const params = oauth.validateAuthResponse(as, client, back, state)
const first = await redeem(params, verifier)
const tokens = await oauth.processAuthorizationCodeResponse(as, client, first, { expectedNonce: nonce, maxAge: 3600, requireIdToken: true })
await oauth.validateApplicationLevelSignature(as, first)
const { sub } = oauth.getValidatedIdTokenClaims(tokens)
const info = await oauth.processUserInfoResponse(as, client, sub, await oauth.userInfoRequest(as, client, tokens.access_token))
assert.equal(info.email, login)
const refreshed = await oauth.refreshTokenGrantRequest(as, client, oauth.None(), tokens.refresh_token)
const next = await oauth.processRefreshTokenResponse(as, client, refreshed)
await oauth.processRevocationResponse(await oauth.revocationRequest(as, client, oauth.None(), next.refresh_token))
const gone = await oauth.refreshTokenGrantRequest(as, client, oauth.None(), next.refresh_token)
await assert.rejects(oauth.processRefreshTokenResponse(as, client, gone), { error: 'invalid_grant' })
done(`signed in as ${info.email}, refreshed, revoked`)

const other = await ask()
const got = oauth.validateAuthResponse(as, client, other.back, other.state)
const wrong = await redeem(got, oauth.generateRandomCodeVerifier())
await assert.rejects(oauth.processAuthorizationCodeResponse(as, client, wrong), { error: 'invalid_grant' })
done('another verifier is refused')

await fails('invalid_request', { code_challenge: undefined, code_challenge_method: undefined })
await fails('invalid_request', { code_challenge_method: 'plain' })
await fails('invalid_scope', { scope: 'openid template.read' })
await fails('access_denied', { prompt: 'consent' }, 'deny')
