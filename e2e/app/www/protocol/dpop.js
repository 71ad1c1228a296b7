/**
 * The proof that goes with every call (RFC 9449, PROTOCOL §4).
 * @module
 */

import { digest, encode, random } from './bytes.js';
import { sign } from './jws.js';

/** @typedef {import('./keys.js').PublicJwk} PublicJwk */

/**
 * Makes a proof. It is used once: a repeated call needs another one.
 * @param {object} call
 * @param {CryptoKey} call.key the private device key
 * @param {PublicJwk} call.jwk its public half
 * @param {string} call.method upper case
 * @param {string} call.url without query and fragment
 * @param {string} [call.nonce] the newest `DPoP-Nonce`; absent before the first
 * @param {string} [call.token] access token; the proof then names its hash
 * @param {string} [call.body] as sent; the proof then names its hash
 * @param {number} [call.iat] seconds since 1970; default: now
 * @param {string} [call.jti] default: random
 * @returns {Promise<string>} the header `DPoP`
 */
export async function proof(call) {
  const header = { typ: 'dpop+jwt', alg: 'ES256', jwk: call.jwk };
  return sign(call.key, header, await claims(call));
}

/**
 * The proof before it is signed.
 * @param {Parameters<typeof proof>[0]} call
 * @returns {Promise<object>}
 */
export async function claims(call) {
  /** @type {Record<string, unknown>} */
  const payload = {
    jti: call.jti ?? encode(random(16)),
    htm: call.method,
    htu: call.url,
    iat: call.iat ?? Math.floor(Date.now() / 1000),
  };
  if (call.nonce) payload.nonce = call.nonce;
  if (call.token !== undefined) payload.ath = await digest(call.token);
  if (call.body !== undefined) payload.body_sha256 = await digest(call.body);
  return payload;
}
