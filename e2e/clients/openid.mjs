// The relying party of TestClientOpenIDClient. Its one argument is JSON: where
// the issuer is, and through which door it is reached.
import { webcrypto } from 'node:crypto'
import http from 'node:http'
import { createInterface } from 'node:readline/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

// Node 18, which Debian 12 and Ubuntu 24.04 have, keeps these two in a module.
globalThis.crypto ??= webcrypto
globalThis.CryptoKey ??= webcrypto.CryptoKey

const settings = JSON.parse(process.argv[2])
const require = createRequire(join(settings.modules, 'x.js'))
const client = await import(pathToFileURL(require.resolve('openid-client')))

// fetch by way of the door: *.localhost is not resolved here.
const fetchAtDoor = (address, options) => new Promise((resolve, reject) => {
  const url = new URL(address)
  const [host, port] = settings.dial.split(':')
  const headers = { ...Object.fromEntries(new Headers(options.headers)), host: url.host, 'x-forwarded-for': settings.address }
  const body = options.body == null ? undefined : options.body.toString()
  if (body !== undefined) headers['content-length'] = Buffer.byteLength(body)
  const request = http.request({ host, port, path: url.pathname + url.search, method: options.method, headers }, (response) => {
    const chunks = []
    response.on('data', (chunk) => chunks.push(chunk))
    response.on('error', reject)
    response.on('end', () => {
      const empty = response.statusCode === 204 || response.statusCode === 304
      resolve(new Response(empty ? null : Buffer.concat(chunks), { status: response.statusCode, headers: response.headers }))
    })
  })
  request.on('error', reject)
  request.end(body)
})

const config = await client.discovery(new URL(settings.issuer), settings.id, settings.secret, undefined, {
  execute: [client.allowInsecureRequests], [client.customFetch]: fetchAtDoor,
})
config[client.customFetch] = fetchAtDoor

const verifier = client.randomPKCECodeVerifier()
const state = client.randomState()
const nonce = client.randomNonce()
const target = await client.buildAuthorizationUrlWithPAR(config, {
  redirect_uri: settings.redirect, scope: 'openid profile', state, nonce,
  code_challenge: await client.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256',
})
console.log(target.href)

const lines = createInterface({ input: process.stdin })
const { value: back } = await lines[Symbol.asyncIterator]().next()
lines.close()

const tokens = await client.authorizationCodeGrant(config, new URL(back), {
  pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce, idTokenExpected: true,
})
const sub = tokens.claims().sub
const info = await client.fetchUserInfo(config, tokens.access_token, sub)
const renewed = await client.refreshTokenGrant(config, tokens.refresh_token)
const seen = await client.tokenIntrospection(config, renewed.access_token)
await client.tokenRevocation(config, renewed.refresh_token)
const after = await client.tokenIntrospection(config, renewed.refresh_token)
console.log(JSON.stringify({
  sub, userinfo: info.sub, refreshed: renewed.access_token ? 'yes' : 'no',
  active: seen.active ? 'yes' : 'no', revoked: after.active ? 'no' : 'yes',
}))
