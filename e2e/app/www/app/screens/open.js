/** The locked app: nothing of the person, and the ways to open it. @module */

import { isProblem } from '../../protocol/problem.js';
import { BiometryError, release } from '../biometry.js';
import { button, p } from '../dom.js';
import { form } from '../form.js';
import { Mistake, explain } from '../problems.js';
import { t } from '../texts.js';
import { setPin } from './pin.js';

/**
 * @param {import('../app.js').App} app
 * @param {{note?: string}} given note: what was just done
 * @returns {import('../app.js').Screen}
 */
export function open(app, { note }) {
  const digits = app.pinDigits;
  return {
    title: t('open.title'),
    content: [
      note ? p(note, 'note') : null,
      p(t('open.what', { minutes: Math.round(app.idleSeconds / 60) || 1 })),
      ...byBiometry(app),
      form({
        submit: t('open.submit'),
        fields: [{
          name: 'pin', label: t('open.field'), kind: 'digits', secret: true, digits,
          check: (value) => (/^[0-9]+$/.test(value) ? '' : t('open.empty')),
        }],
        failed: (error) => app.failed(error),
        act: async ({ pin }) => {
          await app.phone.openByPin(pin).catch((error) => {
            throw isProblem(error, 'factors') ? new Mistake('pin', t('open.factors')) : error;
          });
          await entered(app);
        },
      }),
      button(t('open.forgotten'), () => app.go(setPin, { why: 'forgotten' }), 'link'),
    ],
  };
}

/** @param {import('../app.js').App} app */
async function entered(app) {
  if (!app.self) await app.refresh();
  app.connection.back();
  await app.opened();
}

/** @param {import('../app.js').App} app @returns {HTMLElement[]} */
function byBiometry(app) {
  const { biometry } = app.kept;
  if (!biometry) return [];
  const line = p('', 'mistake');
  line.setAttribute('role', 'alert');
  const act = async () => {
    line.textContent = '';
    try {
      await app.phone.openByBiometry(await release(biometry));
      await entered(app);
    } catch (error) {
      if (app.failed(error)) return;
      // The server knows another biometric key, or none: this one is of no use.
      if (isProblem(error, 'factors')) await app.keep({ biometry: undefined });
      line.textContent = isProblem(error, 'factors') ? t('biometry.changed') : error instanceof BiometryError ? t('biometry.failed') : explain(error).text;
    }
  };
  return [button(t('open.biometry'), act), line];
}
