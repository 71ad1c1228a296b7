/**
 * Signing in at the gate: authorization code with PKCE, state and `iss`, in this
 * window. Every token is bound to the device key (RFC 9449): who copies one
 * cannot use it. Tokens stay in memory and go with the lock of the app. The
 * refresh token too: it lets an opened app go on after the access token's few
 * minutes, and nobody finds it on the disk.
 * @module
 */

import { digest, encode, random } from '../protocol/bytes.js';
import { proof } from '../protocol/dpop.js';
import { thumbprint } from '../protocol/keys.js';
import { UnreachableError } from '../protocol/problem.js';

/** Asks the gate for a proof of the person, good for one phone. */
const ENROL = 'urn:schleuse:enrol';

/** Where a login that is under way is kept; the tab's own, and gone with it. */
const UNDER_WAY = 'login';
const LEFT = 'left';

/** A token is renewed when it has less than this left. */
const SLACK_MS = 20_000;

/** The person must sign in first. */
export class SignInNeededError extends Error {}

/** The gate sent the person back without a login. */
export class LoginRefusedError extends Error {}

/** @typedef {{access: string, refresh: string, id: string, until: number}} Tokens until: by performance.now() */

export class Login {
  /** @type {Tokens | null} */ #tokens = null;

  /**
   * @param {{issuer: string, client: string, origin: string}} config
   * @param {import('../protocol/phone.js').Phone} phone whose key the tokens are bound to
   */
  constructor(config, phone) {
    this.config = config;
    this.phone = phone;
  }

  /**
   * Leaves for the gate. The person comes back to `finish`.
   * @param {string} intent what they want to do then
   * @param {{enrol?: boolean, language?: string, action?: string}} [how] action: what Keycloak does on the way
   */
  async begin(intent, { enrol = false, language = 'de', action = '' } = {}) {
    const state = encode(random(24));
    const verifier = encode(random(32));
    sessionStorage.setItem(UNDER_WAY, JSON.stringify({ state, verifier, intent }));
    const query = new URLSearchParams({
      client_id: this.config.client,
      redirect_uri: `${this.config.origin}/`,
      response_type: 'code',
      response_mode: 'fragment', // a fragment goes to no server and into no log
      scope: 'openid',
      state,
      code_challenge: await digest(verifier),
      code_challenge_method: 'S256',
      dpop_jkt: await thumbprint(this.phone.key.jwk),
      ui_locales: language,
    });
    if (enrol) query.set('acr_values', ENROL);
    if (action) query.set('kc_action', action);
    location.assign(`${this.config.issuer}/protocol/openid-connect/auth?${query}`);
  }

  /**
   * Signs out at the gate, where a living session would lead past the choice of
   * what to do. `left` tells whoever comes back what for.
   * @param {string} intent
   */
  leave(intent) {
    sessionStorage.setItem(LEFT, intent);
    const query = new URLSearchParams({ client_id: this.config.client, post_logout_redirect_uri: `${this.config.origin}/` });
    if (this.#tokens?.id) query.set('id_token_hint', this.#tokens.id);
    this.forget();
    location.assign(`${this.config.issuer}/protocol/openid-connect/logout?${query}`);
  }

  /** @returns {string} the intent of `leave`, once; "" when nobody left */
  left() {
    const intent = sessionStorage.getItem(LEFT) ?? '';
    sessionStorage.removeItem(LEFT);
    return intent;
  }

  /**
   * Takes what the gate sent back, if it did, and removes it from the address.
   * @returns {Promise<string>} the intent; "" when nobody comes from the gate
   */
  async finish() {
    const told = new URLSearchParams(location.hash.slice(1));
    const kept = JSON.parse(sessionStorage.getItem(UNDER_WAY) ?? 'null');
    if (!told.has('state')) return '';
    history.replaceState(null, '', '/');
    sessionStorage.removeItem(UNDER_WAY);
    if (!kept || told.get('state') !== kept.state) throw new LoginRefusedError('another login was begun here');
    if (told.get('iss') !== this.config.issuer) throw new LoginRefusedError('somebody else answered');
    const code = told.get('code');
    if (!code) throw new LoginRefusedError(told.get('error') ?? 'no code');
    await this.#ask({
      grant_type: 'authorization_code', code, code_verifier: kept.verifier, redirect_uri: `${this.config.origin}/`,
    });
    return kept.intent;
  }

  /** @returns {boolean} whether there are tokens */
  get isSignedIn() {
    return this.#tokens !== null;
  }

  /** Throws the tokens away. */
  forget() {
    this.#tokens = null;
  }

  /**
   * @returns {Promise<{type: string, value: string}>} an access token that is still good
   * @throws {SignInNeededError}
   */
  async token() {
    let tokens = this.#tokens;
    if (tokens && performance.now() > tokens.until - SLACK_MS) {
      this.#tokens = null;
      tokens = tokens.refresh ? await this.#renewed(tokens.refresh) : null;
    }
    if (!tokens) throw new SignInNeededError();
    return { type: 'DPoP', value: tokens.access };
  }

  /** @param {string} refresh @returns {Promise<Tokens | null>} null: the session is over */
  async #renewed(refresh) {
    try {
      await this.#ask({ grant_type: 'refresh_token', refresh_token: refresh });
    } catch (error) {
      if (!(error instanceof LoginRefusedError)) throw error;
    }
    return this.#tokens;
  }

  /** @param {Record<string, string>} form */
  async #ask(form) {
    const url = `${this.config.issuer}/protocol/openid-connect/token`;
    const { privateKey, jwk } = this.phone.key;
    // Keycloak judges the proof's time: a phone whose clock is wrong asks for the right one.
    const { time } = await this.phone.time();
    const response = await fetch(url, {
      method: 'POST',
      headers: { DPoP: await proof({ key: privateKey, jwk, method: 'POST', url, iat: time }) },
      body: new URLSearchParams({ client_id: this.config.client, ...form }),
      cache: 'no-store',
      credentials: 'omit',
      redirect: 'error',
      signal: AbortSignal.timeout(20_000),
    }).catch((cause) => { throw new UnreachableError(cause); });
    const told = await response.json().catch(() => ({}));
    if (response.status >= 500) throw new UnreachableError(told.error);
    if (!response.ok || told.token_type !== 'DPoP') throw new LoginRefusedError(told.error ?? 'no token bound to this phone');
    this.#tokens = { access: told.access_token, refresh: told.refresh_token ?? '', id: told.id_token ?? '', until: performance.now() + told.expires_in * 1000 };
  }
}
