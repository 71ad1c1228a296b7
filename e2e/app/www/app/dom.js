/**
 * Elements. Every text becomes a text node: nothing that a person or a server
 * wrote is ever read as markup.
 * @module
 */

/** @typedef {Node | string | null | false | undefined} Child */

/**
 * Makes an element.
 * @param {string} tag
 * @param {Record<string, any>} [attributes] `on` holds listeners by event name; `false`, null and undefined leave an attribute out
 * @param {...(Child | Child[])} children
 * @returns {HTMLElement}
 */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === 'on') listen(element, value);
    else element.setAttribute(name, value === true ? '' : String(value));
  }
  element.append(...children.flat().filter((child) => child instanceof Node || typeof child === 'string'));
  return element;
}

/**
 * @param {HTMLElement} element
 * @param {Record<string, EventListener>} listeners
 */
function listen(element, listeners) {
  for (const [event, listener] of Object.entries(listeners)) element.addEventListener(event, listener);
}

/**
 * @param {string} text
 * @param {() => unknown} act
 * @param {string} [kind] "second" or "link"; "" is the main button
 */
export function button(text, act, kind = '') {
  return h('button', { type: 'button', class: kind || null, on: { click: () => act() } }, text);
}

/** @param {string} text */
export function p(text, kind = '') {
  return h('p', { class: kind || null }, text);
}

/**
 * @param {string[]} texts
 * @returns {HTMLElement} a list
 */
export function ul(texts) {
  return h('ul', {}, ...texts.map((text) => h('li', {}, text)));
}

/** @param {string} id @returns {HTMLElement} */
export function byId(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`no element ${id}`);
  return found;
}
