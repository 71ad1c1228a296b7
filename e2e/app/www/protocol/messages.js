/**
 * What the phone signs: registration, orders, answers (PROTOCOL §5). Payloads
 * hold exactly these members; the server refuses one more and one less.
 * @module
 */

import { digest, utf8 } from './bytes.js';

/** @typedef {import('./keys.js').PublicJwk} PublicJwk */

/** Every answer's body has this many bytes, so that its size tells nothing. */
export const ANSWER_BYTES = 2048;

/**
 * @param {string} device id of the phone
 * @param {'registration' | 'device' | 'answer'} kind
 * @returns {object} the header of what this phone signs
 */
export function header(device, kind) {
  return { alg: 'ES256', typ: `schleuse-${kind}+jwt`, kid: device };
}

/** @returns {number} now, in whole seconds; the server does not judge it */
function now() {
  return Math.floor(Date.now() / 1000);
}

/**
 * @param {object} r
 * @param {string} r.base
 * @param {string} r.device
 * @param {string} r.ticket
 * @param {PublicJwk} r.jwk the device key
 * @param {string} r.name 1 to 40 characters, shown to the person only
 * @param {string} r.platform
 * @param {number} [r.iat]
 * @returns {object}
 */
export function registration({ base, device, ticket, jwk, name, platform, iat = now() }) {
  return { v: 1, aud: base, sub: device, ticket, jwk, name, platform, iat };
}

/**
 * @param {object} o
 * @param {string} o.base
 * @param {string} o.device
 * @param {string} o.purpose
 * @param {string} o.nonce a `DPoP-Nonce`, at most five minutes old
 * @param {PublicJwk} [o.jwk] of `rotate-key` and `set-biometric`
 * @param {number} [o.iat]
 * @returns {object}
 */
export function order({ base, device, purpose, nonce, jwk, iat = now() }) {
  const key = jwk ? { jwk } : {};
  return { v: 1, aud: base, sub: device, purpose, ...key, nonce, iat };
}

/**
 * @param {object} a
 * @param {string} a.request the request object exactly as received
 * @param {'approve' | 'deny'} a.decision
 * @param {string} [a.code] as typed; only to approve, only where one is wanted
 * @param {'by_person' | 'not_me'} [a.reason] only to deny
 * @param {number} [a.iat]
 * @returns {Promise<object>}
 */
export async function answer({ request, decision, code, reason, iat = now() }) {
  const more = {};
  if (decision === 'approve' && code) Object.assign(more, { match_code: code });
  if (decision === 'deny' && reason) Object.assign(more, { reason });
  return { v: 1, request_sha256: await digest(request), decision, ...more, iat };
}

/**
 * The body of an answer, always of the same size.
 * @param {string} jws the signed answer
 * @param {object} [password] the sealed device password; only to approve
 * @returns {string}
 */
export function answerBody(jws, password) {
  const body = { answer: jws, ...(password ? { password } : {}), padding: '' };
  const bare = utf8(JSON.stringify(body)).length;
  body.padding = 'x'.repeat(Math.max(0, ANSWER_BYTES - bare));
  return JSON.stringify(body);
}
