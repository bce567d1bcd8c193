import { expect, test } from 'vitest'
import { type IssuerResolver, resolveIssuers, type TrustedIssuer } from '../../../../src/entry-points/index.ts'
import { ISSUER, signToken } from '../../../fixture/issuer.ts'
import { codeOf, fixture } from '../../../fixture/server.ts'

const TEN_MINUTES_MS = 600_000

test('who was trusted stays so while the resolver fails, and it is not asked for every request', async () => {
  let asked = 0
  let isDown = false
  const resolve: IssuerResolver = () => {
    asked++
    if (isDown) throw new Error('the database is down')
    return { issuer: ISSUER }
  }
  const { api, clock, upstream } = await fixture({ issuers: resolveIssuers(resolve), tokenCache: false })
  const token = await signToken()
  expect(await codeOf(api.verify(token))).toBe('accepted')
  isDown = true
  clock.ms += TEN_MINUTES_MS
  upstream.calls.length = 0
  const long = await signToken({ ...claimsOf(token), exp: clock.ms / 1000 + 200_000 })
  for (let each = 0; each < 10; each++) expect(await codeOf(api.verify(long))).toBe('accepted')
  expect(asked).toBe(2)
  clock.ms += 10_000
  expect(await codeOf(api.verify(long))).toBe('accepted')
  expect(asked).toBe(3)
  // As long as their keys would serve, and no longer.
  clock.ms += 24 * 60 * 60 * 1000
  expect(await codeOf(api.verify(long))).toBe('issuer_unavailable')
})

test('after invalidateAll nobody is trusted on an old answer', async () => {
  let isDown = false
  const resolve: IssuerResolver = () => {
    if (isDown) throw new Error('the database is down')
    return { issuer: ISSUER }
  }
  const { api } = await fixture({ issuers: resolveIssuers(resolve) })
  const token = await signToken()
  expect(await codeOf(api.verify(token))).toBe('accepted')
  isDown = true
  await api.invalidateAll()
  expect(await codeOf(api.verify(token))).toBe('issuer_unavailable')
})

test('an answer to a question from before invalidateAll changes nothing after it', async () => {
  const answers: ((issuer: TrustedIssuer | undefined) => void)[] = []
  const { api } = await fixture({ issuers: resolveIssuers(() => new Promise((resolve) => answers.push(resolve))) })
  const token = await signToken()
  const before = codeOf(api.verify(token))
  await expect.poll(() => answers.length).toBe(1)
  await api.invalidateAll()
  const after = codeOf(api.verify(token))
  await expect.poll(() => answers.length).toBe(2)
  answers[1]?.({ issuer: ISSUER })
  expect(await after).toBe('accepted')
  answers[0]?.(undefined)
  expect(await before).toBe('issuer_untrusted')
  expect(await codeOf(api.verify(token))).toBe('accepted')
})

function claimsOf(token: string): Record<string, unknown> {
  return JSON.parse(atob((token.split('.')[1] ?? '').replaceAll('-', '+').replaceAll('_', '/'))) as Record<
    string,
    unknown
  >
}
