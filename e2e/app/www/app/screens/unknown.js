/** The server knows this phone no more. @module */

import { button, p } from '../dom.js';
import { t } from '../texts.js';

/**
 * @param {import('../app.js').App} app
 * @returns {import('../app.js').Screen}
 */
export function unknown(app) {
  app.watch.stop();
  app.idle.stop();
  const anew = async () => {
    await app.forget();
    await app.signIn('register', { enrol: true });
  };
  return { title: t('unknown.title'), content: [p(t('unknown.what')), p(t('unknown.who')), button(t('unknown.submit'), anew)] };
}
