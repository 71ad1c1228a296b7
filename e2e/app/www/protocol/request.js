/**
 * The request object: what the person is asked, signed by the server
 * (PROTOCOL §5.4). What fails here must not be approved.
 * @module
 */

import { verifier } from './keys.js';
import { parts, verify } from './jws.js';

/** @typedef {{de: string, en: string}} Words */
/** @typedef {{name: string, label: Words, value: string}} Field */
/**
 * @typedef {object} RequestObject
 * @property {string} jti its id
 * @property {string} action
 * @property {string} client
 * @property {Words} title
 * @property {Field[]} fields in the order to be shown
 * @property {string} content_sha256
 * @property {string} risk `low` or `high`; anything else counts as `high`
 * @property {number} match_code digits to be typed; 0: none
 * @property {number} refused further requests that were refused meanwhile
 * @property {number} iat
 * @property {number} exp
 */

/** Why a request object must not be approved. */
export class UntrustedError extends Error {
  /** @param {string} why for developers */
  constructor(why) {
    super(`the request object is not to be trusted: ${why}`);
    this.name = 'UntrustedError';
  }
}

/** Members of a payload, each with what it must be. */
const MEMBERS = Object.freeze({
  v: (/** @type {unknown} */ v) => v === 1,
  iss: isText,
  aud: isText,
  jti: isText,
  iat: Number.isSafeInteger,
  exp: Number.isSafeInteger,
  action: isText,
  client: isText,
  title: isWords,
  fields: (/** @type {unknown} */ v) => Array.isArray(v) && v.every(isField),
  content_sha256: isText,
  risk: isText,
  match_code: isCount,
  refused: isCount,
});

/**
 * Checks a request object.
 * @param {string} jws exactly as received
 * @param {object} expected
 * @param {import('./keys.js').PublicJwk[]} expected.keys `request_keys` of GET /keys
 * @param {string} expected.base the Device API, `iss`
 * @param {string} expected.device this phone, `aud`
 * @param {string} expected.id what was asked for, `jti`
 * @returns {Promise<RequestObject>}
 * @throws {UntrustedError}
 */
export async function check(jws, { keys, base, device, id }) {
  const { header, payload } = read(jws);
  if (!has(header, ['alg', 'typ', 'kid'])) throw new UntrustedError('its header has other members');
  if (header.alg !== 'ES256' || header.typ !== 'schleuse-request+jwt') throw new UntrustedError('it is no request');
  const key = keys.find((candidate) => candidate.kid === header.kid);
  if (!key) throw new UntrustedError('its key is not known');
  if (!(await verify(jws, await verifier(key)))) throw new UntrustedError('its signature is wrong');
  if (!has(payload, Object.keys(MEMBERS))) throw new UntrustedError('its members are others');
  for (const [name, fits] of Object.entries(MEMBERS)) {
    if (!fits(payload[name])) throw new UntrustedError(`its ${name} is of another form`);
  }
  if (payload.iss !== base || payload.aud !== device || payload.jti !== id) {
    throw new UntrustedError('it is for somebody else');
  }
  return /** @type {RequestObject} */ (/** @type {unknown} */ (payload));
}

/**
 * @param {string} jws
 * @returns {string} the `kid` of its header, "" when there is none
 */
export function keyOf(jws) {
  try {
    return String(JSON.parse(parts(jws).header).kid ?? '');
  } catch {
    return '';
  }
}

/** @param {string} jws */
function read(jws) {
  try {
    const { header, payload } = parts(jws);
    return { header: JSON.parse(header), payload: JSON.parse(payload) };
  } catch {
    throw new UntrustedError('it cannot be read');
  }
}

/**
 * @param {unknown} object
 * @param {string[]} names
 * @returns {object is Record<string, unknown>} whether it has exactly these members
 */
function has(object, names) {
  if (typeof object !== 'object' || object === null || Array.isArray(object)) return false;
  const own = Object.keys(object);
  return own.length === names.length && names.every((name) => Object.hasOwn(object, name));
}

/** @param {unknown} value */
function isText(value) {
  return typeof value === 'string' && value !== '';
}

/** @param {unknown} value */
function isCount(value) {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

/** @param {unknown} value */
function isWords(value) {
  return has(value, ['de', 'en']) && isText(value.de) && isText(value.en);
}

/** @param {unknown} value */
function isField(value) {
  return has(value, ['name', 'label', 'value']) && isText(value.name) && isWords(value.label) && typeof value.value === 'string';
}
