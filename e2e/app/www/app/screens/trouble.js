/** Something went wrong that no screen of its own is for. @module */

import { button, p } from '../dom.js';
import { explain } from '../problems.js';
import { t } from '../texts.js';

/**
 * @param {import('../app.js').App} app
 * @param {{error: unknown, again?: () => void}} given
 * @returns {import('../app.js').Screen}
 */
export function trouble(app, { error, again = () => app.redraw() }) {
  const { text, reference } = explain(error);
  return {
    title: t('app.again'),
    content: [p(text, 'problem'), reference ? p(t('problem.reference', { reference }), 'hint') : null, button(t('app.again'), again)],
  };
}
