import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type * as Algorithms from '../../../src/jws/runtime-algorithms.ts'
import { withDetail } from '../../fixture/detail.ts'
import { goodClaims, ISSUER, NOW_MS, RESOURCE, signingKey, signToken } from '../../fixture/issuer.ts'
import { codeOf, fixture } from '../../fixture/server.ts'
import { forge, goodHeader } from '../../attacks/forge.ts'

const ML_DSA = ['ML-DSA-44', 'ML-DSA-65', 'ML-DSA-87']
const USUAL = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384']
const DOUBTFUL = ['ES512', 'EdDSA', 'Ed25519', ...ML_DSA]

/** Whether a token of this algorithm can be made here: then it can be verified as well. */
async function canSign(algorithm: string): Promise<boolean> {
  return signingKey(algorithm).then(
    () => true,
    () => false,
  )
}

type ImportKey = (...given: unknown[]) => Promise<CryptoKey>

/** The module as it is before the first token. */
function freshModule(): Promise<typeof Algorithms> {
  vi.resetModules()
  return import('../../../src/jws/runtime-algorithms.ts')
}

describe('isVerifiable', () => {
  let imports = 0
  beforeEach(() => {
    imports = 0
    const importKey = crypto.subtle.importKey.bind(crypto.subtle) as ImportKey
    vi.spyOn(crypto.subtle, 'importKey').mockImplementation((...given: unknown[]) => {
      imports++
      return importKey(...given)
    })
  })
  afterEach(() => {
    vi.restoreAllMocks()
  })

  test.each(USUAL)('%s: at once, without importing anything', async (algorithm) => {
    const { isVerifiable } = await freshModule()
    expect(isVerifiable(algorithm)).toBe(true)
    expect(imports).toBe(0)
  })

  test.each(DOUBTFUL)('%s: as the runtime has it, imported once and known from then on', async (algorithm) => {
    const { isVerifiable } = await freshModule()
    expect(imports, 'nothing is imported before a token asks').toBe(0)
    const isSo = await isVerifiable(algorithm)
    expect(isSo).toBe(await canSign(algorithm))
    const before = imports
    expect(isVerifiable(algorithm)).toBe(isSo)
    expect(imports).toBe(before)
  })

  test.each(DOUBTFUL)('%s: false in a runtime that cannot import its key', async (algorithm) => {
    const { isVerifiable } = await freshModule()
    vi.spyOn(crypto.subtle, 'importKey').mockRejectedValue(new DOMException('unrecognized name', 'NotSupportedError'))
    expect(await isVerifiable(algorithm)).toBe(false)
    vi.restoreAllMocks()
    expect(isVerifiable(algorithm)).toBe(false)
  })

  test('a failure that says nothing of the algorithm refuses no token: it is tried again', async () => {
    const { isVerifiable } = await freshModule()
    vi.spyOn(crypto.subtle, 'importKey').mockRejectedValueOnce(new DOMException('try again', 'OperationError'))
    expect(await isVerifiable('Ed25519')).toBe(true)
    expect(await isVerifiable('Ed25519')).toBe(true)
    expect(isVerifiable('Ed25519')).toBe(true)
    expect(imports).toBe(1)
  })

  test('keeps what it found out, never the promise of it: each request waits for its own', async () => {
    const { isVerifiable } = await freshModule()
    const asked = [isVerifiable('Ed25519'), isVerifiable('Ed25519')]
    expect(asked[0]).not.toBe(asked[1])
    for (const each of asked) expect(await each).toBe(true)
  })
})

/** A server in a runtime without Ed25519, and a token that is signed so. */
async function lacking(issuer: Record<string, unknown> = {}, algorithm = 'Ed25519') {
  vi.resetModules()
  const { createResourceServer } = await import('../../../src/entry-points/index.ts')
  const { jwk } = await signingKey()
  const made = await fixture({ issuers: [{ issuer: ISSUER, ...issuer }] })
  made.upstream.publish(jwk, {
    kty: 'OKP',
    crv: 'Ed25519',
    x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo',
    kid: 'ed',
  })
  const api = createResourceServer({
    resource: RESOURCE,
    issuers: [{ issuer: ISSUER, ...issuer }],
    fetch: made.upstream.fetch,
    now: () => NOW_MS,
  })
  const importKey = crypto.subtle.importKey.bind(crypto.subtle) as ImportKey
  vi.spyOn(crypto.subtle, 'importKey').mockImplementation((...given: unknown[]) => {
    if (JSON.stringify(given[2]).includes('Ed25519')) {
      return Promise.reject(new DOMException('unrecognized name', 'NotSupportedError'))
    }
    return importKey(...given)
  })
  const token = await forge(await goodHeader({ alg: algorithm, kid: 'ed' }), () => new Uint8Array(64).fill(1))
  return { api, upstream: made.upstream, token }
}

describe('a token of an algorithm that the runtime lacks', () => {
  afterEach(() => {
    vi.restoreAllMocks()
  })

  test.each(['Ed25519', 'EdDSA'])(
    '%s is refused by its name, and spends neither a fetch nor the refetch',
    async (name) => {
      const { api, upstream, token } = await lacking({}, name)
      for (let turn = 0; turn < 3; turn++) {
        await expect(api.verify(token)).rejects.toThrow(withDetail(`"${name}", which this runtime cannot verify`))
        expect(await codeOf(api.verify(token))).toBe('algorithm_refused')
      }
      expect(upstream.calls).toEqual([])
      expect(await codeOf(api.verify(await signToken()))).toBe('accepted')

      // The one refetch of the cooldown is there for whoever needs it.
      const rotated = await signingKey('ES256', 'rotated')
      upstream.publish(rotated.jwk)
      const asked = upstream.calls.length
      expect(await codeOf(api.verify(await signToken(goodClaims(), {}, rotated)))).toBe('accepted')
      expect(upstream.calls.length).toBe(asked + 1)
    },
  )

  test('is refused alike where the issuer’s list names the algorithm', async () => {
    const { api, upstream, token } = await lacking({ jwt: { algorithms: ['ES256', 'Ed25519'] } })
    expect(await codeOf(api.verify(token))).toBe('algorithm_refused')
    expect(upstream.calls).toEqual([])
    expect(await codeOf(api.verify(await signToken()))).toBe('accepted')
  })
})

test.each(ML_DSA)('%s is verified where the runtime has it, and refused by its name where not', async (algorithm) => {
  const { api, upstream } = await fixture()
  const { jwk } = await signingKey()
  if (await canSign(algorithm)) {
    const key = await signingKey(algorithm)
    upstream.publish(jwk, key.jwk)
    expect(await codeOf(api.verify(await signToken(goodClaims(), {}, key)))).toBe('accepted')
    return
  }
  const token = await forge(await goodHeader({ alg: algorithm }), () => new Uint8Array(2_420).fill(1))
  expect(await codeOf(api.verify(token))).toBe('algorithm_refused')
  expect(upstream.calls).toEqual([])
  expect(await codeOf(api.verify(await signToken()))).toBe('accepted')
})
