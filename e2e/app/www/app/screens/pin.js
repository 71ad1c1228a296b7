/** Sets the PIN of the app. @module */

import { isProblem } from '../../protocol/problem.js';
import { button, h, p } from '../dom.js';
import { form } from '../form.js';
import { t } from '../texts.js';
import { forgotten } from './locked.js';
import { cooling } from './register.js';
import { devicePassword, newPin } from './secrets.js';

/** A device password that was just chosen is not asked again for so long. */
const REMEMBER_MS = 5 * 60_000;

/**
 * @param {import('../app.js').App} app
 * @param {{why: 'new' | 'missing' | 'forgotten' | 'locked' | 'change', password?: string}} given password: chosen a
 *   moment ago; it is thrown away when the PIN is set or the screen is left
 * @returns {import('../app.js').Screen}
 */
export function setPin(app, given) {
  const drop = () => { delete given.password; };
  setTimeout(drop, REMEMBER_MS);
  const known = given.password !== undefined;
  return {
    title: t(given.why === 'new' || given.why === 'missing' ? 'pin.title' : 'pin.title.new'),
    content: [
      ['missing', 'forgotten', 'locked'].includes(given.why) ? p(t(`pin.${given.why}`), 'note') : null,
      given.why === 'new' ? cooling(app.self) : null,
      p(t('pin.what')),
      form({
        submit: t('pin.submit'),
        fields: [...(known ? [] : [devicePassword()]), ...newPin(app.pinDigits)],
        failed: (error) => !isProblem(error, 'pin_locked') && app.failed(error),
        act: async ({ password, pin }) => {
          await app.phone.setPin(given.password ?? password, pin);
          drop();
          await app.refresh();
          // Another PIN closes the app; whoever just typed this one opens it with it.
          await app.phone.openByPin(pin);
          app.say(t('pin.done'));
          await app.opened();
        },
      }),
      known ? null : h('div', {}, button(t('password.forgotten'), () => app.go(forgotten), 'link')),
    ],
    leave: drop,
  };
}
