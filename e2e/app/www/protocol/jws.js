/**
 * Compact JWS with ES256 (RFC 7515, PROTOCOL §3 and §5).
 * @module
 */

import { decode, encode, utf8 } from './bytes.js';

const ES256 = { name: 'ECDSA', hash: 'SHA-256' };

/**
 * Signs a header and a payload, which become JSON.
 * @param {CryptoKey} key private
 * @param {object} header
 * @param {object} payload
 * @returns {Promise<string>}
 */
export function sign(key, header, payload) {
  return signText(key, JSON.stringify(header), JSON.stringify(payload));
}

/**
 * Signs exactly these texts: a rotation needs the same bytes twice.
 * @param {CryptoKey} key private
 * @param {string} header
 * @param {string} payload
 * @returns {Promise<string>}
 */
export async function signText(key, header, payload) {
  const input = `${encode(utf8(header))}.${encode(utf8(payload))}`;
  // WebCrypto gives r ‖ s, 64 bytes, which is what a JWS wants.
  const signature = new Uint8Array(await crypto.subtle.sign(ES256, key, utf8(input)));
  return `${input}.${encode(signature)}`;
}

/**
 * @param {string} jws
 * @returns {{header: string, payload: string, input: string, signature: Uint8Array}} its parts, unverified
 * @throws {TypeError} when it is no compact JWS
 */
export function parts(jws) {
  const three = jws.split('.');
  if (three.length !== 3) throw new TypeError('no compact JWS');
  const text = new TextDecoder('utf-8', { fatal: true });
  return {
    header: text.decode(decode(three[0])),
    payload: text.decode(decode(three[1])),
    input: `${three[0]}.${three[1]}`,
    signature: decode(three[2]),
  };
}

/**
 * @param {string} jws
 * @param {CryptoKey} key public
 * @returns {Promise<boolean>} whether key signed exactly these bytes
 */
export async function verify(jws, key) {
  const { input, signature } = parts(jws);
  return signature.length === 64 && crypto.subtle.verify(ES256, key, signature, utf8(input));
}
