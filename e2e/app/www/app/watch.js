/**
 * Keeps the inbox up to date while the app is open, by long-polls.
 * @module
 */

import { isProblem, Problem } from '../protocol/problem.js';
import { pause } from './connection.js';

const WAIT_SECONDS = 50;
const PATIENCE_MS = 65_000;
const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 15_000;

/**
 * @typedef {{id: string, expires_in: number, action?: string, title?: {de: string, en: string}}} Waiting
 * @typedef {{mark: string, count: number, requests: Waiting[]}} Inbox
 */

export class Watch {
  /** @type {AbortController | null} */ #running = null;
  /** @type {Inbox | null} */ inbox = null;

  /**
   * @param {object} parts
   * @param {import('../protocol/phone.js').Phone} parts.phone
   * @param {import('./connection.js').Connection} parts.connection
   * @param {(inbox: Inbox) => void} parts.changed
   * @param {(error: unknown) => boolean} parts.failed true: there is no use in going on
   */
  constructor({ phone, connection, changed, failed }) {
    this.phone = phone;
    this.connection = connection;
    this.changed = changed;
    this.failed = failed;
  }

  start() {
    this.stop();
    this.#running = new AbortController();
    this.#run(this.#running.signal);
  }

  /** Stops, and forgets what was in the inbox. */
  stop() {
    this.#running?.abort();
    this.#running = null;
    this.inbox = null;
  }

  /** @param {AbortSignal} signal */
  async #run(signal) {
    let pauses = 0;
    while (!signal.aborted) {
      try {
        await this.#turn(signal);
        pauses = 0;
      } catch (error) {
        if (signal.aborted || (error instanceof Problem && this.failed(error))) return;
        if (!(error instanceof Problem)) this.connection.lost();
        await pause(this.#wait(error, pauses++), signal);
      }
    }
  }

  /** @param {AbortSignal} signal */
  async #turn(signal) {
    const bounded = AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_MS)]);
    const inbox = await this.phone.inbox({ wait: this.inbox ? WAIT_SECONDS : 0, mark: this.inbox?.mark, signal: bounded });
    if (signal.aborted) return;
    this.connection.back();
    const same = this.inbox?.mark === inbox.mark;
    this.inbox = inbox;
    if (!same) this.changed(inbox);
  }

  /** @param {unknown} error @param {number} pauses @returns {number} milliseconds */
  #wait(error, pauses) {
    if (isProblem(error, 'too_many', 'unavailable')) return ((/** @type {Problem} */ (error)).retryAfter ?? 5) * 1000;
    return Math.min(FIRST_PAUSE_MS * 2 ** pauses, LONGEST_PAUSE_MS);
  }
}
