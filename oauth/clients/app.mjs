// What every script needs: where the provider is, which apps it knows, and a browser whose user
// says yes to everything, or no.
import { strict as assert } from 'node:assert'

const env = (name) => {
  assert(process.env[name], `the variable ${name} is not set`)
  return process.env[name]
}

export const issuer = new URL(env('ISSUER'))
export const login = env('LOGIN')
export const callback = env('CALLBACK')
export const scope = 'openid offline_access email envelope.read'
export const web = { id: env('WEB_ID'), secret: env('WEB_SECRET') }
export const native = { id: env('NATIVE_ID'), callback: env('NATIVE_CALLBACK') }
export const signed = { id: env('SIGNED_ID'), key: JSON.parse(env('SIGNED_KEY')) }

// browse opens an address, and returns the one where the app gets its answer.
export async function browse(address, answer = 'allow') {
  const res = await fetch(`${env('BROWSER')}/${answer}`, { method: 'POST', body: String(address) })
  const text = await res.text()
  assert.equal(res.status, 200, text)
  return new URL(text)
}

// privateKey returns the key that the app authenticates with.
export const privateKey = () =>
  crypto.subtle.importKey('jwk', signed.key, { name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign'])

// refused requires a promise to fail with an OAuth error.
export async function refused(promise, ...errors) {
  const err = await promise.then(() => undefined, (err) => err)
  assert(err, `it was not refused, it had to be ${errors}`)
  const code = err.error ?? err.cause?.error ?? err.code
  assert(errors.includes(code), `refused with ${code}, it had to be ${errors}: ${err}`)
  done(`refused as it has to be: ${code}`)
}

export const done = (what) => console.log(what)
export { assert }
