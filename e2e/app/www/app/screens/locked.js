/** The phone is locked, or its device password forgotten: identify anew. @module */

import { button, p, ul } from '../dom.js';
import { form } from '../form.js';
import { t } from '../texts.js';
import { newPassword, rules } from './secrets.js';

/** @typedef {import('../app.js').App} App */

/** @param {App} app @returns {import('../app.js').Screen} */
export function locked(app) {
  app.watch.stop();
  app.idle.stop();
  return { title: t('locked.title'), content: [p(t('locked.what')), ...way(app)] };
}

/** @param {App} app @returns {import('../app.js').Screen} */
export function forgotten(app) {
  return { title: t('locked.forgotten'), content: [p(t('locked.forgotten.what')), ...way(app), button(t('app.back'), () => app.back(), 'second')] };
}

/** @param {App} app */
function way(app) {
  return [p(t('locked.way')), p(t('locked.cooling'), 'hint'), button(t('locked.submit'), () => app.signIn('unlock', { enrol: true }))];
}

/**
 * After the login with a proof: a new device password.
 * @param {App} app
 * @returns {Promise<import('../app.js').Screen>}
 */
export async function unlock(app) {
  await app.refresh();
  const min = app.self.policy.password_min;
  return {
    title: t('unlock.title'),
    content: [
      ul(rules(min)),
      form({
        submit: t('unlock.submit'),
        fields: newPassword({ label: t('register.password'), hint: t('register.password.hint'), min }),
        act: async ({ next }) => {
          app.self = await app.phone.unlock(await app.login.token(), next);
          if (app.self.pin_set) await app.start(app.routes.open, { note: t('unlock.done') });
          else await app.start(app.routes.setPin, { why: 'new', password: next });
        },
      }),
    ],
  };
}
