/** Other passwords: the device password, and the one of the login. @module */

import { button, h, p, ul } from '../dom.js';
import { form } from '../form.js';
import { t } from '../texts.js';
import { forgotten } from './locked.js';
import { devicePassword, newPassword, rules } from './secrets.js';

/** @typedef {import('../app.js').App} App */

/** @param {App} app @returns {import('../app.js').Screen} */
export function devicePasswordChange(app) {
  const min = app.self.policy.password_min;
  return {
    title: t('password.title'),
    menu: 'settings',
    content: [
      ul(rules(min)),
      form({
        submit: t('password.submit'),
        fields: [devicePassword(t('password.old')), ...newPassword({ label: t('register.password'), min })],
        failed: (error) => app.failed(error),
        act: async ({ password, next }) => {
          await app.phone.setPassword(password, next);
          await app.lock(t('password.done')); // another device password closes the app
        },
      }),
      button(t('password.forgotten'), () => app.go(forgotten), 'link'),
      button(t('app.back'), () => app.back(), 'second'),
    ],
  };
}

/** @param {App} app @param {{text: string}} given @returns {import('../app.js').Screen} */
function changed(app, { text }) {
  return { title: t('settings.title'), menu: 'settings', content: [p(text, 'note'), button(t('app.on'), () => app.start(app.routes.settings))] };
}

/**
 * A new login password, after "that was not me" (PROTOCOL §7.9).
 * @param {App} app
 * @returns {import('../app.js').Screen}
 */
export function loginPassword(app) {
  return {
    title: t('loginpassword.title'),
    content: [
      p(t('loginpassword.what')),
      form({
        submit: t('loginpassword.submit'),
        fields: [
          devicePassword(),
          ...newPassword({ label: t('loginpassword.field'), hint: t('loginpassword.hint'), repeat: t('loginpassword.repeat') }),
        ],
        failed: (error) => app.failed(error),
        act: async ({ password, next }) => {
          await app.phone.setLoginPassword(password, next);
          app.say(t('loginpassword.done'));
          await app.start(changed, { text: t('loginpassword.done') });
        },
      }),
    ],
  };
}

/** Keycloak's own action, in a login of a living session. */
const UPDATE_PASSWORD = 'UPDATE_PASSWORD';

/** Otherwise the login itself is the place. @param {App} app @returns {import('../app.js').Screen} */
export function loginPasswordElsewhere(app) {
  return {
    title: t('settings.loginpassword'),
    menu: 'settings',
    content: [
      h('h2', {}, t('loginpassword.known')),
      p(t('loginpassword.known.what')),
      button(t('loginpassword.change'), () => app.signIn('password', { action: UPDATE_PASSWORD })),
      h('h2', {}, t('loginpassword.forgotten')),
      p(t('loginpassword.forgotten.what')),
      button(t('loginpassword.go'), () => app.login.leave('password')),
      button(t('app.back'), () => app.back(), 'second'),
    ],
  };
}
