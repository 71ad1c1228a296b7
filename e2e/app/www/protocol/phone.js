/**
 * The phone: all calls of the Device API (PROTOCOL §7). It shows nothing and
 * keeps nothing on disk; whoever uses it keeps key and id.
 * @module
 */

import { seal, aad, PURPOSES } from './seal.js';
import { sign, signText } from './jws.js';
import { publicJwk } from './keys.js';
import { Link } from './link.js';
import * as messages from './messages.js';
import { isProblem, UnreachableError } from './problem.js';
import { check, keyOf, UntrustedError } from './request.js';

/** @typedef {import('./link.js').DeviceKey} DeviceKey */
/** @typedef {import('./keys.js').PublicJwk} PublicJwk */
/** @typedef {{type: string, value: string}} Token */
/** @typedef {Partial<Record<keyof typeof PURPOSES, string>>} Secrets */
/**
 * @typedef {object} Shown a request as it was received
 * @property {string} id
 * @property {string} raw exactly these bytes are answered
 * @property {number} expiresIn seconds
 * @property {import('./request.js').RequestObject | null} object null: it failed a check and must not be approved
 */

/** GET /keys may be kept so long. */
const KEYS_MS = 5 * 60_000;

export class Phone {
  /** @type {{seal_key: PublicJwk, request_keys: {keys: PublicJwk[]}} | null} */ #keys = null;
  #keysAt = 0;

  /**
   * @param {object} settings
   * @param {string} settings.base the Device API, without a slash at the end
   * @param {DeviceKey} settings.key
   * @param {string} [settings.id] of the phone; "" before it is registered
   */
  constructor({ base, key, id = '' }) {
    this.link = new Link(base, key);
    this.base = base;
    this.id = id;
  }

  /** @returns {DeviceKey} */
  get key() {
    return this.link.key;
  }

  /** §7.1 @returns {Promise<{time: number}>} and a nonce beside it */
  time() {
    return this.link.call({ method: 'GET', path: '/time', bare: true });
  }

  /**
   * §7.1
   * @param {boolean} [anew]
   */
  async keys(anew = false) {
    if (anew || !this.#keys || performance.now() - this.#keysAt > KEYS_MS) {
      this.#keys = await this.link.call({ method: 'GET', path: '/keys', bare: true });
      this.#keysAt = performance.now();
    }
    return /** @type {{seal_key: PublicJwk, request_keys: {keys: PublicJwk[]}}} */ (this.#keys);
  }

  // Registering, §7.2 and §7.3.

  /**
   * @param {Token} token of a login with `acr_values=urn:schleuse:enrol` and `dpop_jkt`
   * @param {string} [replaces] id of the phone whose place this one takes; then also in `register`
   * @returns {Promise<any>} ticket, policy, the person's phones
   */
  async begin(token, replaces) {
    const ticket = await this.link.call({ method: 'POST', path: '/enrolments', token, body: JSON.stringify({ replaces }) });
    this.id = ticket.device_id;
    return ticket;
  }

  /**
   * @param {Token} token
   * @param {string} ticket of `begin`
   * @param {{name: string, platform?: string, password: string, replaces?: string}} chosen
   * @returns {Promise<any>} the phone as in `self`
   */
  async register(token, ticket, { name, platform = 'other', password, replaces }) {
    const payload = messages.registration({ base: this.base, device: this.id, ticket, jwk: this.key.jwk, name, platform });
    const send = async () => {
      const registration = await sign(this.key.privateKey, messages.header(this.id, 'registration'), payload);
      const secrets = await this.#sealed(registration, { new_password: password });
      const body = JSON.stringify({ registration, ...secrets, ...(replaces ? { replaces } : {}) });
      return this.link.call({ method: 'POST', path: '/devices', token, body });
    };
    try {
      return await this.#withSealKey(send);
    } catch (error) {
      if (!(error instanceof UnreachableError) && !isProblem(error, 'key_in_use')) throw error;
      return this.#perhapsRegistered(error, send);
    }
  }

  /**
   * The answer of a registration was lost: `self` tells what became of it.
   * @param {unknown} lost
   * @param {() => Promise<any>} send
   */
  async #perhapsRegistered(lost, send) {
    try {
      return await this.self();
    } catch (error) {
      if (isProblem(error, 'device_unknown') && lost instanceof UnreachableError) return send();
      throw error;
    }
  }

