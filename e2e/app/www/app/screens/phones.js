/** The person's phones. @module */

import { button, h, p } from '../dom.js';
import { form } from '../form.js';
import { day, moment, t } from '../texts.js';

/** @typedef {import('../app.js').App} App */
/** @typedef {{id: string, name: string, state: string, created_at: string, last_used_at?: string, cool_until?: string, this?: boolean}} Listed */

/** @param {App} app @returns {Promise<import('../app.js').Screen>} */
export async function phones(app) {
  const { devices, limit } = await app.phone.devices();
  const items = devices.map((/** @type {Listed} */ device) => h('li', { class: 'card' }, ...one(app, device)));
  return {
    title: t('phones.title'),
    menu: 'phones',
    content: [
      p(t('phones.limit', { limit })),
      h('ul', { class: 'list' }, ...items),
      app.config.devices ? h('p', {}, h('a', { href: app.config.devices, target: '_blank', rel: 'noopener noreferrer' }, t('phones.web'))) : null,
      app.config.devices ? p(t('phones.web.hint'), 'hint') : null,
    ],
  };
}

/** @param {App} app @param {Listed} device */
function one(app, device) {
  const { name, state, created_at: since, last_used_at: used, cool_until: until } = device;
  const alive = state !== 'blocked';
  return [
    h('h2', {}, name),
    device.this ? h('p', {}, h('strong', {}, t('phones.this'))) : null,
    p(t(`phones.${state}`)),
    used ? p(t('phones.used', { when: day(used) }), 'hint') : null,
    p(t('phones.since', { when: day(since) }), 'hint'),
    until && alive ? p(t('phones.cooling', { until: moment(until) }), 'hint') : null,
    alive ? button(t('phones.rename', { name }), () => app.go(rename, { device }), 'link') : null,
    alive ? button(t('phones.block', { name }), () => app.go(block, { device }), 'link') : null,
  ].filter((child) => child !== null);
}

/** @param {App} app @param {{device: Listed}} given @returns {import('../app.js').Screen} */
function rename(app, { device }) {
  return {
    title: t('rename.title'),
    menu: 'phones',
    content: [
      form({
        submit: t('rename.submit'),
        fields: [{ name: 'name', label: t('register.name'), hint: t('register.name.hint'), value: device.name, check: (name) => (name.trim() ? '' : t('register.empty')) }],
        failed: (error) => app.failed(error),
        act: async ({ name }) => {
          await app.phone.rename(device.id, name.trim());
          app.say(t('rename.done'));
          await app.start(phones);
        },
      }),
      button(t('app.cancel'), () => app.back(), 'second'),
    ],
  };
}

/** @param {App} app @param {{device: Listed}} given @returns {import('../app.js').Screen} */
function block(app, { device }) {
  const { name } = device;
  return {
    title: t('block.title', { name }),
    menu: 'phones',
    content: [
      device.this ? p(t('block.this'), 'warning') : null,
      p(t('block.what')),
      form({
        submit: t('block.submit'), fields: [], failed: (error) => app.failed(error),
        act: async () => {
          await app.phone.block(device.id);
          app.say(t('block.done', { name }));
          if (!device.this) return app.start(phones);
          await app.forget();
          return app.start(gone);
        },
      }),
      button(t('app.cancel'), () => app.back(), 'second'),
    ],
  };
}

/** @param {App} app @returns {import('../app.js').Screen} */
function gone(app) {
  return { title: t('block.gone'), content: [p(t('block.gone.what')), button(t('welcome.signin'), () => app.start(app.routes.welcome))] };
}
