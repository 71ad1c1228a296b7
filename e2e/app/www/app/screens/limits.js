/** What a browser cannot give, and what a native app does there. @module */

import { button, h, p } from '../dom.js';
import { t } from '../texts.js';

const PARTS = ['keys', 'biometry', 'screen', 'push', 'overlay', 'memory', 'storage', 'code'];

/**
 * @param {import('../app.js').App} app
 * @returns {import('../app.js').Screen}
 */
export function limits(app) {
  const parts = PARTS.flatMap((part) => [h('h2', {}, t(`limits.${part}`)), p(t(`limits.${part}.what`))]);
  return { title: t('limits.title'), content: [p(t('limits.what')), ...parts, button(t('app.back'), () => app.back(), 'second')] };
}
