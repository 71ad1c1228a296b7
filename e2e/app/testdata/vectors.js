// Checks the protocol modules against the vectors of PROTOCOL §13. It returns
// what failed, a line each; an empty text is a pass.
import * as bytes from '/protocol/bytes.js';
import * as dpop from '/protocol/dpop.js';
import * as jws from '/protocol/jws.js';
import * as keys from '/protocol/keys.js';
import * as messages from '/protocol/messages.js';
import * as request from '/protocol/request.js';
import * as seal from '/protocol/seal.js';

const BASE = 'https://login.kasse.example/schleuse/device/v1';
const DEVICE = 'mzxw6ytboi3dgnbvgy3tqojqge';
const NONCE = 'AX8yq0dmV1Jm9k2w';
const IAT = 1796119200;

const failures = [];
let checked = 0;

function same(what, got, want) {
  checked++;
  if (got !== want) failures.push(`${what}: ${got}, want ${want}`);
}

async function vector(name) {
  return (await fetch(`/vectors/${name}.json`)).json();
}

const hex = (raw) => [...raw].map((b) => b.toString(16).padStart(2, '0')).join('');

const publicHalf = ({ crv, kty, x, y }) => ({ crv, kty, x, y });

const signer = (jwk) => crypto.subtle.importKey('jwk', jwk, { name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign']);

/** The given signature holds, and one made here over the same payload too. */
async function signed(what, given, payload, key) {
  const public_ = await keys.verifier(key);
  same(`${what}: signature`, await jws.verify(given, public_), true);
  const read = jws.parts(given);
  same(`${what}: payload`, read.payload, payload);
  const own = await jws.signText(await signer(key), read.header, payload);
  same(`${what}: signing input`, own.slice(0, own.lastIndexOf('.')), given.slice(0, given.lastIndexOf('.')));
  same(`${what}: own signature`, await jws.verify(own, public_), true);
  same(`${what}: another payload`, await jws.verify(given.replace(/\.[^.]*\./, '.e30.'), public_), false);
}

async function thumbprints() {
  for (const { jwk, thumbprint } of (await vector('thumbprint')).keys) same('thumbprint', await keys.thumbprint(jwk), thumbprint);
}

async function proofs() {
  const v = await vector('dpop');
  await signed('proof', v.proof, v.payload, v.device_key);
  const call = { method: v.method, url: v.url, nonce: v.nonce, token: v.access_token, body: v.body, iat: IAT, jti: 'Zm9vYmFyYmF6cXV4MTIzNA' };
  same('claims of a proof', JSON.stringify(await dpop.claims(call)), v.payload);
  const own = await dpop.proof({ ...call, key: await signer(v.device_key), jwk: publicHalf(v.device_key) });
  same('own proof', own.slice(0, own.lastIndexOf('.')), v.signing_input);
}

async function registrations() {
  const v = await vector('registration');
  await signed('registration', v.registration, v.payload, v.device_key);
  const payload = messages.registration({
    base: BASE, device: DEVICE, ticket: 'dGlja2V0', jwk: publicHalf(v.device_key), name: 'Telefon von Erika', platform: 'android', iat: IAT,
  });
  same('own registration', JSON.stringify(payload), v.payload);
  same('hash of a registration', await bytes.digest(v.registration), v.registration_sha256);
}

async function orders() {
  const v = await vector('order');
  for (const order of v.orders) {
    const { purpose } = JSON.parse(order.payload);
    await signed(purpose, order.order, order.payload, v[order.signed_by]);
    const jwk = purpose === 'set-biometric' ? publicHalf(v.biometric_key) : JSON.parse(order.payload).jwk;
    same(`own ${purpose}`, JSON.stringify(messages.order({ base: BASE, device: DEVICE, purpose, nonce: NONCE, jwk, iat: IAT })), order.payload);
  }
  const r = await vector('rotation');
  await signed('rotation by the old key', r.order, r.payload, r.old_key);
  await signed('rotation by the new key', r.order_by_new_key, r.payload, r.new_key);
}

async function answers() {
  const v = await vector('answer');
  const shown = (await vector('request')).request;
  const wanted = [{ decision: 'approve', code: '472' }, { decision: 'deny', reason: 'by_person' }, { decision: 'deny', reason: 'not_me' }];
  for (const [i, one] of v.answers.entries()) {
    await signed('answer', one.answer, one.payload, v.device_key);
    same('own answer', JSON.stringify(await messages.answer({ request: shown, ...wanted[i], iat: IAT })), one.payload);
    for (const password of [undefined, { kid: '3f9a01c2', enc: 'x'.repeat(87), ct: 'y'.repeat(40) }]) {
      same('size of an answer', new TextEncoder().encode(messages.answerBody(one.answer, password)).length, 2048);
    }
  }
}

async function requests() {
  const v = await vector('request');
  const expected = { keys: [{ ...publicHalf(v.server_key), kid: v.kid }], base: BASE, device: DEVICE, id: 'ge3dqnzzgyydcmrtgq2tmnzyhe' };
  same('hash of a request', await bytes.digest(v.request), v.request_sha256);
  same('a request', (await request.check(v.request, expected)).fields[0].value, 'Am Deich 1, 26721 Emden');
  const key = await signer(v.server_key);
  const header = { alg: 'ES256', typ: 'schleuse-request+jwt', kid: v.kid };
  const payload = JSON.parse(v.payload);
  const forged = (change, head = {}) => jws.sign(key, { ...header, ...head }, { ...payload, ...change });
  const refused = {
    'another id': [v.request, { id: 'another' }],
    'another phone': [v.request, { device: 'another' }],
    'another base': [v.request, { base: `${BASE}/` }],
    'no keys': [v.request, { keys: [] }],
    'a key of another name': [v.request, { keys: [{ ...expected.keys[0], kid: 'x' }] }],
    'another key': [v.request, { keys: [{ ...publicHalf((await vector('rotation')).new_key), kid: v.kid }] }],
    'a member more': [await forged({ note: 'x' }), {}],
    'a member less': [await forged({ refused: undefined }), {}],
    'another version': [await forged({ v: 2 }), {}],
    'another algorithm': [await forged({}, { alg: 'none' }), {}],
    'another type': [await forged({}, { typ: 'JWT' }), {}],
    'a header member more': [await forged({}, { crit: [] }), {}],
    'a field with a member more': [await forged({ fields: [{ ...payload.fields[0], style: 'x' }] }), {}],
    'a title without English': [await forged({ title: { de: 'x' } }), {}],
    'a code that is no number': [await forged({ match_code: '3' }), {}],
    'no JWS': ['abc', {}],
    'two parts': ['a.b', {}],
    'an altered payload': [v.request.replace(/\.[^.]*\./, `.${bytes.encode(bytes.utf8(JSON.stringify({ ...payload, match_code: 0 })))}.`), {}],
  };
  for (const [what, [text, other]] of Object.entries(refused)) {
    const got = await request.check(text, { ...expected, ...other }).then(() => 'taken', (e) => e.name);
    same(`a request with ${what}`, got, 'UntrustedError');
  }
}

async function seals() {
  const v = await vector('seal');
  const private_ = await crypto.subtle.importKey('jwk', v.ephemeral_key, { name: 'ECDH', namedCurve: 'P-256' }, false, ['deriveBits']);
  const ephemeral = { privateKey: private_, publicKey: await keys.recipient(publicHalf(v.ephemeral_key)) };
  same('aad', await seal.aad(DEVICE, v.purpose, v.order), v.aad);
  const got = await seal.sealWith(v.seal_key, ephemeral, v.plaintext.normalize('NFD'), v.aad);
  const steps = { enc: 'enc', dh: 'dh', eaePrk: 'eae_prk', sharedSecret: 'shared_secret', key: 'key', baseNonce: 'base_nonce', ct: 'ct' };
  for (const [own, name] of Object.entries(steps)) same(name, hex(got[own]), v[name]);
  const sealed = await seal.seal({ ...publicHalf(v.seal_key), kid: 'k' }, 'x', v.aad);
  same('a sealed secret', `${sealed.kid} ${bytes.decode(sealed.enc).length} ${bytes.decode(sealed.ct).length}`, 'k 65 17');
  const off = { ...publicHalf(v.seal_key), x: v.seal_key.y };
  same('a point off the curve', await seal.seal(off, 'x', v.aad).then(() => 'taken', () => 'refused'), 'refused');
}

async function base64url() {
  for (const text of ['AA==', 'A', 'AB', 'A A', 'A+', 'A/']) {
    let got = 'taken';
    try { bytes.decode(text); } catch { got = 'refused'; }
    same(`base64url ${text}`, got, 'refused');
  }
  same('base64url', bytes.encode(bytes.decode('-_8')), '-_8');
}

/** @returns {Promise<string>} */
export async function run() {
  for (const part of [thumbprints, proofs, registrations, orders, answers, requests, seals, base64url]) {
    await part().catch((e) => failures.push(`${part.name}: ${e.stack}`));
  }
  if (checked < 100) failures.push(`only ${checked} things were checked`);
  return failures.join('\n');
}
