// The demo must not call anything fine that is not.

import { createServer, type Server } from 'node:http'
import { afterEach, expect, test } from 'vitest'
import { parseChallenge } from '../../demo/challenge.ts'
import type { Credentials } from '../../demo/credentials.ts'
import { metadataUrl, type Row } from '../../demo/expectations.ts'
import { closeServer, listen } from '../../demo/ports.ts'
import { runRows, type Outcome } from '../../demo/run.ts'
import { layOut } from '../../demo/table.ts'

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

async function outcomeOf(row: Row, status: number, header: string | undefined, body: object): Promise<Outcome> {
  server = createServer((_, response) => {
    response.writeHead(status, header === undefined ? {} : { 'www-authenticate': header }).end(JSON.stringify(body))
  })
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

test('the table counts what is unexpected and says how', () => {
  const good: Outcome = { row: refusedRow, status: 401, challenge, differences: [] }
  const bad: Outcome = { ...good, status: 200, differences: ['status: expected 401, got 200'] }
  const table = (worker: Outcome, node: Outcome) =>
    layOut(
      [refusedRow],
      [
        { name: 'Worker', outcomes: [worker] },
        { name: 'Node', outcomes: [node] },
      ],
    )
  expect(table(good, good)).toMatchObject({ unexpected: 0, text: expect.stringContaining('401 ok') })
  expect(table(good, bad)).toMatchObject({ unexpected: 1, text: expect.stringContaining('200 UNEXPECTED') })
  expect(table(good, bad).text).toContain('Node: status: expected 401, got 200')
})

test('the table counts APIs that challenge differently, even where each is as expected', () => {
  const worker: Outcome = { row: refusedRow, status: 401, challenge, differences: [] }
  const node: Outcome = { ...worker, challenge: `${challenge}, error_description="other words"` }
  const columns = [
    { name: 'Worker', outcomes: [worker] },
    { name: 'Node', outcomes: [node] },
  ]
  expect(layOut([refusedRow], columns).unexpected).toBe(1)
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
