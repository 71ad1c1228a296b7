/** Face or finger in the place of the PIN. @module */

import { create, isOffered } from '../biometry.js';
import { button, p } from '../dom.js';
import { form } from '../form.js';
import { t } from '../texts.js';
import { devicePassword } from './secrets.js';

/** @typedef {import('../app.js').App} App */

/** @param {App} app @returns {Promise<import('../app.js').Screen>} */
export async function biometry(app) {
  const back = button(t('app.back'), () => app.back(), 'second');
  if (!(await isOffered())) return { title: t('biometry.title'), menu: 'settings', content: [p(t('biometry.missing'), 'note'), back] };
  const content = app.kept.biometry ? [p(t('biometry.on'), 'note'), off(app)] : [on(app)];
  return { title: t('biometry.title'), menu: 'settings', content: [p(t('biometry.what')), p(t('biometry.who')), ...content, back] };
}

/** @param {App} app */
function on(app) {
  return form({
    submit: t('biometry.submit'),
    fields: [devicePassword()],
    failed: (error) => app.failed(error),
    act: async ({ password }) => {
      const made = await create();
      await app.phone.setBiometric(password, made.jwk);
      await app.keep({ biometry: made.biometry });
      await app.lock(t('biometry.on.done')); // another biometric key closes the app
    },
  });
}

/** @param {App} app */
function off(app) {
  return form({
    submit: t('biometry.off'),
    fields: [],
    failed: (error) => app.failed(error),
    act: async () => {
      await app.keep({ biometry: undefined });
      await app.phone.removeBiometric();
      await app.lock(t('biometry.off.done'));
    },
  });
}
