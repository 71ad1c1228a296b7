/**
 * Locks the app after a time without use, and when it was left. It counts by
 * the clock and not by timers, which sleep while the phone does; and by the
 * time since the page began, for a clock that is set back.
 * @module
 */

/** Who reads the number in another app of this phone comes back within this. */
const LEAVE_MS = 60_000;
const LOOK_MS = 1000;

/** @typedef {{clock: number, page: number}} Moment */

/** @returns {Moment} */
function moment() {
  return { clock: Date.now(), page: performance.now() };
}

/** @param {Moment} then @returns {number} milliseconds, by whichever says more */
function since({ clock, page }) {
  return Math.max(Date.now() - clock, performance.now() - page);
}

export class Idle {
  #used = moment();
  /** @type {Moment | null} */ #left = null;
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
    this.#used = moment();
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
    this.#used = moment();
  }

  /** @returns {boolean} */
  #isOver() {
    if (this.#timer === undefined) return false;
    return since(this.#used) > this.idleMs || (this.#left !== null && since(this.#left) > LEAVE_MS);
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
    this.#left = visible ? null : (this.#left ?? moment());
    document.body.classList.toggle('covered', !visible);
  }
}
