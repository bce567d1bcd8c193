import { BASES, type TokenRecipe } from './compact.ts'
import { NOW, RESOURCE } from './issuers.ts'
import { publicJwk, TEST_KEYS } from './keys.ts'

/** A case and its outcome: `accepted`, or the codes of which one is right. */
export interface Regression {
  readonly subject: string
  readonly input: unknown
  readonly expected: readonly string[]
}

/** A good token with some text in it replaced before it is signed. */
function token(name: string, changes: Partial<Record<'header' | 'payload', readonly [string, string]>>): TokenRecipe {
  const base = BASES.get(name)
  if (!base) throw new Error(`no base ${name}`)
  const { header, payload, signer } = base
  return {
    header: header.replace(...(changes.header ?? ['', ''])),
    payload: payload.replace(...(changes.payload ?? ['', ''])),
    signer,
  }
}

function claim(text: string, name = 'a-ed'): TokenRecipe {
  return token(name, { payload: ['{', `{${text},`] })
}

function exp(text: string): TokenRecipe {
  return token('a-ed', { payload: [`${NOW + 300}`, text] })
}

function typ(text: string): TokenRecipe {
  return token('a-ed', { header: ['at+jwt', text] })
}

const MALFORMED = ['token_malformed']
const tokens: readonly (readonly [input: TokenRecipe, ...expected: string[]])[] = [
  // Time, on both sides of each bound.
  [exp(`${NOW - 9.999}`), 'accepted'],
  [exp(`${NOW - 10}`), 'token_expired'],
  [claim(`"nbf":${NOW + 10}`), 'accepted'],
  [claim(`"nbf":${NOW + 10.001}`), 'token_not_yet_valid'],
  [claim('"nbf":null'), 'accepted'],
  [exp('1e999'), ...MALFORMED],
  [exp('9007199254740993'), 'claim_invalid'],
  [exp(`${NOW + 300}000`), 'claim_invalid'],
  [exp(`"${NOW + 300}"`), 'claim_invalid'],
  // One name, two spellings.
  [claim(`"e\\u0078p":${NOW + 9_000}`), ...MALFORMED],
  [claim(`"a":{"b":1,"\\u0062":1}`), ...MALFORMED],
  [claim(`"a":{"b":1},"c":{"b":1}`), 'accepted'],
  [claim('"__proto__":{}'), ...MALFORMED],
  [claim('"__pr\\u006fto__":{}'), ...MALFORMED],
  [claim('"constructor":{"prototype":{}}'), 'accepted'],
  [claim(`"a":":\\\\\\":,\\\\"`), 'accepted'],
  // The object of all claims is the first level of 64.
  [claim(`"a":${'['.repeat(63)}${']'.repeat(63)}`), 'accepted'],
  [claim(`"a":${'['.repeat(64)}${']'.repeat(64)}`), ...MALFORMED],
  // Bytes.
  [token('a-ed', { payload: ['{', '\xef\xbb\xbf{'] }), ...MALFORMED],
  [claim('"a":"\xc0\x80"'), ...MALFORMED],
  [claim('"a":"\xed\xa0\x80"'), ...MALFORMED],
  [claim('"a":"\\ud83d\\udc3b"'), 'accepted'],
  [claim('"a":"\\ud800"'), 'token_malformed'],
  [token('a-ed', { payload: ['{', ' \n{'] }), 'accepted'],
  [token('a-ed', { header: ['{', ' {'] }), ...MALFORMED],
  // The header.
  [typ('Application/At+Jwt'), 'accepted'],
  [typ('application/application/at+jwt'), 'token_type_wrong'],
  [typ('at+jwt '), 'token_type_wrong'],
  [token('a-ed', { header: ['{', '{"crit":[],'] }), ...MALFORMED],
  [token('a-ed', { header: ['{', '{"b64":null,'] }), ...MALFORMED],
  [token('a-ed', { header: ['"kid":"ed"', '"kid":null'] }), ...MALFORMED],
  [token('a-ed', { header: ['Ed25519', 'EdDSA'] }), 'algorithm_refused'],
  [token('c-ed', { header: ['Ed25519', 'EdDSA'] }), 'accepted'],
  [token('a-es', { header: ['ES256', 'none'] }), 'algorithm_refused'],
  [{ ...token('a-es', { header: ['ES256', 'HS256'] }), signer: 'hmac' }, 'algorithm_refused'],
  [token('d-es-2', { header: ['"kid":"twin",', ''] }), 'accepted'],
  // Two issuers share this kid.
  [{ ...token('a-es', {}), signer: 'b-es' }, 'signature_invalid'],
  [{ ...token('b-rs', { header: ['RS256', 'PS256'] }), signer: 'b-rs:PS256' }, 'accepted'],
  // Signatures.
  [{ ...token('a-es', {}), fault: 'high-s' }, 'accepted'],
  [{ ...token('a-es', {}), fault: 'der' }, 'signature_invalid'],
  [{ ...token('a-es', {}), fault: 'zeros' }, 'signature_invalid'],
  [{ ...token('a-es', {}), fault: 'empty' }, ...MALFORMED],
  [{ ...token('a-ed', {}), edits: [{ part: 2, spelling: 'spare-bits' }] }, ...MALFORMED],
  [{ ...token('a-ed', {}), edits: [{ part: 2, spelling: 'padded' }] }, ...MALFORMED],
  [{ ...token('a-ed', {}), edits: [{ part: 2, of: 'c-ed' }] }, 'signature_invalid'],
  // Recipients and types.
  [token('a-ed', { payload: [`"${RESOURCE}"`, `["b","${RESOURCE}"]`] }), 'accepted'],
  [token('a-ed', { payload: [`"${RESOURCE}"`, `["${RESOURCE}",1]`] }), 'claim_invalid'],
  [token('a-ed', { payload: [`"${RESOURCE}"`, `"${RESOURCE}/"`] }), 'audience_mismatch'],
  [token('c-ed', { payload: ['client-1', 'client-2'] }), 'client_refused'],
  [claim('"scp":[1]'), 'accepted'],
  [claim('"cnf":{}'), 'binding_mismatch'],
  // An empty subject is none.
  [token('a-ed', { payload: ['"user-1"', '""'] }), 'claim_missing'],
  [token('b-es', { payload: ['"user-1"', '""'] }), 'accepted'],
  // What only informs refuses nothing.
  [claim('"auth_time":"2026-01-01T00:00:00.000Z","amr":"pwd","acr":1'), 'accepted'],
  [claim('"auth_time":9007199254740993,"amr":["pwd",1],"acr":""'), 'accepted'],
  [claim('"nonce":"a"', 'b-es'), 'token_type_wrong'],
  [claim('"nonce":"a"'), 'accepted'],
  [claim('"nonce":"a","typ":"Bearer"', 'b-es'), 'accepted'],
  [claim('"nonce":"a","typ":"bearer"', 'b-es'), 'token_type_wrong'],
  [claim('"nonce":"a","token_use":"access"', 'c-ed'), 'accepted'],
  [claim('"nonce":"a","scp":"openid orders"', 'b-es'), 'accepted'],
  [claim('"nonce":"a","scp":["openid email"]', 'b-es'), 'token_type_wrong'],
  [claim('"nonce":"a","scp":["orders",1]', 'b-es'), 'token_type_wrong'],
  [claim('"nonce":"a","scp":"orders","azp":"api://orders"', 'b-es'), 'token_type_wrong'],
  [claim('"nonce":"a","typ":"Bearer","at_hash":"a"', 'b-es'), 'token_type_wrong'],
]

