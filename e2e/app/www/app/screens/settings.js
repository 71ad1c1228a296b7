/** Everything that is set once in a while. @module */

import { button, h } from '../dom.js';
import { t } from '../texts.js';
import { biometry } from './biometry.js';
import { history } from './history.js';
import { limits } from './limits.js';
import { devicePasswordChange, loginPasswordElsewhere } from './passwords.js';
import { setPin } from './pin.js';

/**
 * @param {import('../app.js').App} app
 * @returns {import('../app.js').Screen}
 */
export function settings(app) {
  const ways = [
    button(t('settings.history'), () => app.go(history), 'second'),
    button(t('settings.password'), () => app.go(devicePasswordChange), 'second'),
    button(t('settings.pin'), () => app.go(setPin, { why: 'change' }), 'second'),
    button(t('settings.biometry'), () => app.go(biometry), 'second'),
    button(t('settings.loginpassword'), () => app.go(loginPasswordElsewhere), 'second'),
    button(t('settings.limits'), () => app.go(limits), 'second'),
    button(t('settings.lock'), () => app.lock(), 'second'),
  ];
  return { title: t('settings.title'), menu: 'settings', content: [h('ul', { class: 'list' }, ...ways.map((way) => h('li', {}, way)))] };
}
