/**
 * Locks the app after a time without use, and when it was left. It counts by
 * the clock and not by timers, which sleep while the phone does.
 * @module
 */

/** Who reads the number in another app of this phone comes back within this. */
const LEAVE_MS = 60_000;
const LOOK_MS = 1000;

export class Idle {
  #used = Date.now();
  /** @type {number | null} */ #left = null;
  /** @type {ReturnType<typeof setInterval> | undefined} */ #timer;

  /** @param {() => void} lock */
  constructor(lock) {
    this.lock = lock;
    this.idleMs = 0;
    for (const event of ['pointerdown', 'keydown', 'input', 'scroll']) {
      addEventListener(event, () => this.use(), { passive: true, capture: true });
    }
    document.addEventListener('visibilitychange', () => this.#seen(document.visibilityState === 'visible'));
    addEventListener('pagehide', () => this.#end());
  }

  /** @param {number} seconds of the server's policy */
  start(seconds) {
    this.idleMs = seconds * 1000;
    this.#used = Date.now();
    this.#left = null;
    clearInterval(this.#timer);
    this.#timer = setInterval(() => this.#look(), LOOK_MS);
  }

  stop() {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** Somebody is there. */
  use() {
    if (this.#isOver()) return;
    this.#used = Date.now();
  }

  /** @returns {boolean} */
  #isOver() {
    if (this.#timer === undefined) return false;
    const now = Date.now();
    return now - this.#used > this.idleMs || (this.#left !== null && now - this.#left > LEAVE_MS);
  }

  #look() {
    if (this.#isOver()) this.#end();
  }

  #end() {
    if (this.#timer === undefined) return;
    this.stop();
    this.lock();
  }

  /** What is hidden is covered at once: the task switcher takes its picture.
   * @param {boolean} visible */
  #seen(visible) {
    this.#look();
    this.#left = visible ? null : (this.#left ?? Date.now());
    document.body.classList.toggle('covered', !visible);
  }
}
