/**
 * Starts the app: keeps the shell, takes what the gate sent back, and shows
 * where the person is.
 * @module
 */

import { isProblem, UnreachableError } from '../protocol/problem.js';
import { App } from './app.js';
import { button, byId, h, p } from './dom.js';
import { address } from './screens/address.js';
import { inbox } from './screens/inbox.js';
import { locked, unlock } from './screens/locked.js';
import { open } from './screens/open.js';
import { phones } from './screens/phones.js';
import { setPin } from './screens/pin.js';
import { register } from './screens/register.js';
import { settings } from './screens/settings.js';
import { trouble } from './screens/trouble.js';
import { unknown } from './screens/unknown.js';
import { welcome } from './screens/welcome.js';
import { t } from './texts.js';

const ROUTES = Object.freeze({ welcome, open, inbox, address, phones, settings, setPin, locked, unknown });

const WORKER = '/worker.js';

async function keepShell() {
  if (!('serviceWorker' in navigator)) return;
  // Trusted Types, where the browser has them, let this one script through.
  const types = /** @type {any} */ (globalThis).trustedTypes;
  const policy = types?.createPolicy('kundenapp', { createScriptURL: () => WORKER });
  await navigator.serviceWorker.register(policy?.createScriptURL(WORKER) ?? WORKER, { updateViaCache: 'none' });
}

async function main() {
  const config = await (await fetch('/config.json')).json();
  const app = new App(config, ROUTES);
  await app.load();
  let intent = '';
  try {
    intent = await app.login.finish();
    const left = app.login.left();
    if (left) return void app.signIn(left);
  } catch (error) {
    await app.start(trouble, { error, again: () => begin(app, '') });
    return;
  }
  await begin(app, intent);
}

/**
 * @param {App} app
 * @param {string} intent with which the person comes from the gate
 */
async function begin(app, intent) {
  if (!app.isRegistered) return app.start(intent === 'register' ? register : welcome, { intent });
  if (intent === 'unlock') return app.start(unlock);
  app.wanted = intent;
  try {
    const self = await app.refresh();
    if (self.state === 'locked') return app.start(locked);
    if (!self.pin_set) return app.start(setPin, { why: 'missing' });
  } catch (error) {
    if (isProblem(error, 'device_unknown')) return app.start(unknown);
    if (error instanceof UnreachableError) app.connection.lost();
  }
  return app.start(open);
}

/** A browser that keeps nothing, or has no cryptography here, has no app. */
function impossible() {
  byId('main').replaceChildren(h('h1', {}, t('app.impossible')), p(t('app.impossible.what')), button(t('app.again'), () => location.reload()));
}

keepShell().catch(() => {}); // without it the app works, but not before the network does
main().catch(impossible);
