// The demo must not call anything fine that is not.

import { createServer, type Server } from 'node:http'
import { afterEach, expect, test } from 'vitest'
import { parseChallenge } from '../../demo/challenge.ts'
import type { Credentials } from '../../demo/credentials.ts'
import { metadataUrl, type Row } from '../../demo/expectations.ts'
import { closeServer, listen } from '../../demo/ports.ts'
import { runRows, type Outcome } from '../../demo/run.ts'
import { layOut, type Table } from '../../demo/table.ts'

const refusedRow: Row = {
  as: 'expired',
  method: 'GET',
  path: '/orders',
  expect: { status: 401, code: 'token_expired', challenge: { error: 'invalid_token', scope: 'orders:read' } },
}
const challenge = `Bearer error="invalid_token", scope="orders:read", resource_metadata="${metadataUrl}"`

let server: Server | undefined

afterEach(async () => {
  if (server) await closeServer(server)
  server = undefined
})

function outcomeOf(row: Row, status: number, header: string | undefined, body: object): Promise<Outcome> {
  return outcomeWith(row, status, header === undefined ? {} : { 'www-authenticate': header }, body)
}

async function outcomeWith(row: Row, status: number, headers: Record<string, string>, body: object): Promise<Outcome> {
  server = createServer((_, response) => void response.writeHead(status, headers).end(JSON.stringify(body)))
  const port = await listen(server, 0)
  const [outcome] = await runRows(`http://127.0.0.1:${port}`, [row], { expired: 'token' } as Credentials)
  return outcome!
}

const expired = { code: 'token_expired' }

test('an answer as expected differs in nothing', async () => {
  const outcome = await outcomeOf(refusedRow, 401, challenge, expired)
  expect(outcome.differences).toEqual([])
})

test.each<[string, number, string | undefined, object, string]>([
  ['status', 200, challenge, expired, 'status: expected 401, got 200'],
  ['reason', 401, challenge, { code: 'token_malformed' }, 'code: expected "token_expired", got "token_malformed"'],
  ['scheme', 401, challenge.replace('Bearer', 'DPoP'), expired, 'scheme: expected "Bearer", got "DPoP"'],
  ['error', 401, challenge.replace('invalid_token', 'x'), expired, 'error: expected "invalid_token", got "x"'],
  ['scope', 401, challenge.replace('orders:read', 'x'), expired, 'scope: expected "orders:read", got "x"'],
  [
    'metadata',
    401,
    challenge.replace(metadataUrl, 'x'),
    expired,
    `resource_metadata: expected "${metadataUrl}", got "x"`,
  ],
  ['grammar', 401, `${challenge} junk`, expired, 'challenge: not one by the grammar'],
  ['presence', 401, undefined, expired, 'scheme: expected "Bearer", got none'],
])('another %s is a difference', async (_, status, header, body, difference) => {
  const outcome = await outcomeOf(refusedRow, status, header, body)
  expect(outcome.differences.join('\n')).toContain(difference)
})

test('a challenge where none belongs is a difference', async () => {
  const row: Row = { as: 'expired', method: 'GET', path: '/orders', expect: { status: 200 } }
  expect((await outcomeOf(row, 200, challenge, {})).differences).not.toEqual([])
  expect((await outcomeOf(row, 200, undefined, {})).differences).toEqual([])
})

const outageRow: Row = {
  as: 'expired',
  method: 'GET',
  path: '/orders',
  expect: { status: 503, code: 'issuer_unavailable', retryAfter: true },
}
const unavailable = { code: 'issuer_unavailable' }

test('an outage comes with a time to try again, and with no challenge', async () => {
  expect((await outcomeWith(outageRow, 503, { 'retry-after': '1' }, unavailable)).differences).toEqual([])
})

test.each<[string, Record<string, string>, string]>([
  ['no time', {}, 'Retry-After: expected true, got none'],
  ['a time that is none', { 'retry-after': 'soon' }, 'Retry-After: expected true, got "soon"'],
  ['no time to wait', { 'retry-after': '0' }, 'Retry-After: expected true, got "0"'],
  ['a challenge', { 'retry-after': '1', 'www-authenticate': challenge }, 'error: expected none, got "invalid_token"'],
])('an outage with %s is a difference', async (_, headers, difference) => {
  const outcome = await outcomeWith(outageRow, 503, headers, unavailable)
  expect(outcome.differences.join('\n')).toContain(difference)
})

test('a time to try again where none belongs is a difference', async () => {
  const headers = { 'www-authenticate': challenge, 'retry-after': '1' }
  expect((await outcomeWith(refusedRow, 401, headers, expired)).differences).toEqual([
    'Retry-After: expected none, got true',
  ])
})

test('another client in the answer is a difference', async () => {
  const row: Row = { as: 'expired', method: 'GET', path: '/me', expect: { status: 200, clientId: 'partner-job' } }
  expect((await outcomeWith(row, 200, {}, { clientId: 'partner-job' })).differences).toEqual([])
  expect((await outcomeWith(row, 200, {}, {})).differences).toEqual(['clientId: expected "partner-job", got none'])
})

function table(worker: Outcome, node: Outcome): Table {
  const columns = [
    { name: 'Worker', outcomes: [worker] },
    { name: 'Node', outcomes: [node] },
  ]
  return layOut([{ title: 'Refusals', columns }])
}

test('the table counts what is unexpected and says how', () => {
  const good: Outcome = { row: refusedRow, status: 401, challenge, retryAfter: undefined, differences: [] }
  const bad: Outcome = { ...good, status: 200, differences: ['status: expected 401, got 200'] }
  expect(table(good, good)).toMatchObject({ unexpected: 0, text: expect.stringContaining('401 ok') })
  expect(table(good, bad)).toMatchObject({ unexpected: 1, text: expect.stringContaining('200 UNEXPECTED') })
  expect(table(good, bad).text).toContain('Node: status: expected 401, got 200')
})

test('the table counts APIs that challenge differently, even where each is as expected', () => {
  const worker: Outcome = { row: refusedRow, status: 401, challenge, retryAfter: undefined, differences: [] }
  const node: Outcome = { ...worker, challenge: `${challenge}, error_description="other words"` }
  expect(table(worker, node).unexpected).toBe(1)
})

test.each([
  ['Bearer', { scheme: 'Bearer', params: {} }],
  ['Bearer a="b, c=d", e=f', { scheme: 'Bearer', params: { a: 'b, c=d', e: 'f' } }],
  [String.raw`Bearer a="say \"b\" \\"`, { scheme: 'Bearer', params: { a: 'say "b" \\' } }],
  ['', undefined],
  ['Bearer a="b', undefined],
  ['Bearer a="b" c="d"', undefined],
  ['Bearer a="b", a="c"', undefined],
  ['Bearer a=', undefined],
])('reads the challenge %s', (field, expected) => {
  expect(parseChallenge(field)).toEqual(expected)
})