  /**
   * @param {Token} token
   * @param {string} password the new device password
   */
  unlock(token, password) {
    return this.#ordered('unlock', { new_password: password }, { method: 'POST', path: `/devices/${this.id}/unlock`, token });
  }

  // The phone itself, §7.4.

  /** @param {DeviceKey} [key] while a rotation is open: one of the two */
  self(key) {
    return this.link.call({ method: 'GET', path: '/self', key });
  }

  /**
   * @param {string} password
   * @param {string} next
   */
  setPassword(password, next) {
    return this.#ordered('set-password', { password, new_password: next }, { method: 'PUT', path: '/self/password' });
  }

  /**
   * @param {string} password
   * @param {string} pin
   */
  setPin(password, pin) {
    return this.#ordered('set-pin', { password, pin }, { method: 'PUT', path: '/self/pin' });
  }

  /**
   * @param {string} password
   * @param {PublicJwk} jwk the biometric key
   */
  setBiometric(password, jwk) {
    return this.#ordered('set-biometric', { password }, { method: 'PUT', path: '/self/biometric' }, { jwk });
  }

  removeBiometric() {
    return this.link.call({ method: 'DELETE', path: '/self/biometric' });
  }

  /**
   * Changes the device key. The caller keeps both until this returns; when the
   * answer is lost, `self(key)` tells which one counts.
   * @param {string} password
   * @param {CryptoKeyPair} next
   */
  async rotate(password, next) {
    const jwk = await publicJwk(next.publicKey);
    await this.#ordered('rotate-key', { password }, { method: 'PUT', path: '/self/key' }, { jwk, second: next.privateKey });
    this.link.key = { privateKey: next.privateKey, jwk };
  }

  // The lock of the app, §7.5.

  /** @param {string} pin */
  async openByPin(pin) {
    return this.#opened(await this.#ordered('open', { pin }, { method: 'POST', path: '/self/open' }));
  }

  /** @param {CryptoKey} biometric released by the platform a moment ago */
  async openByBiometry(biometric) {
    return this.#opened(await this.#ordered('open', {}, { method: 'POST', path: '/self/open' }, { by: biometric }));
  }

