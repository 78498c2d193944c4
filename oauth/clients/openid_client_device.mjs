// openid-client: the device grant, and an app's own tokens.
import * as client from 'openid-client'
import { assert, browse, done, issuer, login, native, refused, scope, web } from './app.mjs'

const device = await client.discovery(issuer, native.id, {}, client.None())
const asked = await client.initiateDeviceAuthorization(device, { scope })
assert(asked.user_code && asked.verification_uri && asked.expires_in > 0)
await browse(asked.verification_uri_complete)
const tokens = await client.pollDeviceAuthorizationGrant(device, asked)
const info = await client.fetchUserInfo(device, tokens.access_token, tokens.claims().sub)
assert.equal(info.email, login)
done(`a device is signed in as ${info.email}`)

const again = await client.initiateDeviceAuthorization(device, { scope })
await browse(again.verification_uri_complete, 'deny')
await refused(client.pollDeviceAuthorizationGrant(device, again), 'access_denied')

const own = await client.discovery(issuer, web.id, {}, client.ClientSecretBasic(web.secret))
const mine = await client.clientCredentialsGrant(own, { scope: 'envelope.read' })
assert.equal(mine.scope, 'envelope.read')
assert.equal(mine.refresh_token, undefined)
const about = await client.tokenIntrospection(own, mine.access_token)
assert(about.active && about.client_id === web.id)
done('an app has a token of its own')
