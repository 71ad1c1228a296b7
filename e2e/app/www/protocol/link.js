/**
 * One call to the Device API: proof, nonce, answer (PROTOCOL §4 and §8).
 * @module
 */

import { proof } from './dpop.js';
import { Problem, UnreachableError, isProblem } from './problem.js';

/**
 * @typedef {object} DeviceKey
 * @property {CryptoKey} privateKey
 * @property {import('./keys.js').PublicJwk} jwk
 */
/**
 * @typedef {object} Call
 * @property {string} method
 * @property {string} path below the base, with its slash
 * @property {Record<string, string>} [query]
 * @property {string} [body] JSON as sent
 * @property {{type: string, value: string}} [token] access token; `type` is Bearer or DPoP
 * @property {boolean} [bare] without a proof: `GET /time` and `GET /keys`
 * @property {boolean} [opened] send what opened the app
 * @property {DeviceKey} [key] signs the proof in the place of the device key
 * @property {AbortSignal} [signal]
 */

/** Without an answer for so long a call has failed; waiting calls bring their own signal. */
const PATIENCE_MS = 20_000;

/** The way to the server. It holds what the server renews with its answers. */
export class Link {
  /** @type {string} */ #nonce = '';
  /** @type {string} */ #opened = '';

  /**
   * @param {string} base of the Device API, no slash at its end
   * @param {DeviceKey} key
   */
  constructor(base, key) {
    this.base = base;
    this.key = key;
  }

  /** @returns {string} the newest nonce, "" before the first answer */
  get nonce() {
    return this.#nonce;
  }

  /** @returns {boolean} whether there is something that opened the app */
  get isOpen() {
    return this.#opened !== '';
  }

  /** @param {string} token of `POST /self/open` */
  open(token) {
    this.#opened = token;
  }

  /** Throws away what opened the app. */
  close() {
    this.#opened = '';
  }

  /**
   * Makes the call; once again with a newer nonce where the server wants one.
   * @param {Call} call
   * @returns {Promise<any>} the answer, null when it has no body
   * @throws {Problem | UnreachableError}
   */
  async call(call) {
    const response = await this.respond(call);
    return response.status === 204 ? null : response.json().catch(unreachable);
  }

  /**
   * The same, for answers that are read bit by bit.
   * @param {Call} call
   * @returns {Promise<Response>} never a problem
   */
  async respond(call) {
    try {
      return await this.#once(call);
    } catch (error) {
      if (!isProblem(error, 'use_dpop_nonce')) throw error;
      return this.#once(call);
    }
  }

  /** @param {Call} call */
  async #once(call) {
    const url = this.base + call.path;
    const query = call.query ? `?${new URLSearchParams(call.query)}` : '';
    const opened = this.#opened;
    const response = await fetch(url + query, {
      method: call.method,
      headers: await this.#headers(call, url),
      body: call.body,
      cache: 'no-store',
      credentials: 'omit',
      redirect: 'error',
      referrerPolicy: 'no-referrer',
      signal: call.signal ?? AbortSignal.timeout(PATIENCE_MS),
    }).catch(unreachable);
    this.#learn(response.headers, opened);
    if (!response.ok) throw await Problem.from(response);
    return response;
  }

  /**
   * @param {Call} call
   * @param {string} url
   * @returns {Promise<Record<string, string>>}
   */
  async #headers(call, url) {
    if (call.bare) return {};
    const { privateKey, jwk } = call.key ?? this.key;
    const token = call.token?.value;
    /** @type {Record<string, string>} */
    const headers = {
      DPoP: await proof({ key: privateKey, jwk, method: call.method, url, nonce: this.#nonce, token, body: call.body }),
    };
    if (call.body !== undefined) headers['Content-Type'] = 'application/json';
    if (call.token) headers.Authorization = `${call.token.type} ${call.token.value}`;
    if (call.opened && this.#opened) headers['Schleuse-Opened'] = this.#opened;
    return headers;
  }

  /**
   * @param {Headers} headers
   * @param {string} opened what the call was made with: an answer that comes after the app was locked opens nothing
   */
  #learn(headers, opened) {
    this.#nonce = headers.get('DPoP-Nonce') ?? this.#nonce;
    const newer = headers.get('Schleuse-Opened');
    if (newer && opened && this.#opened) this.#opened = newer;
  }
}

/**
 * @param {unknown} cause
 * @returns {never}
 */
function unreachable(cause) {
  throw new UnreachableError(cause);
}
