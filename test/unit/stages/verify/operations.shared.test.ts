import { afterEach, expect, type MockInstance, test, vi } from 'vitest'
import { scope } from '../../../../src/entry-points/index.ts'
import { goodClaims, signToken } from '../../../fixture/issuer.ts'
import { type Fixture, fixture } from '../../../fixture/server.ts'

// What the hot path does is counted here, and never timed: a count is the same on every machine, and one `await`, one parse or
// one fetch too many shows in it.

afterEach(() => {
  vi.restoreAllMocks()
})

interface Operations {
  readonly verified: number
  readonly otherCryptography: number
  readonly parsed: number
  readonly fetched: number
  /** Turns of the microtask queue until the result is there, `verify` of WebCrypto answering at once. */
  readonly turns: number
}

async function operationsOf({ upstream }: Fixture, work: () => Promise<unknown>): Promise<Operations> {
  const { subtle } = crypto
  const yes = Promise.resolve(true)
  const verify = vi.spyOn(subtle, 'verify').mockReturnValue(yes)
  const others = (['importKey', 'exportKey', 'digest', 'sign', 'encrypt', 'decrypt', 'deriveBits'] as const).map(
    (name) => vi.spyOn(subtle, name),
  )
  const parse = vi.spyOn(JSON, 'parse')
  const fetched = upstream.calls.length
  const turns = await turnsUntilSettled(work())
  const counted = {
    verified: calls(verify),
    otherCryptography: calls(...others),
    parsed: calls(parse),
    fetched: upstream.calls.length - fetched,
    turns,
  }
  vi.restoreAllMocks()
  return counted
}

async function turnsUntilSettled(work: Promise<unknown>): Promise<number> {
  const watch = { settled: false }
  void note(work, watch)
  let turns = 0
  for (; !watch.settled && turns < 1_000; turns++) await Promise.resolve()
  return turns
}

async function note(work: Promise<unknown>, watch: { settled: boolean }): Promise<void> {
  try {
    await work
  } finally {
    watch.settled = true
  }
}

async function once(): Promise<void> {
  await Promise.resolve()
}

async function twice(): Promise<void> {
  await Promise.resolve()
  await Promise.resolve()
}

function calls(...spies: readonly MockInstance[]): number {
  return spies.reduce((sum, spy) => sum + spy.mock.calls.length, 0)
}

function request(token: string): Request {
  return new Request('https://api.example.com/orders', { headers: { Authorization: `Bearer ${token}` } })
}

/** A server that has its keys, and tokens that it has not seen. */
async function warm(options: Parameters<typeof fixture>[0] = {}): Promise<{ server: Fixture; tokens: string[] }> {
  const server = await fixture(options)
  const tokens: string[] = []
  for (let index = 0; index < 3; index++) tokens.push(await signToken(goodClaims({ jti: `token-${index}` })))
  await server.api.verify(await signToken(goodClaims({ jti: 'first of all' })))
  return { server, tokens }
}

test('the turns of the microtask queue are counted: this test would notice an `await` too many', async () => {
  expect((await turnsUntilSettled(twice())) - (await turnsUntilSettled(once()))).toBe(1)
})

test('a fresh token costs one signature, one parse of its payload, and little else', async () => {
  const { server, tokens } = await warm()
  const operations = await operationsOf(server, () => server.api.verify(tokens[0] as string))
  expect(operations).toMatchObject({ verified: 1, otherCryptography: 0, parsed: 1, fetched: 0 })
  expect(operations.turns).toBeLessThanOrEqual(5)
})

test('the first token with a header costs one more parse', async () => {
  const { server } = await warm()
  const token = await signToken(goodClaims(), { 'not seen': 'before' })
  const operations = await operationsOf(server, () => server.api.verify(token))
  expect(operations).toMatchObject({ verified: 1, otherCryptography: 0, fetched: 0 })
  // Its payload, its header, and its header again to be remembered: the token's own memory must not be kept.
  expect(operations.parsed).toBeLessThanOrEqual(3)
  const next = await signToken(goodClaims({ jti: 'next' }), { 'not seen': 'before' })
  expect((await operationsOf(server, () => server.api.verify(next))).parsed).toBe(1)
})

