// oidc-provider as the oracle: scripts that also pass against it are right. It also plays the
// provider where an organization signs in.
import { readFileSync } from 'node:fs'
import { createServer } from 'node:https'
import Provider from 'oidc-provider'

const { CERTIFICATE, CERTIFICATE_KEY, CLIENTS } = process.env
let handle
const server = createServer({ cert: readFileSync(CERTIFICATE), key: readFileSync(CERTIFICATE_KEY) }, (...args) => handle(...args))
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
const issuer = `https://127.0.0.1:${server.address().port}`

const on = { enabled: true }
const provider = new Provider(issuer, {
  clients: JSON.parse(CLIENTS),
  scopes: ['openid', 'offline_access', 'envelope.read', 'template.read'],
  claims: { openid: ['sub'], email: ['email', 'email_verified'] },
  // People are who they say they are. Only an address that starts like this isn't verified.
  findAccount: (ctx, id) => ({ accountId: id, claims: () => ({ sub: id, email: id, email_verified: !id.startsWith('unverified') }) }),
  issueRefreshToken: async (ctx, client) => client.grantTypeAllowed('refresh_token'),
  rotateRefreshToken: () => true,
  clientAuthMethods: ['client_secret_basic', 'client_secret_post', 'private_key_jwt', 'none'],
  enabledJWA: { clientAuthSigningAlgValues: ['ES256'] },
  features: {
    clientCredentials: on, deviceFlow: on, dPoP: on, introspection: on, revocation: on, pushedAuthorizationRequests: on,
    registration: on, registrationManagement: on, devInteractions: on, rpInitiatedLogout: { enabled: false },
  },
})
provider.on('server_error', (ctx, err) => console.error(err))
handle = provider.callback()
console.log(`ready at ${issuer}`)
