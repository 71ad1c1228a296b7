/** The first screen of a phone that is not registered. @module */

import { button, h, p } from '../dom.js';
import { t } from '../texts.js';
import { limits } from './limits.js';

/**
 * @param {import('../app.js').App} app
 * @param {{intent?: string}} given with which the person comes from the gate
 * @returns {import('../app.js').Screen}
 */
export function welcome(app, { intent = '' }) {
  return {
    title: t('welcome.title'),
    content: [
      intent === 'newcomer' ? p(t('welcome.new'), 'note') : null,
      p(t('welcome.what')),
      p(t('welcome.need')),
      button(t('welcome.signin'), () => app.signIn('register', { enrol: true })),
      p(t('welcome.again'), 'hint'),
      h('h2', {}, t('welcome.first')),
      p(t('welcome.first.what')),
      button(t('welcome.register'), () => app.signIn('newcomer'), 'second'),
      button(t('settings.limits'), () => app.go(limits), 'link'),
    ],
  };
}
