import { describe, expect, test } from 'vitest'
import { createResourceServer, introspect, resolveIssuers } from '../../../../src/entry-points/index.ts'
import { goodAnswer, searchWhatWasEmitted } from '../../../fixture/introspection.ts'
import { base64url, ISSUER, NOW_MS, RESOURCE } from '../../../fixture/issuer.ts'
import { codeOf } from '../../../fixture/server.ts'

searchWhatWasEmitted()

/** The state of as many issuers is kept. */
const MAX_ISSUERS = 10_000
const PATIENCE_MS = 60_000

/** A token that names an issuer whose JWTs are left to introspection: neither its keys nor its signature count here. */
function naming(issuer: string, name: string): string {
  return `${base64url('{"alg":"ES256"}')}.${base64url(JSON.stringify({ iss: issuer, jti: name }))}.AAAA`
}

/** A server that trusts every issuer. All but `ISSUER` accept every token. */
function serving(reply: () => Response | Promise<Response>) {
  const signals: (AbortSignal | null | undefined)[] = []
  const api = createResourceServer({
    resource: RESOURCE,
    issuers: resolveIssuers(({ iss = ISSUER }) => ({
      issuer: iss,
      jwt: false,
      introspection: introspect({ endpoint: `${iss}/introspect`, auth: 'none', cacheSeconds: 0 }),
    })),
    async fetch(url, { signal }) {
      if (url !== `${ISSUER}/introspect`) return Response.json(goodAnswer())
      signals.push(signal)
      return reply()
    },
    now: () => NOW_MS,
  })
  const ask = (issuer: string, name = 'token'): Promise<unknown> => codeOf(api.verify(naming(issuer, name)))
  return { api, ask, signals }
}

/** Asks as many other issuers as are kept, a hundred at a time. `between` runs after each hundred. */
async function askOthers(ask: (issuer: string) => Promise<unknown>, between: () => Promise<void>): Promise<void> {
  for (let index = 0; index < MAX_ISSUERS; index += 100) {
    const others = Array.from({ length: 100 }, (_, offset) => `https://tenant-${index + offset}.example.com`)
    expect(new Set(await Promise.all(others.map((issuer) => ask(issuer))))).toEqual(new Set(['accepted']))
    await between()
  }
}

describe('where more issuers are described than are kept', () => {
  test(
    'one that is asked in between keeps its open circuit',
    async () => {
      const { ask, signals } = serving(() => new Response('', { status: 503 }))
      for (let failure = 0; failure < 5; failure++) await ask(ISSUER, `failure-${failure}`)
      expect(signals).toHaveLength(5)
      await askOthers(ask, async () => void (await ask(ISSUER)))
      expect(await ask(ISSUER)).toBe('issuer_unavailable')
      expect(signals, 'it was down, and nobody asks it').toHaveLength(5)
    },
    PATIENCE_MS,
  )

  test(
    'a question to one that was thrown out ends when the server closes',
    async () => {
      const { api, ask, signals } = serving(() => new Promise(() => {}))
      const hanging = ask(ISSUER)
      await askOthers(ask, async () => {})
      expect(signals.map((signal) => signal?.aborted)).toEqual([false])
      api.close()
      expect(signals.map((signal) => signal?.aborted)).toEqual([true])
      expect(await hanging).toBe('issuer_unavailable')
    },
    PATIENCE_MS,
  )
})
