import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { goodClaims, signingKey, signToken } from '../fixture/issuer.ts'
import { bundleTestWorker, type Isolate, startIsolate } from './isolate.ts'

const ACCEPTED = { status: 200, code: 'accepted' }
const HOUR_SECONDS = 3_600

let script = ''
const isolates: Isolate[] = []

beforeAll(async () => {
  script = await bundleTestWorker()
})
afterAll(async () => {
  await Promise.all(isolates.map((isolate) => isolate.dispose()))
})

async function fresh(): Promise<Isolate> {
  const isolate = await startIsolate(script, [(await signingKey()).jwk])
  isolates.push(isolate)
  return isolate
}

/** A token by the real clock, as workerd has one of its own. */
async function token(changes: Record<string, unknown> = {}, header: Record<string, unknown> = {}): Promise<string> {
  const now = Math.floor(Date.now() / 1000)
  return signToken(goodClaims({ iat: now - 10, exp: now + 24 * HOUR_SECONDS, ...changes }), header)
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

describe('one isolate', () => {
  test('serves 200 concurrent first requests from a server made at module scope, with few fetches', async () => {
    const isolate = await fresh()
    isolate.upstream.delayMs = 50
    const tokens = await Promise.all(Array.from({ length: 10 }, (_, index) => token({ jti: `${index}` })))
    const answers = await Promise.all(
      Array.from({ length: 200 }, (_, index) =>
        isolate.ask(tokens[index % 10] as string, index % 2 ? '/orders' : '/orders?waitUntil'),
      ),
    )
    expect(answers.filter(({ code }) => code !== 'accepted')).toEqual([])
    expect(isolate.asked.length).toBeLessThanOrEqual(5)
  })

  test('keeps its keys from request to request', async () => {
    const isolate = await fresh()
    expect(await isolate.ask(await token())).toEqual(ACCEPTED)
    const before = isolate.asked.length
    for (let index = 0; index < 10; index++)
      expect(await isolate.ask(await token({ jti: `${index}` }))).toEqual(ACCEPTED)
    expect(isolate.asked.length - before).toBe(0)
  })

  test('turns away what is bad, as any other runtime does', async () => {
    const isolate = await fresh()
    const good = await token()
    expect(await isolate.ask(good)).toEqual(ACCEPTED)
    expect(await isolate.ask(await token({}, { kid: 'junk' }))).toEqual({ status: 401, code: 'key_unknown' })
    expect(await isolate.ask(await token({ aud: 'https://elsewhere.example' }))).toEqual({
      status: 401,
      code: 'audience_mismatch',
    })
    expect(await isolate.ask(`${good.slice(0, -8)}AAAAAAAA`)).toMatchObject({ status: 401 })
    expect(await isolate.ask('')).toMatchObject({ status: 400 })
  })
})

describe('an entry expires across requests', () => {
  test('a verified token, by the runtime’s own clock', async () => {
    const isolate = await fresh()
    const exp = Math.floor(Date.now() / 1000) + 3
    const short = await token({ exp })
    expect(await isolate.ask(short)).toEqual(ACCEPTED)
    expect(await isolate.ask(short)).toEqual(ACCEPTED)
    await pause(exp * 1000 - Date.now() + 200)
    expect(await isolate.ask(short)).toEqual({ status: 401, code: 'token_expired' })
  })

  test('keys, and with them the tokens that a withdrawn key had verified', async () => {
    const isolate = await fresh()
    const rotated = await signingKey('ES256', 'rotated')
    const old = await token()
    expect(await isolate.ask(old)).toEqual(ACCEPTED)
    isolate.upstream.keys = [rotated.jwk]
    await isolate.moveClock(601_000)
    expect(await isolate.ask(old)).toEqual({ status: 401, code: 'key_unknown' })
    const now = Math.floor(Date.now() / 1000)
    const claims = goodClaims({ iat: now - 10, exp: now + HOUR_SECONDS })
    expect(await isolate.ask(await signToken(claims, {}, rotated))).toEqual(ACCEPTED)
  })

  test('the cooldown after an unknown kid', async () => {
    const isolate = await fresh()
    const rotated = await signingKey('ES256', 'rotated')
    const now = Math.floor(Date.now() / 1000)
    const later = await signToken(goodClaims({ iat: now - 10, exp: now + HOUR_SECONDS }), {}, rotated)
    expect(await isolate.ask(later)).toEqual({ status: 401, code: 'key_unknown' })
    isolate.upstream.keys = [rotated.jwk]
    expect(await isolate.ask(later)).toEqual({ status: 401, code: 'key_unknown' })
    await isolate.moveClock(31_000)
    expect(await isolate.ask(later)).toEqual(ACCEPTED)
  })
})

describe('a leader whose client resets its TCP connection does not poison the isolate', () => {
  test.each([
    ['without waitUntil', '/orders'],
    ['with waitUntil', '/orders?waitUntil'],
  ])('%s: those who wait and those who come later are answered', async (_, path) => {
    const isolate = await fresh()
    const good = await token()
    isolate.upstream.delayMs = 1_000
    const leader = isolate.send(good, path)
    await expect.poll(() => isolate.asked.length).toBe(1)
    const followers = Array.from({ length: 20 }, () => isolate.ask(good, path))
    await pause(200)
    leader.resetAndDestroy()
    expect(new Set((await Promise.all(followers)).map(({ code }) => code))).toEqual(new Set(['accepted']))
    const discoveries = isolate.asked.filter((pathname) => pathname !== '/jwks').length
    // A second discovery shows that the first was really lost.
    if (path === '/orders') expect(discoveries).toBeGreaterThanOrEqual(2)
    expect(isolate.asked.length).toBeLessThanOrEqual(5)

    const before = isolate.asked.length
    expect(await isolate.ask(await token({ jti: 'later' }), path)).toEqual(ACCEPTED)
    expect(isolate.asked.length).toBe(before)
  })

  test('where nobody waits at that moment: the next request is answered', async () => {
    const isolate = await fresh()
    isolate.upstream.delayMs = 500
    const leader = isolate.send(await token(), '/orders')
    await expect.poll(() => isolate.asked.length).toBe(1)
    leader.resetAndDestroy()
    await pause(1_500)
    expect(await isolate.ask(await token())).toEqual(ACCEPTED)
  })

  test('several times in a row', async () => {
    const isolate = await fresh()
    const good = await token()
    isolate.upstream.hangs = 'always'
    for (let round = 0; round < 3; round++) {
      const leader = isolate.send(good, '/orders')
      await pause(200)
      leader.resetAndDestroy()
    }
    isolate.upstream.hangs = 'never'
    expect(await isolate.ask(good)).toEqual(ACCEPTED)
  })

  test('while the keys, not the metadata, are on their way', async () => {
    const isolate = await fresh()
    const good = await token()
    isolate.upstream.hangs = 'for keys'
    const leader = isolate.send(good, '/orders')
    await expect.poll(() => isolate.asked.at(-1)).toBe('/jwks')
    leader.resetAndDestroy()
    isolate.upstream.hangs = 'never'
    expect(await isolate.ask(good)).toEqual(ACCEPTED)
  })

  test('where the timeout is shorter than a follower’s patience', async () => {
    const isolate = await fresh()
    const good = await token()
    isolate.upstream.hangs = 'always'
    const leader = isolate.send(good, '/hasty')
    await expect.poll(() => isolate.asked.length).toBe(1)
    leader.resetAndDestroy()
    isolate.upstream.hangs = 'never'
    await expect
      .poll(async () => (await isolate.ask(good, '/hasty')).code, { timeout: 12_000, interval: 400 })
      .toBe('accepted')
  })
})
