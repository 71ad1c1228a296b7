/** Registers this phone, after a login with a proof. @module */

import { isProblem } from '../../protocol/problem.js';
import { h, p, ul } from '../dom.js';
import { form } from '../form.js';
import { day, moment, t } from '../texts.js';
import { setPin } from './pin.js';
import { newPassword, rules } from './secrets.js';

/** @typedef {{id: string, name: string, last_used_at?: string}} Other */

/**
 * @param {import('../app.js').App} app
 * @param {{replaces?: string}} given replaces: chosen already, because there are too many phones
 * @returns {Promise<import('../app.js').Screen>}
 */
export async function register(app, { replaces: chosen }) {
  let ticket;
  try {
    ticket = await begun(app, chosen);
  } catch (error) {
    if (isProblem(error, 'device_limit') && error.devices.length > 0) return full(app, error.devices);
    throw error;
  }
  if (!ticket) return setPin(app, { why: 'missing' });
  const min = ticket.policy.password_min;
  return {
    title: t('register.title'),
    content: [h('h2', {}, t('register.rules')), ul(rules(min)), form({
      submit: t('register.submit'),
      fields: [
        {
          name: 'name', label: t('register.name'), hint: t('register.name.hint'), value: t('register.name.value'),
          check: (name) => (name.trim() ? '' : t('register.empty')),
        },
        ...(chosen ? [] : replacing(ticket.devices ?? [])),
        ...newPassword({ label: t('register.password'), hint: t('register.password.hint'), min }),
      ],
      act: async ({ name, next, replaces = chosen }) => {
        // Which phone is replaced stands in the ticket too.
        const { ticket: given } = replaces && !chosen ? await app.phone.begin(await app.login.token(), replaces) : ticket;
        const details = { name: name.trim().slice(0, ticket.policy.name_max), password: next, replaces: replaces || undefined };
        adopt(app, await app.phone.register(await app.login.token(), given, details));
        await app.keep({ id: app.phone.id });
        app.say(t('register.done'));
        await app.start(setPin, { why: 'new', password: next });
      },
    })],
  };
}

/**
 * Asks for a ticket. A key that was registered before, by a call whose answer
 * was lost, is this phone's already: null.
 * @param {import('../app.js').App} app
 * @param {string} [replaces]
 */
async function begun(app, replaces) {
  try {
    return await app.phone.begin(await app.login.token(), replaces);
  } catch (error) {
    if (!isProblem(error, 'key_in_use')) throw error;
    adopt(app, await app.phone.self());
    await app.keep({ id: app.phone.id });
    return null;
  }
}

/** @param {import('../app.js').App} app @param {any} self */
function adopt(app, self) {
  app.self = self;
  app.phone.id = self.id;
}

/**
 * There are too many phones: one must go.
 * @param {import('../app.js').App} app
 * @param {Other[]} devices
 * @returns {import('../app.js').Screen}
 */
function full(app, devices) {
  const [field] = replacing(devices);
  return {
    title: t('register.full'),
    content: [
      p(t('problem.device_limit'), 'note'),
      form({
        fields: [{ ...field, options: field.options?.slice(1), check: (value) => (value ? '' : t('register.full.mistake')) }],
        act: ({ replaces }) => app.start(register, { replaces }),
      }),
    ],
  };
}

/**
 * Which of the person's phones this one replaces.
 * @param {Other[]} devices
 * @returns {import('../form.js').Field[]}
 */
function replacing(devices) {
  if (devices.length === 0) return [];
  const options = devices.map(({ id, name, last_used_at: used }) => ({
    value: id, text: t('register.replaces.one', { name, when: day(used) || '–' }),
  }));
  return [{
    name: 'replaces', label: t('register.replaces'), hint: t('register.replaces.hint'), kind: 'choice', value: '',
    options: [{ value: '', text: t('register.replaces.none') }, ...options],
  }];
}

/** @param {any} self @returns {Node | null} what a new phone may not do yet */
export function cooling(self) {
  return self?.cool_until ? p(t('register.cooling', { until: moment(self.cool_until) }), 'note') : null;
}