test('a fresh token of a request costs the same and a turn more', async () => {
  const { server, tokens } = await warm()
  const operations = await operationsOf(server, () => server.api.authenticate(request(tokens[0] as string)))
  expect(operations).toMatchObject({ verified: 1, otherCryptography: 0, parsed: 1, fetched: 0 })
  expect(operations.turns).toBeLessThanOrEqual(6)
})

test('a known token costs no cryptography, no parse, no fetch and one turn', async () => {
  const { server, tokens } = await warm()
  const token = tokens[0] as string
  await server.api.verify(token)
  const operations = await operationsOf(server, () => server.api.verify(token))
  expect(operations).toMatchObject({ verified: 0, otherCryptography: 0, parsed: 0, fetched: 0 })
  expect(operations.turns).toBeLessThanOrEqual(1)
})

test('a known token of a request costs no cryptography, no parse and no fetch', async () => {
  const { server, tokens } = await warm()
  const token = tokens[0] as string
  await server.api.verify(token)
  const operations = await operationsOf(server, () => server.api.authenticate(request(token)))
  expect(operations).toMatchObject({ verified: 0, otherCryptography: 0, parsed: 0, fetched: 0 })
  expect(operations.turns).toBeLessThanOrEqual(3)
})

test('authorize costs nothing of all this, and answers at once', async () => {
  const { server, tokens } = await warm()
  const token = await server.api.verify(tokens[0] as string)
  const operations = await operationsOf(server, () =>
    Promise.resolve(server.api.authorize(token, scope('orders:read'))),
  )
  expect(operations).toMatchObject({ verified: 0, otherCryptography: 0, parsed: 0, fetched: 0 })
  expect(operations.turns).toBeLessThanOrEqual(1)
})

test('64 fresh tokens at once cost 64 signatures and a turn more than one', async () => {
  const { server } = await warm()
  const tokens = await Promise.all(
    Array.from({ length: 64 }, (_, index) => signToken(goodClaims({ jti: `t${index}` }))),
  )
  const operations = await operationsOf(server, () => Promise.all(tokens.map((token) => server.api.verify(token))))
  expect(operations).toMatchObject({ verified: 64, otherCryptography: 0, parsed: 64, fetched: 0 })
  expect(operations.turns).toBeLessThanOrEqual(6)
})

test('a signature is on its way before the call returns, so that the next token is parsed meanwhile', async () => {
  const { server, tokens } = await warm()
  const verify = vi.spyOn(crypto.subtle, 'verify')
  const parse = vi.spyOn(JSON, 'parse')
  const calling = tokens.map(async (token, index) => {
    const called = server.api.verify(token)
    expect([verify.mock.calls.length, parse.mock.calls.length]).toEqual([index + 1, index + 1])
    await called
  })
  await Promise.all(calling)
})

test('with the token cache off a token costs the same each time', async () => {
  const { server, tokens } = await warm({ tokenCache: false })
  for (let time = 0; time < 3; time++) {
    const operations = await operationsOf(server, () => server.api.verify(tokens[0] as string))
    expect(operations).toMatchObject({ verified: 1, otherCryptography: 0, parsed: 1, fetched: 0 })
    expect(operations.turns).toBeLessThanOrEqual(5)
  }
})

test('a fresh token of one issuer among many costs the same', async () => {
  const others = Array.from({ length: 200 }, (_, index) => ({ issuer: `https://login-${index}.example.com` }))
  const { server, tokens } = await warm({ issuers: [...others, { issuer: 'https://login.example.com' }] })
  const operations = await operationsOf(server, () => server.api.verify(tokens[0] as string))
  expect(operations).toMatchObject({ verified: 1, otherCryptography: 0, parsed: 1, fetched: 0 })
  expect(operations.turns).toBeLessThanOrEqual(5)
})
