/**
 * Forms: a summary of mistakes that takes the focus, a text at each field, what
 * was typed stays, and nothing is sent twice at once.
 * @module
 */

import { button, h, p } from './dom.js';
import { explain } from './problems.js';
import { t } from './texts.js';

/**
 * @typedef {object} Field
 * @property {string} name
 * @property {string} label
 * @property {'text' | 'password' | 'digits' | 'choice'} [kind]
 * @property {string} [hint]
 * @property {string} [value]
 * @property {string} [autocomplete] default: off
 * @property {number} [digits] how many, of kind digits
 * @property {boolean} [secret] digits that are not shown
 * @property {boolean} [typed] cannot be pasted
 * @property {{value: string, text: string}[]} [options] of kind choice
 * @property {(value: string, values: Record<string, string>) => string} [check] "" or what is wrong
 */

/**
 * @param {object} settings
 * @param {Field[]} settings.fields
 * @param {string} [settings.submit] text of the main button
 * @param {(values: Record<string, string>) => unknown} settings.act may throw what `explain` knows
 * @param {(error: unknown) => boolean} [settings.failed] true: something else is shown already
 * @param {(send: HTMLElement) => Node} [settings.buttons] where the main button is not alone
 * @returns {HTMLElement}
 */
export function form({ fields, submit = t('app.on'), act, failed = () => false, buttons = (send) => send }) {
  const problem = h('div');
  const send = h('button', { type: 'submit' }, submit);
  const element = h('form', { novalidate: true, autocomplete: 'off' }, problem, ...fields.map(control), buttons(send));
  let busy = false;
  element.addEventListener('submit', async (event) => {
    event.preventDefault();
    if (busy) return;
    const values = read(element, fields);
    const mistakes = fields.flatMap(({ name, check }) => note(name, check?.(values[name], values)));
    if (mistakes.length > 0) {
      show(element, problem, mistakes);
      return;
    }
    busy = true;
    send.setAttribute('aria-disabled', 'true');
    try {
      await act(values);
      clear(element, problem);
    } catch (error) {
      if (!failed(error)) show(element, problem, [fitting(element, explain(error))]);
    } finally {
      busy = false;
      send.removeAttribute('aria-disabled');
    }
  });
  return element;
}

/** @typedef {{field: string, text: string, reference?: string}} Noted */

/** @param {string} field @param {string | undefined} text @returns {Noted[]} */
function note(field, text) {
  return text ? [{ field, text }] : [];
}

/** @param {HTMLElement} element @param {Noted} noted a problem about a field that this form does not have is about the whole */
function fitting(element, noted) {
  return element.querySelector(`#f-${noted.field}`) ? noted : { ...noted, field: '' };
}

/** @param {HTMLElement} element @param {Field[]} fields */
function read(element, fields) {
  const data = new FormData(/** @type {HTMLFormElement} */ (element));
  return Object.fromEntries(fields.map(({ name }) => [name, String(data.get(name) ?? '')]));
}

/** @param {Field} field */
function control(field) {
  if (field.kind === 'choice') return choice(field);
  const { name, label, hint } = field;
  const input = h('input', {
    id: `f-${name}`, name, type: type(field), value: field.value, autocomplete: field.autocomplete ?? 'off',
    'aria-describedby': hint ? `h-${name}` : null, enterkeyhint: 'go', spellcheck: 'false', autocapitalize: 'off',
    ...(field.kind === 'digits' ? { inputmode: 'numeric', maxlength: field.digits, pattern: '[0-9]*', class: 'code' } : {}),
    on: field.typed ? { paste: refuse, drop: refuse } : { paste: wipe },
  });
  return h('div', { class: 'field' },
    h('label', { for: `f-${name}` }, label), hint ? h('p', { id: `h-${name}`, class: 'hint' }, hint) : null, input,
    field.kind === 'password' ? eye(/** @type {HTMLInputElement} */ (input)) : null);
}

/** @param {Field} field */
function type({ kind, secret }) {
  return kind === 'password' || secret ? 'password' : 'text';
}

/** @param {Event} event */
function refuse(event) {
  event.preventDefault();
}

/** A secret that was pasted does not stay in the clipboard where the browser lets us empty it.
 * @param {Event} event */
function wipe(event) {
  const input = /** @type {HTMLInputElement} */ (event.target);
  if (input.type === 'password') navigator.clipboard?.writeText('').catch(() => {});
}

/** @param {HTMLInputElement} input */
function eye(input) {
  const toggle = button(t('app.show'), () => {
    const shown = input.type === 'text';
    input.type = shown ? 'password' : 'text';
    toggle.textContent = t(shown ? 'app.show' : 'app.hide');
    toggle.setAttribute('aria-pressed', String(!shown));
  }, 'link');
  toggle.setAttribute('aria-pressed', 'false');
  toggle.setAttribute('aria-controls', input.id);
  return toggle;
}

/** @param {Field} field */
function choice({ name, label, hint, options = [], value }) {
  return h('fieldset', { id: `f-${name}`, tabindex: '-1', 'aria-describedby': hint ? `h-${name}` : null },
    h('legend', {}, label), hint ? h('p', { id: `h-${name}`, class: 'hint' }, hint) : null,
    ...options.map((option) => h('label', { class: 'choice' },
      h('input', { type: 'radio', name, value: option.value, checked: option.value === value }), h('span', {}, option.text))));
}

/** @param {HTMLElement} element @param {HTMLElement} problem @param {Noted[]} mistakes */
function show(element, problem, mistakes) {
  clear(element, problem);
  const lines = mistakes.map(({ field, text }) => h('li', {}, field ? jump(element, field, text) : text));
  const { reference } = mistakes[0];
  const box = h('div', { class: 'problem', tabindex: '-1', role: 'alert' },
    h('h2', {}, t('app.summary')), h('ul', {}, ...lines), reference ? p(t('problem.reference', { reference }), 'hint') : null);
  problem.replaceChildren(box);
  for (const { field, text } of mistakes) if (field) mark(element, field, text);
  box.focus();
}

/** @param {HTMLElement} element @param {string} field @param {string} text */
function jump(element, field, text) {
  const to = (/** @type {Event} */ event) => {
    event.preventDefault();
    /** @type {HTMLElement | null} */ (element.querySelector(`#f-${field}`))?.focus();
  };
  return h('a', { href: `#f-${field}`, on: { click: to } }, text);
}

/** @param {HTMLElement} element @param {string} field @param {string} text */
function mark(element, field, text) {
  const input = element.querySelector(`#f-${field}`);
  if (!input) return;
  input.setAttribute('aria-invalid', 'true');
  input.setAttribute('aria-describedby', `${input.getAttribute('aria-describedby') ?? ''} e-${field}`.trim());
  input.before(h('p', { id: `e-${field}`, class: 'mistake' }, text));
}

/** @param {HTMLElement} element @param {HTMLElement} problem */
function clear(element, problem) {
  problem.replaceChildren();
  for (const text of element.querySelectorAll('.mistake')) text.remove();
  for (const input of element.querySelectorAll('[aria-invalid]')) {
    input.removeAttribute('aria-invalid');
    const described = (input.getAttribute('aria-describedby') ?? '').split(' ').filter((id) => !id.startsWith('e-'));
    if (described.join('')) input.setAttribute('aria-describedby', described.join(' '));
    else input.removeAttribute('aria-describedby');
  }
}
