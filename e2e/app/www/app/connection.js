/**
 * Says when the server cannot be reached, and when it can again.
 * @module
 */

import { byId } from './dom.js';
import { t } from './texts.js';

export class Connection {
  #lost = false;

  /** @param {(text: string) => void} say announces a text */
  constructor(say) {
    this.say = say;
    addEventListener('offline', () => this.lost());
  }

  /** No answer came. */
  lost() {
    this.#lost = true;
    const line = byId('connection');
    if (line.textContent !== t('connection.lost')) line.textContent = t('connection.lost');
  }

  /** An answer came. */
  back() {
    if (!this.#lost) return;
    this.#lost = false;
    byId('connection').textContent = '';
    this.say(t('connection.back'));
  }
}

/**
 * Waits, but no longer than until the network is back.
 * @param {number} ms
 * @param {AbortSignal} signal
 */
export function pause(ms, signal) {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      removeEventListener('online', done);
      signal.removeEventListener('abort', done);
      resolve(undefined);
    };
    const timer = setTimeout(done, ms);
    addEventListener('online', done);
    signal.addEventListener('abort', done);
  });
}
