/** A change of address that begins in the app and ends on the same phone. @module */

import { button, h, p } from '../dom.js';
import { form } from '../form.js';
import { BackendError } from '../backend.js';
import { SignInNeededError } from '../login.js';
import { Mistake } from '../problems.js';
import { t } from '../texts.js';
import { request } from './request.js';

/** @typedef {import('../app.js').App} App */
/** @typedef {{street: string, postcode: string, town: string}} Address */

/** @param {App} app @returns {Promise<import('../app.js').Screen>} */
export async function address(app) {
  let present;
  try {
    present = await app.backend.address();
  } catch (error) {
    if (needsSignIn(error)) return signIn(app);
    throw error;
  }
  return {
    title: t('address.title'),
    menu: 'address',
    content: [
      h('dl', { class: 'fields card' }, h('dt', {}, t('address.old')), h('dd', {}, written(present))),
      form({
        submit: t('address.submit'),
        fields: fields(),
        failed: (error) => (needsSignIn(error) ? Boolean(app.start(address)) : app.failed(error)),
        act: async ({ street, postcode, town }) => {
          const { origin } = await app.phone.origin();
          const { id, request: asked } = await app.backend.change({ street, postcode, town, origin }).catch(wrongField);
          await app.go(request, { id: asked, change: id });
        },
      }),
    ],
  };
}

/** @param {unknown} error */
function needsSignIn(error) {
  return error instanceof SignInNeededError || (error instanceof BackendError && error.problem === 'token');
}

/** @param {unknown} error @returns {never} */
function wrongField(error) {
  if (error instanceof BackendError && ['street', 'postcode', 'town'].includes(error.problem)) {
    throw new Mistake(error.problem, t(`address.${error.problem}.mistake`));
  }
  throw error;
}

/** @returns {import('../form.js').Field[]} */
function fields() {
  const text = (/** @type {string} */ name) => (/** @type {string} */ value) => (value.trim() && value.length <= 100 ? '' : t(`address.${name}.mistake`));
  return [
    { name: 'street', label: t('address.street'), autocomplete: 'street-address', check: text('street') },
    {
      name: 'postcode', label: t('address.postcode'), autocomplete: 'postal-code', kind: 'digits', digits: 5,
      check: (value) => (/^[0-9]{5}$/.test(value) ? '' : t('address.postcode.mistake')),
    },
    { name: 'town', label: t('address.town'), autocomplete: 'address-level2', check: text('town') },
  ];
}

/** @param {Address} address */
function written({ street, postcode, town }) {
  return `${street}, ${postcode} ${town}`;
}

/** @param {App} app @returns {import('../app.js').Screen} */
function signIn(app) {
  return { title: t('address.title'), menu: 'address', content: [p(t('address.signin')), button(t('address.signin.button'), () => app.signIn('address'))] };
}

/**
 * What became of the change.
 * @param {App} app
 * @param {{change: string}} given
 * @returns {Promise<import('../app.js').Screen>}
 */
export async function outcome(app, { change }) {
  const told = await app.backend.outcome(change);
  if (told.state === 'waiting') {
    return { title: t('address.waiting'), menu: 'address', content: [p(t('app.busy')), button(t('app.on'), () => app.redraw())] };
  }
  const done = told.state === 'done';
  return {
    title: t(done ? 'address.done' : 'address.notdone'),
    menu: 'address',
    content: [
      p(done ? t('address.done.what', { address: written(told.address) }) : t(`address.${told.state}`)),
      done ? null : button(t('address.again'), () => app.start(address)),
      button(t('result.inbox'), () => app.start(app.routes.inbox), done ? '' : 'second'),
    ],
  };
}
