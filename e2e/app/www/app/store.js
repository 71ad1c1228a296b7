/**
 * What stays on this phone: its id, its keys (which the browser does not hand
 * out), and the person's language. No token, no secret, nothing that was read.
 * @module
 */

const DATABASE = 'kundenapp';
const SHELF = 'kept';

/**
 * @typedef {object} Kept
 * @property {CryptoKeyPair} pair the device key
 * @property {string} id of the phone, "" before it is registered
 * @property {import('./biometry.js').Biometry} [biometry]
 */

/** @returns {Promise<IDBDatabase>} */
function open() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(DATABASE, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(SHELF);
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/**
 * @template T
 * @param {IDBTransactionMode} mode
 * @param {(shelf: IDBObjectStore) => IDBRequest<T>} act
 * @returns {Promise<T>} once it is on the disk
 */
async function on(mode, act) {
  const database = await open();
  try {
    return await new Promise((resolve, reject) => {
      const transaction = database.transaction(SHELF, mode, { durability: 'strict' });
      const request = act(transaction.objectStore(SHELF));
      transaction.oncomplete = () => resolve(request.result);
      transaction.onabort = transaction.onerror = () => reject(transaction.error);
    });
  } finally {
    database.close();
  }
}

/** @returns {Promise<Kept | undefined>} */
export function load() {
  return on('readonly', (shelf) => shelf.get('phone'));
}

/** @param {Kept} kept */
export function save(kept) {
  return on('readwrite', (shelf) => shelf.put(kept, 'phone'));
}

/** Forgets the phone: its keys are gone for good. */
export function forget() {
  return on('readwrite', (shelf) => shelf.delete('phone'));
}
