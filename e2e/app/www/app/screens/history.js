/** What the person decided, newest first. @module */

import { button, h, p } from '../dom.js';
import { language, moment, t } from '../texts.js';

const PAGE = 20;

/** @typedef {{id: string, title: {de: string, en: string}, state: string, reason?: string, created_at: string, decided_at?: string, this_device: boolean}} Past */

/**
 * @param {import('../app.js').App} app
 * @returns {Promise<import('../app.js').Screen>}
 */
export async function history(app) {
  const first = await page(app, '');
  const list = h('ul', { class: 'list' }, ...first.items);
  const more = button(t('history.more'), async () => {
    const next = await page(app, first.last);
    first.last = next.last;
    list.append(...next.items);
    next.items[0]?.focus();
    if (!next.full) more.remove();
  }, 'second');
  return {
    title: t('history.title'),
    menu: 'settings',
    content: [first.items.length === 0 ? p(t('history.none')) : list, first.full ? more : null, button(t('app.back'), () => app.start(app.routes.settings), 'second')],
  };
}

/** @param {import('../app.js').App} app @param {string} before */
async function page(app, before) {
  const { requests } = await app.phone.history({ limit: PAGE, before });
  return { items: requests.map(item), last: requests.at(-1)?.id ?? '', full: requests.length === PAGE };
}

/** @param {Past} past */
function item(past) {
  const where = past.this_device ? `, ${t('history.here')}` : '';
  const state = past.reason === 'not_me' ? t('history.notme') : t(`state.${past.state}`);
  return h('li', { class: 'card', tabindex: '-1' },
    h('h2', {}, past.title[language()]), p(state + where), p(moment(past.decided_at ?? past.created_at), 'hint'));
}
