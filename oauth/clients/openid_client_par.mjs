// openid-client: pushed requests, tokens bound to a key, and an app that authenticates with a key.
import * as client from 'openid-client'
import { assert, browse, callback, done, issuer, login, privateKey, refused, scope, signed, web } from './app.mjs'

async function flow(config) {
  const DPoP = client.getDPoPHandle(config, await client.randomDPoPKeyPair('ES256'))
  const verifier = client.randomPKCECodeVerifier()
  const nonce = client.randomNonce()
  const code_challenge = await client.calculatePKCECodeChallenge(verifier)
  const parameters = { redirect_uri: callback, scope, nonce, code_challenge, code_challenge_method: 'S256' }
  const to = await client.buildAuthorizationUrlWithPAR(config, parameters, { DPoP })
  assert.deepEqual([...to.searchParams.keys()].sort(), ['client_id', 'request_uri'])
  const back = await browse(to)
  const tokens = await client.authorizationCodeGrant(config, back, { pkceCodeVerifier: verifier, expectedNonce: nonce }, undefined, { DPoP })
  assert.equal(tokens.token_type, 'dpop')
  const info = await client.fetchUserInfo(config, tokens.access_token, tokens.claims().sub, { DPoP })
  assert.equal(info.email, login)
  const next = await client.refreshTokenGrant(config, tokens.refresh_token, undefined, { DPoP })
  assert.equal(next.token_type, 'dpop')
  await refused(client.fetchUserInfo(config, next.access_token, tokens.claims().sub), 'OAUTH_WWW_AUTHENTICATE_CHALLENGE')
  done(`pushed, and bound to a key, as ${info.email}`)
}

await flow(await client.discovery(issuer, web.id, {}, client.ClientSecretBasic(web.secret)))
await flow(await client.discovery(issuer, signed.id, {}, client.PrivateKeyJwt({ key: await privateKey(), kid: signed.key.kid })))
