/**
 * Keys on P-256 (PROTOCOL §3). A private key made here cannot be exported: the
 * browser signs with it and shows it to nobody. What a browser cannot promise
 * is that it lies in hardware.
 * @module
 */

import { digest } from './bytes.js';

/** @typedef {{kty: string, crv: string, x: string, y: string, kid?: string}} PublicJwk */

const ECDSA = { name: 'ECDSA', namedCurve: 'P-256' };

/**
 * Makes a signing key.
 * @param {boolean} [extractable] true only for a key that is wrapped at once
 * @returns {Promise<CryptoKeyPair>}
 */
export function generate(extractable = false) {
  return crypto.subtle.generateKey(ECDSA, extractable, ['sign', 'verify']);
}

/**
 * @param {CryptoKey} key a public key
 * @returns {Promise<PublicJwk>} exactly the four members that the protocol wants
 */
export async function publicJwk(key) {
  const { kty, crv, x, y } = await crypto.subtle.exportKey('jwk', key);
  return /** @type {PublicJwk} */ ({ kty, crv, x, y });
}

/**
 * @param {PublicJwk} jwk
 * @returns {Promise<string>} the key's name by RFC 7638: `dpop_jkt` of the login
 */
export function thumbprint({ crv, kty, x, y }) {
  return digest(JSON.stringify({ crv, kty, x, y }));
}

/**
 * @param {PublicJwk} jwk
 * @returns {Promise<CryptoKey>} for checking signatures; a point off the curve is refused
 */
export function verifier({ kty, crv, x, y }) {
  return crypto.subtle.importKey('jwk', { kty, crv, x, y }, ECDSA, false, ['verify']);
}

/**
 * @param {PublicJwk} jwk
 * @returns {Promise<CryptoKey>} for sealing to; a point off the curve is refused
 */
export function recipient({ kty, crv, x, y }) {
  return crypto.subtle.importKey('jwk', { kty, crv, x, y }, { name: 'ECDH', namedCurve: 'P-256' }, true, []);
}
