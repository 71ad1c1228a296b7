/**
 * The insurer's backend. It gets the app's access token, with a proof by the
 * key that the token is bound to, and knows nothing of Schleuse's secrets.
 * @module
 */

import { proof } from '../protocol/dpop.js';
import { UnreachableError } from '../protocol/problem.js';

/** The backend did not do it; `problem` says why. */
export class BackendError extends Error {
  /** @param {string} problem @param {number | null} [retryAfter] seconds */
  constructor(problem, retryAfter = null) {
    super(problem);
    this.problem = problem;
    this.retryAfter = retryAfter;
  }
}

export class Backend {
  /**
   * @param {string} origin
   * @param {import('./login.js').Login} login
   */
  constructor(origin, login) {
    this.origin = origin;
    this.login = login;
  }

  /** @returns {Promise<{street: string, postcode: string, town: string}>} the address on file */
  address() {
    return this.#call('GET', '/api/address');
  }

  /**
   * Asks for another address. Nothing is changed until the person approves.
   * @param {{street: string, postcode: string, town: string, origin: string}} wanted
   * @returns {Promise<{id: string, request: string}>} the change, and the request about it
   */
  change(wanted) {
    return this.#call('POST', '/api/address', wanted);
  }

  /**
   * What became of it; answers when it has an end, or after half a minute.
   * @param {string} id
   * @returns {Promise<{state: string, address: {street: string, postcode: string, town: string}}>}
   */
  outcome(id) {
    return this.#call('GET', `/api/address/${id}`);
  }

  /** @param {string} method @param {string} path @param {object} [content] */
  async #call(method, path, content) {
    const url = this.origin + path;
    const token = await this.login.token();
    const { privateKey, jwk } = this.login.phone.key;
    const { time } = await this.login.phone.time();
    const body = content && JSON.stringify(content);
    const response = await fetch(url, {
      method,
      body,
      headers: {
        Authorization: `${token.type} ${token.value}`,
        DPoP: await proof({ key: privateKey, jwk, method, url, token: token.value, body, iat: time }),
        ...(body ? { 'Content-Type': 'application/json' } : {}),
      },
      cache: 'no-store',
      redirect: 'error',
      signal: AbortSignal.timeout(40_000),
    }).catch((cause) => { throw new UnreachableError(cause); });
    const told = await response.json().catch(() => ({}));
    if (response.ok) return told;
    if (told.problem === 'token') this.login.forget();
    throw new BackendError(told.problem ?? 'down', Number(response.headers.get('Retry-After')) || null);
  }
}
