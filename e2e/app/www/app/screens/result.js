/** What became of a request. @module */

import { button, h, p, ul } from '../dom.js';
import { form } from '../form.js';
import { isProblem } from '../../protocol/problem.js';
import { t } from '../texts.js';
import { loginPassword } from './passwords.js';
import { sent } from './request.js';

/** @typedef {import('../app.js').App} App */

/** @param {App} app @returns {import('../app.js').Screen} */
export function approved(app) {
  return { title: t('result.approved'), content: [p(t('result.approved.what')), toInbox(app)], menu: 'inbox' };
}

/**
 * @param {App} app
 * @param {{shown: import('../../protocol/phone.js').Shown, reason?: string}} given
 * @returns {import('../app.js').Screen}
 */
export function denied(app, { shown, reason }) {
  const byCode = reason === 'code';
  return {
    title: t(byCode ? 'result.code' : 'result.denied'),
    content: [
      p(t(byCode ? 'result.code.what' : 'result.denied.what')),
      toInbox(app),
      h('h2', {}, t('result.notme')),
      p(t('result.notme.what')),
      button(t('result.notme.button'), () => app.go(notMe, { shown }), 'second'),
    ],
    menu: 'inbox',
  };
}

/** @param {App} app @param {{text: string}} given @returns {import('../app.js').Screen} */
export function over(app, { text }) {
  return { title: t('result.over'), content: [p(text), toInbox(app)], menu: 'inbox' };
}

/** @param {App} app */
function toInbox(app) {
  return button(t('result.inbox'), () => app.start(app.routes.inbox));
}

/**
 * "That was not me", explained before it is said.
 * @param {App} app
 * @param {{shown: import('../../protocol/phone.js').Shown}} given
 * @returns {import('../app.js').Screen}
 */
export function notMe(app, { shown }) {
  return {
    title: t('notme.title'),
    content: [
      p(t('notme.what')),
      ul([t('notme.one'), t('notme.two'), t('notme.three'), t('notme.four')]),
      form({
        submit: t('notme.submit'), fields: [], failed: (error) => app.failed(error),
        act: async () => {
          // The request is over already; the word counts all the same (PROTOCOL §7.8).
          await sent(app, shown, { decision: 'deny', reason: 'not_me' }).catch((error) => {
            if (!isProblem(error, 'request_over')) throw error;
          });
          app.login.forget();
          await app.start(guarded);
        },
      }),
      button(t('app.cancel'), () => app.back(), 'second'),
    ],
  };
}

/** @param {App} app @returns {import('../app.js').Screen} */
function guarded(app) {
  return {
    title: t('notme.done'),
    content: [p(t('notme.done.what')), button(t('notme.next'), () => app.go(loginPassword)), button(t('result.inbox'), () => app.start(app.routes.inbox), 'second')],
  };
}