const CONTENT_TYPE = 'application/x-www-form-urlencoded'
const requests: readonly (readonly [input: unknown, ...expected: string[]])[] = [
  [request([['Authorization', '\t bEARER   {a-ed}\t']]), 'accepted'],
  [request([['Authorization', 'Bearer\t{a-ed}']]), 'credentials_malformed'],
  [request([['Authorization', 'Bearer {a-ed},']]), 'credentials_malformed', 'credentials_ambiguous'],
  [request([['Authorization', 'Basic abc, Bearer {a-ed}']]), 'credentials_ambiguous'],
  [
    request([
      ['Authorization', 'Bearer {a-ed}'],
      ['authorization', ''],
    ]),
    'credentials_ambiguous',
  ],
  [{ ...request([['Content-Type', CONTENT_TYPE]]), method: 'POST', form: 'access%5Ftoken={a-ed}' }, 'accepted'],
  [{ ...request([['Content-Type', CONTENT_TYPE]]), method: 'GET', form: 'access_token={a-ed}' }, 'credentials_missing'],
  [{ ...request([]), url: `${RESOURCE}/?access_token={a-ed}` }, 'credentials_missing'],
]

function request(headers: readonly (readonly [string, string])[]) {
  return { kind: 'object', method: 'GET', url: RESOURCE, headers }
}

