import { describe, expect, test } from 'vitest'
import { gate, goodAnswer, introspecting, opaque } from '../fixture/introspection.ts'
import { goodClaims, ISSUER, signToken } from '../fixture/issuer.ts'
import { fixture } from '../fixture/server.ts'

const TOKENS = Array.from({ length: 50 }, (_, index) => opaque(`good-${index}`))

async function invalidateJunk(api: { readonly invalidate: (token: string) => Promise<void> }): Promise<void> {
  for (let index = 0; index < 100; index++) await api.invalidate(`junk-${index}`)
}

describe('whoever may invalidate one token costs no other', () => {
  test('answers that are on their way are cached, whatever else is invalidated meanwhile', async () => {
    const answered = gate()
    const { api, endpoint } = await introspecting({
      introspection: { maxConcurrent: 100 },
      reply: async () => (await answered.promise, Response.json(goodAnswer())),
    })
    const waiting = TOKENS.map((token) => api.verify(token))
    await expect.poll(() => endpoint.asked.length).toBe(TOKENS.length)
    await invalidateJunk(api)
    answered.open()
    await Promise.all(waiting)
    await Promise.all(TOKENS.map((token) => api.verify(token)))
    expect(endpoint.asked).toHaveLength(TOKENS.length)
  })

  test.each(['invalidate', 'invalidateAll'] as const)(
    'an answer that is on its way is not cached after %s()',
    async (method) => {
      const answered = gate()
      const { api, endpoint } = await introspecting({
        introspection: { maxConcurrent: 100 },
        reply: async () => (await answered.promise, Response.json(goodAnswer())),
      })
      const waiting = TOKENS.map((token) => api.verify(token))
      await expect.poll(() => endpoint.asked.length).toBe(TOKENS.length)
      await invalidateJunk(api)
      for (const token of TOKENS) await api[method](token)
      await invalidateJunk(api)
      answered.open()
      await Promise.all(waiting)
      await Promise.all(TOKENS.map((token) => api.verify(token)))
      expect(endpoint.asked).toHaveLength(2 * TOKENS.length)
    },
  )

  test('JWTs that are being verified are cached, whatever else is invalidated meanwhile', async () => {
    const { api, upstream } = await fixture()
    const loaded = gate()
    const jwks = upstream.answers.get(`${ISSUER}/jwks`)
    upstream.answers.set(`${ISSUER}/jwks`, async () => (await loaded.promise, (await jwks?.()) ?? new Response()))
    const [good, forgotten] = [await signToken(), await signToken(goodClaims({ jti: 'forgotten' }))]
    const waiting = [api.verify(good), api.verify(forgotten)]
    await invalidateJunk(api)
    await api.invalidate(forgotten)
    loaded.open()
    const [first, second] = await Promise.all(waiting)
    expect(await api.verify(good)).toBe(first)
    expect(await api.verify(forgotten)).not.toBe(second)
  })
})
