/**
 * What went wrong, in words, with what to do next (PROTOCOL §8).
 * @module
 */

import { Problem, UnreachableError } from '../protocol/problem.js';
import { BackendError } from './backend.js';
import { BiometryError, NoSecretError } from './biometry.js';
import { LoginRefusedError, SignInNeededError } from './login.js';
import { has, moment, t } from './texts.js';

/** A mistake of the person in one field. */
export class Mistake extends Error {
  /** @param {string} field @param {string} text */
  constructor(field, text) {
    super(text);
    this.field = field;
  }
}

/** Which field a problem is about, where the form has it. */
const FIELDS = Object.freeze({
  factors: 'password', match_code: 'code', password_weak: 'next', password_refused: 'next', pin_weak: 'pin',
});

/**
 * @param {unknown} error
 * @returns {{text: string, field: string, reference: string}} field: "" when it is about none
 */
export function explain(error) {
  if (error instanceof Mistake) return { text: error.message, field: error.field, reference: '' };
  if (error instanceof Problem) return explainProblem(error);
  return { text: other(error), field: '', reference: '' };
}

/** @param {unknown} error */
function other(error) {
  if (error instanceof UnreachableError) return t('problem.unreachable');
  if (error instanceof LoginRefusedError) return t('problem.login');
  if (error instanceof SignInNeededError) return t('problem.signin');
  if (error instanceof NoSecretError) return t('biometry.missing');
  if (error instanceof BiometryError) return t('biometry.failed');
  if (error instanceof BackendError && has(`backend.${error.problem}`)) {
    return t(`backend.${error.problem}`, { minutes: Math.ceil((error.retryAfter ?? 60) / 60) });
  }
  return t('problem.other');
}

/** @param {Problem} problem */
function explainProblem(problem) {
  const key = [`problem.${problem.word}.${problem.detail}`, `problem.${problem.word}`].find(has) ?? 'problem.other';
  const values = {
    seconds: problem.retryAfter ?? 5,
    until: moment(problem.until),
    state: has(`state.${problem.state}`) ? t(`state.${problem.state}`) : t('state.expired'),
  };
  const field = /** @type {Record<string, string>} */ (FIELDS)[problem.word] ?? '';
  return { text: t(key, values), field, reference: (problem.reference ?? '').replace(/^urn:schleuse:reference:/, '') };
}
