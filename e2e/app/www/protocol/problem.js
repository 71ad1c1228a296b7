/**
 * What may come instead of an answer (PROTOCOL §8).
 * @module
 */

const PREFIX = 'urn:schleuse:problem:';

/** A refusal of the server. An app decides by `word` alone. */
export class Problem extends Error {
  /**
   * @param {number} status
   * @param {Record<string, any>} told the body
   * @param {number | null} retryAfter seconds
   */
  constructor(status, told, retryAfter) {
    super(`problem ${status}`);
    this.name = 'Problem';
    this.status = status;
    /** @type {string} */
    this.word = typeof told.type === 'string' && told.type.startsWith(PREFIX) ? told.type.slice(PREFIX.length) : '';
    if (this.word === '' && status >= 500) this.word = 'unavailable';
    /** @type {string | undefined} names the answer in the server's log */
    this.reference = told.instance;
    /** @type {string | undefined} of request_over */
    this.state = told.state;
    /** @type {string | undefined} of request_over */
    this.reason = told.reason;
    /** @type {string | undefined} of cooling, RFC 3339 */
    this.until = told.until;
    /** @type {{id: string, name: string, last_used_at?: string}[]} of device_limit: what may be replaced */
    this.devices = told.devices ?? [];
    /** @type {string} of password_weak and the like: why */
    this.detail = told.errors?.[0]?.detail ?? '';
    this.retryAfter = retryAfter;
  }

  /**
   * @param {Response} response
   * @returns {Promise<Problem>}
   */
  static async from(response) {
    const told = await response.json().catch(() => ({}));
    const seconds = Number.parseInt(response.headers.get('Retry-After') ?? '', 10);
    return new Problem(response.status, told ?? {}, Number.isNaN(seconds) ? null : seconds);
  }
}

/** No answer came. Whether the call was heard is not known. */
export class UnreachableError extends Error {
  /** @param {unknown} cause */
  constructor(cause) {
    super('no answer came', { cause });
    this.name = 'UnreachableError';
  }
}

/**
 * @param {unknown} error
 * @param {...string} words
 * @returns {error is Problem} whether it is one of these problems
 */
export function isProblem(error, ...words) {
  return error instanceof Problem && words.includes(error.word);
}
