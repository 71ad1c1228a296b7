/**
 * Face or finger. The biometric key signs the order `open`. A browser cannot
 * bind a key to a finger, but WebAuthn can: its PRF extension gives, after face
 * or finger and only then, 32 bytes that nobody else can compute. They wrap the
 * biometric key. Without them what lies on the disk opens nothing.
 *
 * What this is not: a new finger on the phone does not void the key, as a native
 * app's key would be.
 * @module
 */

import { random } from '../protocol/bytes.js';
import { generate, publicJwk } from '../protocol/keys.js';

/**
 * @typedef {object} Biometry what is kept of it
 * @property {Uint8Array} credential id of the WebAuthn credential
 * @property {Uint8Array} salt of the PRF
 * @property {Uint8Array} iv
 * @property {ArrayBuffer} wrapped the biometric key
 */

/** Face or finger were not shown, or what they opened is gone. */
export class BiometryError extends Error {}

/** The reader gives no secret: nothing can be bound to face or finger here. */
export class NoSecretError extends BiometryError {}

const INFO = new TextEncoder().encode('kundenapp/biometry/v1');

/** @returns {Promise<boolean>} whether this browser and this phone can do it */
export async function isOffered() {
  if (!globalThis.PublicKeyCredential) return false;
  const capable = await /** @type {any} */ (PublicKeyCredential).getClientCapabilities?.().catch(() => null);
  if (capable && capable['extension:prf'] === false) return false;
  return PublicKeyCredential.isUserVerifyingPlatformAuthenticatorAvailable();
}

/**
 * Makes a biometric key and wraps it by face or finger.
 * @returns {Promise<{biometry: Biometry, jwk: import('../protocol/keys.js').PublicJwk}>}
 */
export async function create() {
  const salt = random(32);
  const made = await asked(() => navigator.credentials.create({
    publicKey: {
      rp: { name: 'Kunden-App' },
      user: { id: random(16), name: 'Kunden-App', displayName: 'Kunden-App' },
      challenge: random(32),
      pubKeyCredParams: [{ type: 'public-key', alg: -7 }, { type: 'public-key', alg: -257 }],
      authenticatorSelection: { authenticatorAttachment: 'platform', userVerification: 'required', residentKey: 'preferred' },
      extensions: /** @type {any} */ ({ prf: {} }),
    },
  }));
  if (!(/** @type {any} */ (made.getClientExtensionResults()).prf?.enabled)) throw new NoSecretError('no PRF');
  const credential = new Uint8Array(made.rawId);
  const wrapping = await derived(credential, salt);
  const pair = await generate(true);
  const iv = random(12);
  const wrapped = await crypto.subtle.wrapKey('pkcs8', pair.privateKey, wrapping, { name: 'AES-GCM', iv });
  return { biometry: { credential, salt, iv, wrapped }, jwk: await publicJwk(pair.publicKey) };
}

/**
 * Asks for face or finger and gives the key that they released. It cannot be
 * exported.
 * @param {Biometry} biometry
 * @returns {Promise<CryptoKey>}
 */
export async function release({ credential, salt, iv, wrapped }) {
  const wrapping = await derived(credential, salt);
  try {
    const algorithm = { name: 'ECDSA', namedCurve: 'P-256' };
    return await crypto.subtle.unwrapKey('pkcs8', wrapped, wrapping, { name: 'AES-GCM', iv }, algorithm, false, ['sign']);
  } catch (cause) {
    throw new BiometryError('what face or finger opened does not fit', { cause });
  }
}

/**
 * @param {Uint8Array} credential
 * @param {Uint8Array} salt
 * @returns {Promise<CryptoKey>} the wrapping key
 */
async function derived(credential, salt) {
  const shown = await asked(() => navigator.credentials.get({
    publicKey: {
      challenge: random(32),
      allowCredentials: [{ type: 'public-key', id: credential }],
      userVerification: 'required',
      extensions: /** @type {any} */ ({ prf: { eval: { first: salt } } }),
    },
  }));
  const secret = /** @type {any} */ (shown.getClientExtensionResults()).prf?.results?.first;
  if (!secret) throw new NoSecretError('no PRF');
  const base = await crypto.subtle.importKey('raw', secret, 'HKDF', false, ['deriveKey']);
  const hkdf = { name: 'HKDF', hash: 'SHA-256', salt: new Uint8Array(0), info: INFO };
  return crypto.subtle.deriveKey(hkdf, base, { name: 'AES-GCM', length: 256 }, false, ['wrapKey', 'unwrapKey']);
}

/**
 * @param {() => Promise<Credential | null>} ask
 * @returns {Promise<PublicKeyCredential>}
 */
async function asked(ask) {
  try {
    const shown = await ask();
    if (shown) return /** @type {PublicKeyCredential} */ (shown);
  } catch (cause) {
    throw new BiometryError('face or finger were not shown', { cause });
  }
  throw new BiometryError('face or finger were not shown');
}
