/**
 * Bytes, texts and hashes as the protocol writes them (PROTOCOL §3).
 * @module
 */

const encoder = new TextEncoder();

/**
 * @param {string} text
 * @returns {Uint8Array} its UTF-8, which for ASCII is its ASCII
 */
export function utf8(text) {
  return encoder.encode(text);
}

/**
 * @param {...Uint8Array} parts
 * @returns {Uint8Array} the parts joined
 */
export function concat(...parts) {
  const joined = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

/**
 * @param {number} count
 * @returns {Uint8Array} that many random bytes
 */
export function random(count) {
  return crypto.getRandomValues(new Uint8Array(count));
}

/**
 * base64url without padding (RFC 4648 §5).
 * @param {Uint8Array} bytes
 * @returns {string}
 */
export function encode(bytes) {
  let binary = '';
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

/**
 * Reads base64url, canonical: no padding, no blanks, unused bits zero.
 * @param {string} text
 * @returns {Uint8Array}
 * @throws {TypeError} for anything else
 */
export function decode(text) {
  if (!/^[A-Za-z0-9_-]*$/.test(text) || text.length % 4 === 1) throw new TypeError('not base64url');
  const bytes = Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (c) => c.charCodeAt(0));
  if (encode(bytes) !== text) throw new TypeError('not canonical base64url');
  return bytes;
}

/**
 * @param {Uint8Array} bytes
 * @returns {Promise<Uint8Array>} their SHA-256
 */
export async function sha256(bytes) {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
}

/**
 * @param {string} text
 * @returns {Promise<string>} b64u(SHA-256(text)): `ath`, `request_sha256`, `body_sha256`
 */
export async function digest(text) {
  return encode(await sha256(utf8(text)));
}
