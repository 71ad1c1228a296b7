/**
 * Sealed secrets: HPKE in base mode, DHKEM(P-256, HKDF-SHA256), HKDF-SHA256,
 * AES-256-GCM (RFC 9180, PROTOCOL §6.1, whose steps stand here one by one).
 * @module
 */

import { concat, decode, digest, encode, utf8 } from './bytes.js';
import { recipient } from './keys.js';

/** @typedef {import('./keys.js').PublicJwk} PublicJwk */

/** Purpose of a sealed secret, by the member of the body that carries it. */
export const PURPOSES = Object.freeze({
  password: 'device-password',
  new_password: 'new-device-password',
  pin: 'pin',
  login_password: 'login-password',
});

const INFO = utf8('schleuse/device/v1');
const KEM = concat(utf8('KEM'), new Uint8Array([0, 0x10]));
const SUITE = concat(utf8('HPKE'), new Uint8Array([0, 0x10, 0, 1, 0, 2]));
const NOTHING = new Uint8Array(0);

/**
 * Ties what is sealed to the phone, its purpose and the JWS beside it.
 * @param {string} device
 * @param {string} purpose
 * @param {string} jws
 * @returns {Promise<string>}
 */
export async function aad(device, purpose, jws) {
  return `${device}\n${purpose}\n${await digest(jws)}`;
}

/**
 * Seals a secret with a new ephemeral key.
 * @param {PublicJwk} to the server's seal key
 * @param {string} secret
 * @param {string} associated of `aad`
 * @returns {Promise<{kid: string, enc: string, ct: string}>}
 */
export async function seal(to, secret, associated) {
  const ephemeral = await crypto.subtle.generateKey({ name: 'ECDH', namedCurve: 'P-256' }, false, ['deriveBits']);
  const { enc, ct } = await sealWith(to, /** @type {CryptoKeyPair} */ (ephemeral), secret, associated);
  return { kid: to.kid ?? '', enc: encode(enc), ct: encode(ct) };
}

/**
 * The same with a given ephemeral key and every value on the way, for test
 * vectors. An ephemeral key is never used twice.
 * @param {PublicJwk} to
 * @param {CryptoKeyPair} ephemeral
 * @param {string} secret
 * @param {string} associated
 */
export async function sealWith(to, ephemeral, secret, associated) {
  const point = concat(new Uint8Array([4]), decode(to.x), decode(to.y));
  const enc = new Uint8Array(await crypto.subtle.exportKey('raw', ephemeral.publicKey));
  const dh = new Uint8Array(
    await crypto.subtle.deriveBits({ name: 'ECDH', public: await recipient(to) }, ephemeral.privateKey, 256),
  );
  const eaePrk = await extract(KEM, NOTHING, 'eae_prk', dh);
  const sharedSecret = await expand(KEM, eaePrk, 'shared_secret', concat(enc, point), 32);
  const { key, baseNonce } = await schedule(sharedSecret);
  const aes = await crypto.subtle.importKey('raw', key, 'AES-GCM', false, ['encrypt']);
  const plain = utf8(secret.normalize('NFC'));
  const algorithm = { name: 'AES-GCM', iv: baseNonce, additionalData: utf8(associated) };
  const ct = new Uint8Array(await crypto.subtle.encrypt(algorithm, aes, plain));
  plain.fill(0);
  return { enc, dh, eaePrk, sharedSecret, key, baseNonce, ct };
}

/**
 * @param {Uint8Array} sharedSecret
 * @returns {Promise<{key: Uint8Array, baseNonce: Uint8Array}>}
 */
async function schedule(sharedSecret) {
  const pskIdHash = await extract(SUITE, NOTHING, 'psk_id_hash', NOTHING);
  const infoHash = await extract(SUITE, NOTHING, 'info_hash', INFO);
  const context = concat(new Uint8Array([0]), pskIdHash, infoHash);
  const secret = await extract(SUITE, sharedSecret, 'secret', NOTHING);
  return {
    key: await expand(SUITE, secret, 'key', context, 32),
    baseNonce: await expand(SUITE, secret, 'base_nonce', context, 12),
  };
}

/**
 * LabeledExtract.
 * @param {Uint8Array} suite
 * @param {Uint8Array} salt
 * @param {string} label
 * @param {Uint8Array} ikm
 */
function extract(suite, salt, label, ikm) {
  return hmac(salt, concat(utf8('HPKE-v1'), suite, utf8(label), ikm));
}

/**
 * LabeledExpand to at most 32 bytes: one block.
 * @param {Uint8Array} suite
 * @param {Uint8Array} prk
 * @param {string} label
 * @param {Uint8Array} info
 * @param {number} length
 */
async function expand(suite, prk, label, info, length) {
  const size = new Uint8Array([length >> 8, length & 0xff]);
  const block = await hmac(prk, concat(size, utf8('HPKE-v1'), suite, utf8(label), info, new Uint8Array([1])));
  return block.slice(0, length);
}

/**
 * @param {Uint8Array} key WebCrypto takes no empty key; 32 zero bytes give the same HMAC
 * @param {Uint8Array} message
 */
async function hmac(key, message) {
  const raw = key.length > 0 ? key : new Uint8Array(32);
  const imported = await crypto.subtle.importKey('raw', raw, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign']);
  return new Uint8Array(await crypto.subtle.sign('HMAC', imported, message));
}
