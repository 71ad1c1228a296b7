/**
 * The app's words, German with Sie and English.
 * @module
 */

import { de } from './words/de.js';
import { en } from './words/en.js';

/** @type {Record<string, Record<string, string>>} */
const WORDS = { de, en };

/** @returns {'de' | 'en'} the person's choice, else the browser's language */
export function language() {
  const chosen = kept();
  if (chosen === 'de' || chosen === 'en') return chosen;
  return navigator.language.toLowerCase().startsWith('de') ? 'de' : 'en';
}

/** @returns {string | null} null also where the browser keeps nothing */
function kept() {
  try {
    return localStorage.getItem('language');
  } catch {
    return null;
  }
}

/** @param {'de' | 'en'} chosen */
export function speak(chosen) {
  localStorage.setItem('language', chosen);
}

/**
 * @param {string} key
 * @param {Record<string, string | number>} [values] for its {placeholders}
 * @returns {string}
 */
export function t(key, values = {}) {
  const text = WORDS[language()][key];
  if (text === undefined) throw new Error(`no text ${key}`);
  return text.replace(/\{(\w+)\}/g, (_, name) => String(values[name]));
}

/** @param {string} key @returns {boolean} */
export function has(key) {
  return Object.hasOwn(WORDS.de, key);
}

/** @param {string | undefined} time RFC 3339 @returns {string} as people read it */
export function moment(time) {
  if (!time) return '';
  return new Intl.DateTimeFormat(language(), { dateStyle: 'medium', timeStyle: 'short' }).format(new Date(time));
}

/** @param {string | undefined} time RFC 3339 @returns {string} the day, as people read it */
export function day(time) {
  return time ? new Intl.DateTimeFormat(language(), { dateStyle: 'medium' }).format(new Date(time)) : '';
}
