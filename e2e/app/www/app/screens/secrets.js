/** Fields for secrets, the same on every screen. @module */

import { t } from '../texts.js';

/** @typedef {import('../form.js').Field} Field */

/** The device password, as proof. @param {string} [label] @returns {Field} */
export function devicePassword(label = t('password.field')) {
  return { name: 'password', label, kind: 'password', check: (value) => (value === '' ? t('password.empty') : '') };
}

/**
 * A new password, typed twice.
 * @param {{label: string, hint?: string, repeat?: string, min?: number}} what
 * @returns {Field[]}
 */
export function newPassword({ label, hint, repeat = t('register.repeat'), min = 0 }) {
  return [
    {
      name: 'next', label, hint, kind: 'password', autocomplete: 'new-password',
      check: (value) => ([...value].length < Math.max(min, 1) ? t('problem.password_weak.too_short') : ''),
    },
    {
      name: 'repeat', label: repeat, kind: 'password', autocomplete: 'new-password',
      check: (value, { next }) => (value.normalize('NFC') === next.normalize('NFC') ? '' : t('register.repeat.mistake')),
    },
  ];
}

/** A new PIN, typed twice. @param {number} digits @returns {Field[]} */
export function newPin(digits) {
  const whole = new RegExp(`^[0-9]{${digits}}$`);
  return [
    {
      name: 'pin', label: t('pin.field'), hint: t('pin.hint', { digits }), kind: 'digits', secret: true, digits,
      check: (value) => (whole.test(value) ? '' : t('pin.mistake', { digits })),
    },
    {
      name: 'repeat', label: t('pin.repeat'), kind: 'digits', secret: true, digits,
      check: (value, { pin }) => (value === pin ? '' : t('pin.repeat.mistake')),
    },
  ];
}

/** The rules for device passwords, before typing. @param {number} min @returns {string[]} */
export function rules(min) {
  return [t('register.rule.length', { min }), t('register.rule.own'), t('register.rule.hard')];
}
