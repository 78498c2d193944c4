// openid-client: the code grant with PKCE, of an app with a secret and of one without, and
// userinfo, refresh, introspection, and revocation.
import * as client from 'openid-client'
import { assert, browse, callback, done, issuer, login, native, refused, scope, web } from './app.mjs'

async function signIn(config, redirect_uri) {
  const verifier = client.randomPKCECodeVerifier()
  const [state, nonce] = [client.randomState(), client.randomNonce()]
  const code_challenge = await client.calculatePKCECodeChallenge(verifier)
  const parameters = { redirect_uri, scope, state, nonce, code_challenge, code_challenge_method: 'S256' }
  const back = await browse(client.buildAuthorizationUrl(config, parameters))
  const checks = { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce, idTokenExpected: true }
  return { back, checks, tokens: await client.authorizationCodeGrant(config, back, checks) }
}

async function use(config, tokens) {
  const claims = tokens.claims()
  const info = await client.fetchUserInfo(config, tokens.access_token, claims.sub)
  assert.equal(info.email, login)
  const next = await client.refreshTokenGrant(config, tokens.refresh_token)
  assert.notEqual(next.access_token, tokens.access_token)
  await client.fetchUserInfo(config, next.access_token, claims.sub)
  done(`signed in as ${info.email}, refreshed`)
  return next
}

for (const [name, authentication] of Object.entries({
  client_secret_basic: client.ClientSecretBasic(web.secret),
  client_secret_post: client.ClientSecretPost(web.secret),
})) {
  const config = await client.discovery(issuer, web.id, { token_endpoint_auth_method: name }, authentication)
  const { tokens } = await signIn(config, callback)
  const next = await use(config, tokens)
  const about = await client.tokenIntrospection(config, next.access_token)
  assert(about.active && about.client_id === web.id, JSON.stringify(about))
  await client.tokenRevocation(config, next.refresh_token)
  assert.deepEqual(await client.tokenIntrospection(config, next.refresh_token), { active: false })
  await refused(client.refreshTokenGrant(config, next.refresh_token), 'invalid_grant')
  done(`${name}: introspection, revocation`)
}

const config = await client.discovery(issuer, native.id, { token_endpoint_auth_method: 'none' }, client.None())
const { back, checks, tokens } = await signIn(config, native.callback)
await use(config, tokens)
await refused(client.authorizationCodeGrant(config, back, checks), 'invalid_grant')
const wrong = await client.discovery(issuer, web.id, {}, client.ClientSecretPost(web.secret + 'x'))
await refused(client.clientCredentialsGrant(wrong, {}), 'invalid_client')