const ACTIVE = `{"active":true,"token_type":"Bearer","aud":"${RESOURCE}"}`
const answers: readonly (readonly [body: string, ...expected: string[]])[] = [
  [ACTIVE, 'accepted'],
  [ACTIVE.replace('true', '"true"'), 'issuer_unavailable'],
  [ACTIVE.replace('{', '{"active":true,'), 'issuer_unavailable'],
  [ACTIVE.replace('{', '{"exp":1e999,'), 'issuer_unavailable'],
  [ACTIVE.replace('{', '{"sub":"",'), 'accepted'],
  [ACTIVE.replace('{', '{"sub":7,'), 'issuer_unavailable'],
  [ACTIVE.replace('{', '{"username":7,"auth_time":"","amr":"pwd","acr":[],'), 'accepted'],
  [ACTIVE.replace('{', '\xef\xbb\xbf{'), 'issuer_unavailable'],
  [ACTIVE.replace('{', `{"exp":${NOW - 10},`), 'token_expired'],
  [ACTIVE.replace('{', `{"exp":0,"iat":${NOW - 10},`), 'token_expired'],
  [ACTIVE.replace('{', `{"exp":${NOW - 9},"iat":${NOW - 9},`), 'accepted'],
  [ACTIVE.replace('{', `{"exp":${NOW - 9},"iat":${NOW - 8},`), 'token_expired'],
  [ACTIVE.replace('{', `{"exp":${NOW + 1},"iat":${NOW + 2},`), 'issuer_unavailable'],
  [ACTIVE.replace('{', '{"exp":0,"iat":"","aud":7,').replace(/"aud":"[^"]*"/, '"sub":7'), 'token_expired'],
  [ACTIVE.replace('Bearer', 'DPoP'), 'binding_mismatch'],
  [ACTIVE.replace('Bearer', 'refresh_token'), 'token_type_wrong'],
  [ACTIVE.replace('token_type', 'token_typ'), 'accepted'],
  [ACTIVE.replace('aud', 'aud '), 'audience_mismatch'],
  ['{"active":false}', 'token_inactive'],
]

const { d: _, ...ES } = TEST_KEYS['a-es']
const sets: readonly (readonly [keys: unknown, ...expected: string[]])[] = [
  [[ES], 'accepted'],
  [[null, { kty: 'oct', k: 'AAAA' }, { ...ES, use: 'enc' }, ES], 'accepted'],
  [[{ ...ES, kid: undefined }], 'key_unknown'],
  [[{ ...ES, y: ES.x }], 'issuer_unavailable'],
  [[TEST_KEYS['a-es']], 'issuer_unavailable'],
  [[], 'issuer_unavailable'],
  [{ a: ES }, 'issuer_unavailable'],
]

const LOGIN = 'https://login.example.com'
const documents: readonly (readonly [document: unknown, ...expected: string[]])[] = [
  [{ issuer: LOGIN, jwks_uri: 'https://keys.example.com' }, 'accepted'],
  [{ issuer: `${LOGIN}/`, jwks_uri: 'https://keys.example.com' }, 'issuer_unavailable'],
  [{ issuer: LOGIN, jwks_uri: 'https://[::ffff:127.0.0.1]/jwks' }, 'issuer_unavailable'],
  [{ issuer: LOGIN, jwks_uri: 'http://keys.example.com' }, 'issuer_unavailable'],
  [{ issuer: LOGIN, jwks_uri: ['https://keys.example.com'] }, 'issuer_unavailable'],
]
/** What the first address answers while the second has this issuer's metadata. */
const firstDocuments: readonly (readonly [document: unknown, ...expected: string[]])[] = [
  [{ error: 'not_found' }, 'accepted'],
  [{ issuer: `${LOGIN}/`, jwks_uri: 'https://attacker.example' }, 'accepted'],
  [[], 'accepted'],
  [{ issuer: LOGIN, jwks_uri: 'http://keys.example.com' }, 'issuer_unavailable'],
]

function answer(body: string): object {
  return { status: 200, contentType: 'application/json', body }
}

const OUTAGE = 'issuer_unavailable'
const NOW_MS = NOW * 1000
const DAY_MS = 86_400_000
const fresh = {
  originMs: NOW_MS - 1,
  expiresMs: NOW_MS + 1,
  data: { document: { keys: [publicJwk('a-es')] }, maxAgeSeconds: 600 },
}
/** Entries of a shared tier, how they are sealed, and what becomes of a good token while the issuer is down. */
const entries: readonly (readonly [entry: unknown, seal: string | undefined, ...expected: string[]])[] = [
  [fresh, undefined, 'accepted'],
  [fresh, 'none', 'accepted'],
  [fresh, 'none at all', OUTAGE],
  [fresh, 'another name', OUTAGE],
  [fresh, 'another secret', OUTAGE],
  [fresh, 'changed', OUTAGE],
  [fresh, 'cut', OUTAGE],
  [{ ...fresh, originMs: NOW_MS - DAY_MS + 1 }, undefined, 'accepted'],
  [{ ...fresh, originMs: NOW_MS - DAY_MS }, undefined, OUTAGE],
  [{ ...fresh, originMs: NOW_MS + 60_000 }, undefined, 'accepted'],
  [{ ...fresh, originMs: NOW_MS + 60_001 }, undefined, OUTAGE],
  [{ ...fresh, expiresMs: NOW_MS }, undefined, OUTAGE],
  [{ ...fresh, expiresMs: 2 ** 53 }, undefined, OUTAGE],
  [{ ...fresh, data: { document: { keys: [publicJwk('b-es')] } } }, undefined, OUTAGE],
  [
    { ...fresh, data: { document: { keys: [{ kty: 'RSA', kid: 'es', e: 'AQAB', n: 'a'.repeat(2_732) }] } } },
    'none',
    OUTAGE,
  ],
  [{ ...fresh, data: [] }, undefined, OUTAGE],
]

/**
 * What the fuzzer found once, as it printed it, and the cases that came closest to the edge: each is run in every runtime,
 * and must come out as written here.
 */
export const REGRESSIONS: readonly Regression[] = [
  ...tokens.map(([input, ...expected]) => ({ subject: 'tokens', input, expected })),
  ...requests.map(([input, ...expected]) => ({ subject: 'requests', input, expected })),
  ...answers.map(([body, ...expected]) => ({
    subject: 'introspection',
    input: { prefix: 'one_', ...answer(body) },
    expected,
  })),
  ...sets.map(([keys, ...expected]) => ({
    subject: 'key-sets',
    input: { token: 'a-es', ...answer(JSON.stringify({ keys })) },
    expected,
  })),
  ...documents.map(([document, ...expected]) => ({
    subject: 'metadata',
    input: { first: answer(JSON.stringify(document)) },
    expected,
  })),
  ...firstDocuments.map(([document, ...expected]) => ({
    subject: 'metadata',
    input: {
      first: answer(JSON.stringify(document)),
      second: answer(JSON.stringify({ issuer: LOGIN, jwks_uri: 'https://keys.example.com' })),
    },
    expected,
  })),
  ...entries.map(([entry, seal, ...expected]) => ({
    subject: 'tiers',
    input: {
      token: 'a-es',
      entry: JSON.stringify(entry),
      ...(seal !== undefined && { seal: { fault: seal, at: 30 } }),
    },
    expected,
  })),
]
