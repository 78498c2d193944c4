// oauth4webapi: an app that authenticates with a key pushes its request, and gets tokens bound to
// another key. What has a proof by the wrong key, or none, is refused.
import * as oauth from 'oauth4webapi'
import { assert, browse, callback, done, issuer, login, privateKey, scope, signed } from './app.mjs'

const as = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer))
const client = { client_id: signed.id }
const authentication = oauth.PrivateKeyJwt({ key: await privateKey(), kid: signed.key.kid })
const proofs = async () => oauth.DPoP(client, await oauth.generateKeyPair('ES256'))
const DPoP = await proofs()

async function push() {
  const verifier = oauth.generateRandomCodeVerifier()
  const [state, nonce] = [oauth.generateRandomState(), oauth.generateRandomNonce()]
  const response = await oauth.pushedAuthorizationRequest(as, client, authentication, {
    redirect_uri: callback, response_type: 'code', scope, state, nonce,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256',
  }, { DPoP })
  const { request_uri } = await oauth.processPushedAuthorizationResponse(as, client, response)
  const to = new URL(as.authorization_endpoint)
  to.search = new URLSearchParams({ client_id: client.client_id, request_uri })
  const params = oauth.validateAuthResponse(as, client, await browse(to), state)
  return { params, verifier, nonce }
}

const redeem = ({ params, verifier }, DPoP) =>
  oauth.authorizationCodeGrantRequest(as, client, authentication, params, callback, verifier, { DPoP })

const pushed = await push()
const response = await redeem(pushed, DPoP)
const tokens = await oauth.processAuthorizationCodeResponse(as, client, response, { expectedNonce: pushed.nonce, requireIdToken: true })
assert.equal(tokens.token_type, 'dpop')
await oauth.validateApplicationLevelSignature(as, response)
const { sub } = oauth.getValidatedIdTokenClaims(tokens)
const userInfo = (token, DPoP) => oauth.userInfoRequest(as, client, token, { DPoP })
const info = await oauth.processUserInfoResponse(as, client, sub, await userInfo(tokens.access_token, DPoP))
assert.equal(info.email, login)
const refreshed = await oauth.refreshTokenGrantRequest(as, client, authentication, tokens.refresh_token, { DPoP })
const next = await oauth.processRefreshTokenResponse(as, client, refreshed)
const asked = await oauth.introspectionRequest(as, client, authentication, next.access_token)
const about = await oauth.processIntrospectionResponse(as, client, asked)
assert(about.active && about.client_id === client.client_id && about.cnf.jkt === (await DPoP.calculateThumbprint()))
done(`pushed, and bound to a key, as ${info.email}`)

const another = await proofs()
for (const [what, proof] of [['another key', another], ['no proof', undefined]]) {
  const res = await userInfo(next.access_token, proof)
  assert.equal(res.status, 401, what)
  await assert.rejects(oauth.processUserInfoResponse(as, client, sub, res), oauth.WWWAuthenticateChallengeError)
  done(`userinfo with ${what} is refused`)
}
const stolen = await redeem(await push(), another)
// RFC 9449 says that it must be refused, but not with which error.
await assert.rejects(oauth.processAuthorizationCodeResponse(as, client, stolen), { error: /^invalid_(grant|dpop_proof)$/ })
done('a code that was asked for by another key is refused')
