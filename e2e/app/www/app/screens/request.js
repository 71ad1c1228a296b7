/** One request: exactly what was signed, and the person's decision. @module */

import { isProblem, UnreachableError } from '../../protocol/problem.js';
import { button, h, p } from '../dom.js';
import { form } from '../form.js';
import { Mistake, explain } from '../problems.js';
import { language, t } from '../texts.js';
import { outcome } from './address.js';
import { forgotten } from './locked.js';
import { approved, denied, over } from './result.js';
import { devicePassword } from './secrets.js';

/** @typedef {import('../app.js').App} App */
/** @typedef {import('../../protocol/phone.js').Shown} Shown */

/**
 * @param {App} app
 * @param {{id: string, change?: string}} given change: what this app itself asked of the backend
 * @returns {Promise<import('../app.js').Screen>}
 */
export async function request(app, given) {
  let shown;
  try {
    shown = await app.phone.request(given.id);
  } catch (error) {
    if (isProblem(error, 'request_over', 'not_found')) return over(app, { text: explain(error).text });
    throw error;
  }
  const title = shown.object ? t('request.title') : t('result.over');
  return { title: shown.object ? title : t('request.deny'), content: shown.object ? whole(app, shown, given) : untrusted(app, shown), menu: 'inbox' };
}

/** @param {App} app @param {Shown} shown @param {{change?: string}} given */
function whole(app, shown, given) {
  const object = /** @type {import('../../protocol/request.js').RequestObject} */ (shown.object);
  const seen = new Seen();
  const fields = object.fields.flatMap(({ label, value }) => seen.watch(h('dt', { tabindex: '-1' }, label[language()]), h('dd', {}, value)));
  return [
    refusedWarning(object.refused),
    h('section', { class: 'card', 'aria-labelledby': 'request-title' },
      h('h2', { id: 'request-title' }, object.title[language()]), h('dl', { class: 'fields' }, ...fields)),
    p(t('request.time', { minutes: Math.max(1, Math.round(shown.expiresIn / 60)) }), 'hint'),
    decision(app, shown, object, seen, given),
    button(t('password.forgotten'), () => app.go(forgotten), 'link'),
    button(t('request.later'), () => app.start(app.routes.inbox), 'link'),
  ];
}

/** @param {number} refused */
function refusedWarning(refused) {
  if (refused === 0) return null;
  return h('p', { class: 'warning', role: 'note' }, refused === 1 ? t('request.refused') : t('request.refuseds', { count: refused }));
}

/**
 * @param {App} app
 * @param {Shown} shown
 * @param {import('../../protocol/request.js').RequestObject} object
 * @param {Seen} seen
 * @param {{change?: string}} given
 */
function decision(app, shown, object, seen, given) {
  const digits = object.match_code;
  const whole = new RegExp(`^[0-9]{${digits}}$`);
  return form({
    submit: t('request.approve'),
    fields: [
      ...(digits > 0 ? [{
        name: 'code', label: t('request.code'), hint: t('request.code.hint', { digits }), kind: /** @type {'digits'} */ ('digits'), digits, typed: true,
        check: (/** @type {string} */ value) => (whole.test(value) ? '' : t('request.code.mistake', { digits })),
      }] : []),
      devicePassword(),
    ],
    buttons: (send) => h('div', {},
      digits === 0 ? p(t('request.here'), 'note') : null,
      h('div', { class: 'pair' }, send, denial(app, shown)), p(t('request.denying'), 'hint')),
    failed: (error) => ended(app, error) || app.failed(error),
    act: async ({ code, password }) => {
      seen.demand();
      const told = await sent(app, shown, { decision: 'approve', code: digits > 0 ? code : undefined, password });
      if (told.state === 'denied') return app.start(denied, { shown, reason: told.reason });
      return given.change ? app.start(outcome, { change: given.change }) : app.start(approved);
    },
  });
}

/** How often an answer is sent whose result was lost on the way. */
const TRIES = 3;

/**
 * Sends an answer. When its result is lost, the same body goes again: it
 * decides nothing twice.
 * @param {App} app
 * @param {Shown} shown
 * @param {Parameters<import('../../protocol/phone.js').Phone['decide']>[1]} answer
 */
export async function sent(app, shown, answer) {
  let body = await app.phone.decide(shown, answer);
  for (let tried = 1; ; tried++) {
    try {
      return await app.phone.send(shown.id, body);
    } catch (error) {
      if (tried === TRIES || !(error instanceof UnreachableError || isProblem(error, 'seal_key'))) throw error;
      if (isProblem(error, 'seal_key')) {
        await app.phone.keys(true);
        body = await app.phone.decide(shown, answer);
      }
    }
  }
}

/** @param {App} app @param {Shown} shown */
function denial(app, shown) {
  let busy = false;
  return button(t('request.deny'), async () => {
    if (busy) return;
    busy = true;
    try {
      await sent(app, shown, { decision: 'deny', reason: 'by_person' });
      await app.start(denied, { shown });
    } catch (error) {
      if (!ended(app, error) && !app.failed(error)) await app.go(trouble, { error });
    } finally {
      busy = false;
    }
  });
}

/** @param {App} app @param {{error: unknown}} given */
function trouble(app, { error }) {
  return { title: t('app.again'), content: [p(explain(error).text, 'problem'), button(t('app.back'), () => app.back())] };
}

/** @param {App} app @param {unknown} error @returns {boolean} */
function ended(app, error) {
  if (!isProblem(error, 'request_over', 'not_found', 'other_request')) return false;
  app.start(over, { text: explain(error).text });
  return true;
}

/** @param {App} app @param {Shown} shown */
function untrusted(app, shown) {
  return [p(t('request.untrusted'), 'warning'), denial(app, shown), button(t('request.later'), () => app.start(app.routes.inbox), 'link')];
}

/** Knows which fields were in view. Nothing is approved that was not. */
class Seen {
  /** @type {Set<Element>} */ #open = new Set();
  #observer = new IntersectionObserver((entries) => {
    for (const entry of entries) if (entry.isIntersecting) this.#see(entry.target);
  });

  /** @param {HTMLElement} label @param {HTMLElement} value @returns {HTMLElement[]} */
  watch(label, value) {
    const end = h('span', { class: 'unseen-end' });
    value.append(end);
    this.#open.add(end);
    this.#observer.observe(end);
    return [label, value];
  }

  /** @param {Element} end */
  #see(end) {
    this.#open.delete(end);
    this.#observer.unobserve(end);
  }

  /** @throws {Mistake} and shows the first field that was not in view */
  demand() {
    const [first] = this.#open;
    if (!first) return;
    const label = /** @type {HTMLElement} */ (first.parentElement?.previousElementSibling);
    throw new UnreadMistake(label);
  }
}

/** The person has not seen everything. */
class UnreadMistake extends Mistake {
  /** @param {HTMLElement} label */
  constructor(label) {
    super('', t('request.unread'));
    setTimeout(() => label.focus());
  }
}
