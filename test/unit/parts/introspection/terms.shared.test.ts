import { expect, test } from 'vitest'
import {
  createResourceServer,
  introspect,
  resolveIssuers,
  type TrustedIssuer,
} from '../../../../src/entry-points/index.ts'
import {
  answering,
  type Endpoint,
  goodAnswer,
  opaque,
  searchWhatWasEmitted,
  watched,
} from '../../../fixture/introspection.ts'
import { base64url, fakeUpstream, ISSUER, NOW_MS, RESOURCE } from '../../../fixture/issuer.ts'
import { codeOf } from '../../../fixture/server.ts'

searchWhatWasEmitted()

// What one description of an issuer accepts is no verdict under another.

function described(more: Partial<TrustedIssuer> = {}): TrustedIssuer {
  return {
    issuer: ISSUER,
    jwt: false,
    introspection: introspect({ endpoint: `${ISSUER}/introspect`, auth: 'none' }),
    ...more,
  }
}

function serving(answer: (opaqueAsked: boolean) => TrustedIssuer, endpoint: Endpoint) {
  const clock = { ms: NOW_MS }
  const api = createResourceServer({
    resource: RESOURCE,
    issuers: resolveIssuers((hint) => answer(hint.opaque === true)),
    fetch: answering(fakeUpstream(), endpoint),
    now: () => clock.ms,
  })
  return { api: watched(api), clock }
}

test('a request under other settings does not change those of one that waits for its answer', async () => {
  const release: (() => void)[] = []
  const endpoint: Endpoint = {
    asked: [],
    reply: async () => {
      await new Promise<void>((resolve) => release.push(resolve))
      return Response.json(goodAnswer({ client_id: 'evil' }))
    },
  }
  const { api } = serving((opaqueAsked) => described(opaqueAsked ? { clients: ['good'] } : {}), endpoint)
  const waiting = codeOf(api.verify(opaque()))
  await expect.poll(() => release.length).toBe(1)
  // Junk that names the issuer: it needs no key, as the issuer's JWTs are left to introspection.
  const junk = `${base64url('{"alg":"ES256"}')}.${base64url(JSON.stringify({ iss: ISSUER }))}.AAAA`
  const other = codeOf(api.verify(junk))
  await expect.poll(() => release.length).toBe(2)
  for (const go of release) go()
  expect(await waiting).toBe('client_refused')
  expect(await other).toBe('accepted')
  expect(await codeOf(api.verify(opaque())), 'nor is it remembered otherwise').toBe('client_refused')
})

test('a verdict is not remembered beyond the settings that it was reached under', async () => {
  const endpoint: Endpoint = { asked: [], reply: () => Response.json(goodAnswer({ client_id: 'client-2' })) }
  let clients: { clients?: string[] } = {}
  const { api } = serving(
    () =>
      described({
        ...clients,
        introspection: introspect({ endpoint: `${ISSUER}/introspect`, auth: 'none', cacheSeconds: 3_600 }),
      }),
    endpoint,
  )
  expect(await codeOf(api.verify(opaque()))).toBe('accepted')
  expect(await codeOf(api.verify(opaque()))).toBe('accepted')
  expect(endpoint.asked).toHaveLength(1)
  clients = { clients: ['client-1'] }
  await api.invalidateAll()
  expect(await codeOf(api.verify(opaque()))).toBe('client_refused')
})

test('time and limits follow the settings as well', async () => {
  const endpoint: Endpoint = {
    asked: [],
    reply: async () => {
      await new Promise((resolve) => setTimeout(resolve, 300))
      return Response.json(goodAnswer())
    },
  }
  let timeoutMs = 100
  const { api } = serving(
    () => described({ introspection: introspect({ endpoint: `${ISSUER}/introspect`, auth: 'none', timeoutMs }) }),
    endpoint,
  )
  expect(await codeOf(api.verify(opaque()))).toBe('issuer_unavailable')
  timeoutMs = 3_000
  await api.invalidateAll()
  expect(await codeOf(api.verify(opaque()))).toBe('accepted')
})
