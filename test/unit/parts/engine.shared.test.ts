import { expect, test } from 'vitest'
import { createResourceServer } from '../../../src/entry-points/index.ts'
import type { Engine, Introspection, Services } from '../../../src/parts.ts'
import { ISSUER, RESOURCE } from '../../fixture/issuer.ts'

interface Told extends Engine {
  readonly services: Services
  readonly told: string[]
}

function refuse(): Promise<never> {
  return Promise.reject(new Error('it asks nobody'))
}

/** A part whose engine keeps what it is told; it asks nobody. */
function recording(): { readonly part: () => Introspection; readonly engines: Told[] } {
  const engines: Told[] = []
  function create(services: Services): Told {
    const told: string[] = []
    const engine: Told = {
      services,
      told,
      forget: (token) => void told.push(`forget ${token}`),
      forgetAll: () => void told.push('forgetAll'),
      stop: () => void told.push('stop'),
    }
    engines.push(engine)
    return engine
  }
  const part = (): Introspection => ({
    kind: 'introspection',
    check: (option) => ({
      // Of each place its own, as tokens must be told apart.
      prefixes: [option],
      requireDistinct() {},
      needsKeys: false,
      needsMember: undefined,
      start(services) {
        services.engine(create)
        return { use: 'opaque', accepts: () => true, introspect: refuse, confirm: refuse, forget: async () => {} }
      },
    }),
  })
  return { part, engines }
}

function serverWith(...parts: readonly Introspection[]) {
  return createResourceServer({
    resource: RESOURCE,
    issuers: parts.map((introspection, index) => ({ issuer: `${ISSUER}/${index}`, introspection })),
  })
}

test('an engine is made once for a server, however many issuers and parts ask for it', () => {
  const { part, engines } = recording()
  const one = part()
  serverWith(one, part(), one)
  expect(engines).toHaveLength(1)
  expect(engines[0]?.services).toMatchObject({ resource: RESOURCE, tiers: undefined })
  serverWith(one)
  expect(engines).toHaveLength(2)
})

test('engines of different parts stand beside each other', () => {
  const [first, second] = [recording(), recording()]
  serverWith(first.part(), second.part())
  expect([first.engines.length, second.engines.length]).toEqual([1, 1])
})

test('no engine is made for a part that is checked and not started', () => {
  const { part, engines } = recording()
  part().check('issuers[0].introspection', { insecureHosts: [] })
  expect(engines).toEqual([])
})

test('an engine forgets and ends with its server, and with no other', async () => {
  const { part, engines } = recording()
  const one = part()
  const [api, other] = [serverWith(one), serverWith(one)]
  await api.invalidate('a-token')
  await api.invalidateAll()
  api.close()
  expect(engines.map(({ told }) => told)).toEqual([['forget a-token', 'forgetAll', 'stop', 'forgetAll'], []])
  other.close()
})
