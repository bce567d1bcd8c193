import { describe, expect, onTestFinished, test, vi } from 'vitest'
import type { ResourceServer } from '../../src/entry-points/index.ts'
import { goodAnswer, introspecting, opaque } from '../fixture/introspection.ts'
import { goodClaims, NOW, signToken } from '../fixture/issuer.ts'
import { fixture } from '../fixture/server.ts'

const MIB = 1024 * 1024
/** What one of these takes on the heap of Node 24, in an array; measured. */
const HEAP_BYTES: readonly (readonly [json: string, bytes: number])[] = [
  ['{}', 64],
  ['[]', 40],
  ['[[]]', 96],
  ['[1]', 64],
  ['{"a":{}}', 96],
  ['{"1":0}', 88],
  ['-0', 24],
  ['1.5', 24],
]

function filled(json: string, length: number): unknown[] {
  return Array.from({ length: Math.floor(length / (json.length + 1)) }, () => JSON.parse(json) as unknown)
}

/** How many of these tokens are cached, the newest first; `isAsked` says whether the latest call had to check it anew. */
async function cachedOf(
  api: Pick<ResourceServer, 'verify'>,
  tokens: readonly string[],
  isChecked: () => boolean,
): Promise<number> {
  for (const [index, token] of tokens.toReversed().entries()) {
    await api.verify(token)
    if (isChecked()) return index
  }
  return tokens.length
}

describe('claims full of small things take at most twice what a cache may', () => {
  test.each(HEAP_BYTES)('verified tokens: %s', async (json, bytes) => {
    const maxBytes = 4 * MIB
    const { api } = await fixture({ tokenCache: { maxBytes } })
    const junk = filled(json, 11_000)
    const tokens: string[] = []
    for (let index = 0; index < 200; index++) {
      const token = await signToken(goodClaims({ jti: `token-${index}`, junk }))
      tokens.push(token)
      await api.verify(token)
    }
    const checks = vi.spyOn(crypto.subtle, 'verify')
    onTestFinished(() => checks.mockRestore())
    const cached = await cachedOf(api, tokens, () => checks.mock.calls.length > 0)
    expect(cached).toBeGreaterThan(0)
    expect(cached * (junk.length * bytes + (tokens[0]?.length ?? 0))).toBeLessThanOrEqual(2 * maxBytes)
  })

  test.each(HEAP_BYTES)('answers: %s', async (json, bytes) => {
    const junk = filled(json, 60_000)
    const { api, endpoint } = await introspecting({ reply: () => Response.json(goodAnswer({ junk })) })
    const tokens = Array.from({ length: 120 }, (_, index) => opaque(`token-${index}`))
    for (const token of tokens) await api.verify(token)
    const cached = await cachedOf(api, tokens, () => endpoint.asked.length > tokens.length)
    expect(cached).toBeGreaterThan(0)
    expect(cached * junk.length * bytes).toBeLessThanOrEqual(2 * 32 * MIB)
  })

  test('scopes by the thousand: each is a string of its own', async () => {
    const scope = Array.from({ length: 15_000 }, (_, index) => index.toString(36).padStart(3, '-')).join(' ')
    const { api, endpoint } = await introspecting({ reply: () => Response.json(goodAnswer({ scope })) })
    const tokens = Array.from({ length: 200 }, (_, index) => opaque(`token-${index}`))
    for (const token of tokens) await api.verify(token)
    const cached = await cachedOf(api, tokens, () => endpoint.asked.length > tokens.length)
    expect(cached).toBeGreaterThan(0)
    // A string of a few letters takes 24 bytes, and 8 where it stands.
    expect(cached * 15_000 * 32).toBeLessThanOrEqual(2 * 32 * MIB)
  })

  test('and what tokens usually say is cached by the thousand', async () => {
    const { api, endpoint } = await introspecting({ reply: () => Response.json(goodAnswer({ exp: NOW + 300 })) })
    const tokens = Array.from({ length: 5_000 }, (_, index) => opaque(`token-${index}`))
    for (const token of tokens) await api.verify(token)
    expect(await cachedOf(api, tokens, () => endpoint.asked.length > tokens.length)).toBe(tokens.length)
  })
})
