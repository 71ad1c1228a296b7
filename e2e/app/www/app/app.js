/**
 * The app: which screen is shown, what is known of this phone, and the lock.
 * @module
 */

import { generate, publicJwk } from '../protocol/keys.js';
import { Phone } from '../protocol/phone.js';
import { isProblem, UnreachableError } from '../protocol/problem.js';
import { Backend } from './backend.js';
import { Connection } from './connection.js';
import { byId, button, h } from './dom.js';
import { Idle } from './idle.js';
import { Login, SignInNeededError } from './login.js';
import * as store from './store.js';
import { language, speak, t } from './texts.js';
import { Watch } from './watch.js';

/**
 * @typedef {object} Screen
 * @property {string} title its question, the h1
 * @property {(import('./dom.js').Child)[]} content
 * @property {string} [menu] which part of the menu it belongs to
 * @property {() => void} [leave] called when another screen comes
 */
/** @typedef {(app: App, given: any) => Screen | Promise<Screen>} Draw */
/** @typedef {{issuer: string, base: string, client: string, origin: string, devices: string}} Config */
/**
 * @typedef {object} Routes the screens that the app itself leads to
 * @property {Draw} welcome
 * @property {Draw} open
 * @property {Draw} inbox
 * @property {Draw} address
 * @property {Draw} phones
 * @property {Draw} settings
 * @property {Draw} setPin
 * @property {Draw} locked
 * @property {Draw} unknown
 */

/** Before the server has told its own. */
const IDLE_SECONDS = 300;

export class App {
  /** @type {{draw: Draw, given: any}[]} */ #stack = [];
  /** @type {Screen | null} */ #shown = null;
  #drawing = 0;
  // Set by load.
  /** @type {store.Kept} */ kept = /** @type {any} */ (null);
  /** @type {Phone} */ phone = /** @type {any} */ (null);
  /** @type {Login} */ login = /** @type {any} */ (null);
  /** @type {Backend} */ backend = /** @type {any} */ (null);
  /** @type {Watch} */ watch = /** @type {any} */ (null);

