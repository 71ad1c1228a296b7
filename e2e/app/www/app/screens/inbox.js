/** What waits for the person. It changes by itself. @module */

import { h, p } from '../dom.js';
import { language, t } from '../texts.js';
import { request } from './request.js';

/**
 * @param {import('../app.js').App} app
 * @returns {import('../app.js').Screen}
 */
export function inbox(app) {
  const list = h('div', { 'aria-live': 'polite' });
  const draw = () => list.replaceChildren(...shown(app));
  draw();
  addEventListener('inbox', draw);
  return { title: t('inbox.title'), content: [list], menu: 'inbox', leave: () => removeEventListener('inbox', draw) };
}

/** @param {import('../app.js').App} app @returns {Node[]} */
function shown(app) {
  const now = app.watch.inbox;
  if (!now || now.count === 0) return [p(t('inbox.none'))];
  const items = now.requests.map((waiting) => h('li', {}, item(app, waiting)));
  return [p(now.count === 1 ? t('inbox.count') : t('inbox.counts', { count: now.count })), h('ul', { class: 'list' }, ...items)];
}

/** @param {import('../app.js').App} app @param {import('../watch.js').Waiting} waiting */
function item(app, waiting) {
  const title = waiting.title?.[language()] ?? t('inbox.hidden');
  const minutes = Math.max(1, Math.round(waiting.expires_in / 60));
  return h('button', { type: 'button', class: 'second', on: { click: () => app.go(request, { id: waiting.id }) } },
    h('strong', {}, title), h('span', { class: 'hint' }, t('inbox.left', { minutes })), h('span', {}, t('inbox.open')));
}