  /** @param {any} answer */
  #opened(answer) {
    this.link.open(answer.opened);
    return answer;
  }

  // Inbox, requests, answers: §7.6 to §7.9.

  /**
   * @param {{wait?: number, mark?: string, signal?: AbortSignal}} [how]
   * @returns {Promise<any>}
   */
  inbox({ wait = 0, mark = '', signal } = {}) {
    /** @type {Record<string, string>} */
    const query = { wait: String(wait) };
    if (mark) query.mark = mark;
    return this.link.call({ method: 'GET', path: '/inbox', query, opened: true, signal });
  }

  /**
   * Reads a request and checks it.
   * @param {string} id
   * @returns {Promise<Shown>}
   */
  async request(id) {
    const told = await this.link.call({ method: 'GET', path: `/requests/${id}`, opened: true });
    return { id, raw: told.request, expiresIn: told.expires_in, object: await this.#check(told.request, id) };
  }

  /**
   * @param {string} raw
   * @param {string} id
   */
  async #check(raw, id) {
    const kid = keyOf(raw);
    let known = await this.keys();
    if (!known.request_keys.keys.some((/** @type {PublicJwk} */ key) => key.kid === kid)) known = await this.keys(true);
    try {
      return await check(raw, { keys: known.request_keys.keys, base: this.base, device: this.id, id });
    } catch (error) {
      if (error instanceof UntrustedError) return null;
      throw error;
    }
  }

  /**
   * Makes the body of an answer. The same body may be sent again when an answer
   * is lost.
   * @param {Shown} shown
   * @param {{decision: 'approve', code?: string, password: string} | {decision: 'deny', reason?: 'by_person' | 'not_me'}} answer
   * @returns {Promise<string>}
   */
  async decide(shown, answer) {
    if (answer.decision === 'approve' && !shown.object) throw new UntrustedError('it failed a check');
    const payload = await messages.answer({ ...answer, request: shown.raw });
    const jws = await sign(this.key.privateKey, messages.header(this.id, 'answer'), payload);
    const secrets = answer.decision === 'approve' ? await this.#sealed(jws, { password: answer.password }) : {};
    return messages.answerBody(jws, secrets.password);
  }

  /**
   * @param {string} id
   * @param {string} body of `decide`
   * @returns {Promise<{state: string, reason?: string}>}
   */
  send(id, body) {
    return this.link.call({ method: 'POST', path: `/requests/${id}/answer`, body });
  }

  /** Approve or deny in one go, sealed anew once when the seal key has changed.
   * @param {Shown} shown
   * @param {Parameters<Phone['decide']>[1]} answer
   */
  answer(shown, answer) {
    return this.#withSealKey(async () => this.send(shown.id, await this.decide(shown, answer)));
  }

  /**
   * §7.9
   * @param {string} password
   * @param {string} next the new login password
   */
  setLoginPassword(password, next) {
    const call = { method: 'POST', path: '/self/login-password', opened: true };
    return this.#ordered('login-password', { password, login_password: next }, call);
  }

  /**
   * Says that a change which is about to be asked for comes from this phone.
   * @returns {Promise<{origin: string, expires_in: number}>}
   */
  origin() {
    return this.link.call({ method: 'POST', path: '/self/origin', body: '{}', opened: true });
  }

  // Phones and history, §7.10.

  /** @returns {Promise<any>} */
  devices() {
    return this.link.call({ method: 'GET', path: '/devices', opened: true });
  }

  /**
   * @param {string} id
   * @param {string} name
   */
  rename(id, name) {
    return this.link.call({ method: 'PATCH', path: `/devices/${id}`, opened: true, body: JSON.stringify({ name }) });
  }

  /** @param {string} id */
  block(id) {
    return this.link.call({ method: 'POST', path: `/devices/${id}/block` });
  }

  /**
   * @param {{limit?: number, before?: string}} [page]
   * @returns {Promise<any>}
   */
  history({ limit = 20, before = '' } = {}) {
    /** @type {Record<string, string>} */
    const query = { limit: String(limit) };
    if (before) query.before = before;
    return this.link.call({ method: 'GET', path: '/history', query, opened: true });
  }

  // Orders and secrets, §5.2 and §6.

  /**
   * Makes an order with a fresh nonce, seals its secrets, sends both; once anew
   * when the order is stale or the seal key has changed.
   * @param {string} purpose
   * @param {Secrets} secrets
   * @param {import('./link.js').Call} call
   * @param {{jwk?: PublicJwk, by?: CryptoKey, second?: CryptoKey}} [more]
   */
  async #ordered(purpose, secrets, call, more = {}) {
    const send = async () => {
      await this.time();
      const body = await this.#order(purpose, secrets, more);
      return this.link.call({ ...call, body: JSON.stringify(body) });
    };
    try {
      return await this.#withSealKey(send);
    } catch (error) {
      if (isProblem(error, 'stale_order')) return send();
      throw error;
    }
  }

  /**
   * @param {string} purpose
   * @param {Secrets} secrets
   * @param {{jwk?: PublicJwk, by?: CryptoKey, second?: CryptoKey}} more
   */
  async #order(purpose, secrets, { jwk, by = this.key.privateKey, second }) {
    const header = JSON.stringify(messages.header(this.id, 'device'));
    const payload = JSON.stringify(messages.order({ base: this.base, device: this.id, purpose, nonce: this.link.nonce, jwk }));
    const order = await signText(by, header, payload);
    const again = second ? { order_by_new_key: await signText(second, header, payload) } : {};
    return { order, ...again, ...(await this.#sealed(order, secrets)) };
  }

  /**
   * @param {string} jws beside which they travel
   * @param {Secrets} secrets
   * @returns {Promise<Record<string, {kid: string, enc: string, ct: string}>>}
   */
  async #sealed(jws, secrets) {
    /** @type {Record<string, {kid: string, enc: string, ct: string}>} */
    const sealed = {};
    for (const [member, secret] of Object.entries(secrets)) {
      const purpose = PURPOSES[/** @type {keyof typeof PURPOSES} */ (member)];
      const { seal_key: to } = await this.keys();
      sealed[member] = await seal(to, secret, await aad(this.id, purpose, jws));
    }
    return sealed;
  }

  /**
   * @template T
   * @param {() => Promise<T>} send
   * @returns {Promise<T>}
   */
  async #withSealKey(send) {
    try {
      return await send();
    } catch (error) {
      if (!isProblem(error, 'seal_key')) throw error;
      await this.keys(true);
      return send();
    }
  }
}