  /**
   * @param {Config} config
   * @param {Routes} routes
   */
  constructor(config, routes) {
    this.config = config;
    this.routes = routes;
    this.connection = new Connection((text) => this.say(text));
    this.idle = new Idle(() => this.lock());
    /** @type {any} the phone as the server has it, null before it was asked */
    this.self = null;
    /** What the person wanted before they had to sign in or open the app. */
    this.wanted = '';
    addEventListener('popstate', (event) => this.#back(event.state?.at ?? 0));
  }

  /** Reads what is kept here, and makes a key where there is none. */
  async load() {
    this.kept = (await store.load()) ?? (await this.#anew());
    const { pair, id } = this.kept;
    const key = { privateKey: pair.privateKey, jwk: await publicJwk(pair.publicKey) };
    this.phone = new Phone({ base: this.config.base, key, id });
    this.login = new Login(this.config, this.phone);
    this.backend = new Backend(this.config.origin, this.login);
    this.watch = new Watch({
      phone: this.phone, connection: this.connection, changed: (inbox) => this.#arrived(inbox), failed: (error) => this.failed(error),
    });
  }

  async #anew() {
    const kept = { pair: await generate(), id: '' };
    await store.save(kept);
    return kept;
  }

  /** @returns {boolean} */
  get isRegistered() {
    return this.kept.id !== '';
  }

  /** @returns {number} seconds */
  get idleSeconds() {
    return this.self?.policy?.idle_lock_seconds ?? IDLE_SECONDS;
  }

  /** @returns {number} */
  get pinDigits() {
    return this.self?.policy?.pin_digits ?? 6;
  }

  /** @param {Partial<store.Kept>} change */
  async keep(change) {
    this.kept = { ...this.kept, ...change };
    await store.save(this.kept);
  }

  /** Forgets this phone: the next registration has a new key. */
  async forget() {
    this.watch.stop();
    this.idle.stop();
    this.login.forget();
    this.self = null;
    await store.forget();
    await this.load();
  }

  /** Asks the server what it knows of this phone. */
  async refresh() {
    this.self = await this.phone.self();
    this.connection.back();
    return this.self;
  }

  // Screens.

  /** Shows a screen that back leads away from.
   * @param {Draw} draw @param {any} [given] */
  go(draw, given = {}) {
    this.#stack.push({ draw, given });
    history.pushState({ at: this.#stack.length - 1 }, '');
    return this.#draw();
  }

  /** Shows a screen in the place of all that were.
   * @param {Draw} draw @param {any} [given] */
  start(draw, given = {}) {
    this.#stack = [{ draw, given }];
    history.replaceState({ at: 0 }, '');
    return this.#draw();
  }

  /** Shows a screen in the place of this one: back does not return to it.
   * @param {Draw} draw @param {any} [given] */
  replace(draw, given = {}) {
    this.#stack[this.#stack.length - 1] = { draw, given };
    return this.#draw();
  }

  back() {
    history.back();
  }

  /** Draws the present screen anew. */
  redraw() {
    return this.#draw();
  }

  /** @param {number} at */
  #back(at) {
    if (this.#stack.length === 0) return;
    this.#stack.length = Math.min(at + 1, this.#stack.length);
    if (this.#stack.length > 0) this.#draw();
  }

  async #draw() {
    const turn = ++this.#drawing;
    const { draw, given } = this.#stack[this.#stack.length - 1];
    this.#leave();
    let screen;
    try {
      screen = await draw(this, given);
    } catch (error) {
      if (turn !== this.#drawing || this.failed(error)) return;
      screen = await this.#trouble(error);
    }
    if (turn === this.#drawing) this.#paint(screen);
  }

  /** @param {unknown} error @returns {Promise<Screen>} */
  async #trouble(error) {
    const { trouble } = await import('./screens/trouble.js');
    return trouble(this, { error });
  }

  #leave() {
    this.#shown?.leave?.();
    this.#shown = null;
  }

  /** @param {Screen} screen */
  #paint(screen) {
    this.#shown = screen;
    const title = h('h1', { tabindex: '-1' }, screen.title);
    byId('main').replaceChildren(title, .../** @type {(Node | string)[]} */ (screen.content.flat().filter(Boolean)));
    document.title = `${screen.title} – ${t('app.name')}`;
    document.documentElement.lang = language();
    this.#menu(screen.menu ?? '');
    this.#foot();
    scrollTo(0, 0);
    title.focus();
  }

  /** @param {string} current */
  #menu(current) {
    const parts = { inbox: this.routes.inbox, address: this.routes.address, phones: this.routes.phones, settings: this.routes.settings };
    const items = Object.entries(parts).map(([name, draw]) => {
      const item = button(t(`menu.${name}`), () => this.start(draw));
      if (name === current) item.setAttribute('aria-current', 'page');
      return h('li', {}, item);
    });
    byId('menu').replaceChildren(...(current ? [h('nav', { 'aria-label': t('menu.label') }, h('ul', {}, ...items))] : []));
  }

  #foot() {
    const other = language() === 'de' ? 'en' : 'de';
    const change = button(t('app.language'), () => {
      speak(other);
      this.redraw();
    }, 'link');
    change.setAttribute('lang', other);
    byId('foot').replaceChildren(change);
  }

  /** Tells whoever does not see the screen.
   * @param {string} text */
  say(text) {
    const line = byId('status');
    line.textContent = '';
    requestAnimationFrame(() => { line.textContent = text; });
  }

  // The lock.

  /** The app was opened: what the person wanted comes, else the inbox. */
  opened() {
    this.idle.start(this.idleSeconds);
    this.watch.start();
    const wanted = this.wanted;
    this.wanted = '';
    return this.start(wanted === 'address' ? this.routes.address : this.routes.inbox);
  }

  /** Locks: nothing of the person stays on the screen or in memory.
   * @param {string} [note] shown above the PIN: why */
  lock(note) {
    this.idle.stop();
    this.watch.stop();
    this.phone.link.close();
    this.login.forget();
    if (!note) this.say(t('app.locked'));
    return this.start(this.routes.open, { note });
  }

  /** @param {import('./watch.js').Inbox} inbox */
  #arrived(inbox) {
    dispatchEvent(new CustomEvent('inbox', { detail: inbox }));
  }

  /**
   * Leads on after an error that concerns the whole app.
   * @param {unknown} error
   * @returns {boolean} whether it did; else the screen says what is wrong
   */
  failed(error) {
    if (error instanceof UnreachableError) this.connection.lost();
    if (isProblem(error, 'device_unknown') && this.isRegistered) this.start(this.routes.unknown);
    else if (isProblem(error, 'device_locked')) this.start(this.routes.locked);
    else if (isProblem(error, 'pin_locked')) this.start(this.routes.setPin, { why: 'locked' });
    else if (isProblem(error, 'app_locked')) this.lock();
    else if (error instanceof SignInNeededError && this.phone.link.isOpen) this.start(this.routes.address);
    else return false;
    return true;
  }

  /**
   * Leaves for the gate.
   * @param {string} intent
   * @param {{enrol?: boolean, action?: string}} [how]
   */
  signIn(intent, how = {}) {
    return this.login.begin(intent, { ...how, language: language() });
  }
}
