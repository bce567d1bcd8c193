// Hostile tenants in a separate process, with its own heap and event loop.

import { createResourceServer, resolveIssuers } from 'bearward'
import { goodClaims, RESOURCE, signingKey, signToken } from '../../test/fixture/issuer.ts'
import { createEmitted, type EmittedReport } from '../emitted.ts'
import { tally } from '../line.ts'
import { heldBytes } from '../memory.ts'
import { outcomeOf } from '../scene.ts'
import { hostileDocuments } from './documents.ts'

/** The measurements of ten hostile tenants. */
export interface TenantsReport {
  readonly outcomes: string
  readonly accepted: number
  readonly heldBytes: number
  readonly longestTurnMs: number
  readonly events: number
  readonly emitted: EmittedReport
}

const TENANTS = 10
const JSON_TYPE = { 'content-type': 'application/json' }

async function measure(): Promise<TenantsReport> {
  const emitted = createEmitted()
  // The first round compiles the code.
  await load('warm-up', emitted)
  return load('tenant', emitted)
}

async function load(name: string, emitted: ReturnType<typeof createEmitted>): Promise<TenantsReport> {
  const issuers = Array.from({ length: TENANTS }, (_, index) => `https://${name}-${index}.example.com`)
  const { jwk } = await signingKey()
  const documents = new Map<string, Uint8Array<ArrayBuffer>>(
    hostileDocuments(issuers, jwk).flatMap(({ metadata, keys }, index) => [
      [`${issuers[index]}/.well-known/oauth-authorization-server`, metadata] as const,
      [`${issuers[index]}/jwks`, keys] as const,
    ]),
  )
  let events = 0
  const api = createResourceServer({
    resource: RESOURCE,
    issuers: resolveIssuers(({ iss = '' }) => ({ issuer: iss })),
    onEvent(event) {
      events++
      emitted.event(event)
    },
    async fetch(url) {
      await new Promise((resolve) => setImmediate(resolve))
      return new Response(documents.get(url) ?? null, { status: documents.has(url) ? 200 : 404, headers: JSON_TYPE })
    },
  })
  const now = Math.floor(Date.now() / 1_000)
  const tokens = await Promise.all(issuers.map((iss) => signToken(goodClaims({ iss, iat: now, exp: now + 3_600 }))))
  const before = await heldBytes()
  const turns = watchTurns()
  const outcomes = await Promise.all(tokens.map((token) => outcomeOf(api, token, emitted)))
  const longestTurnMs = turns.stop()
  const held = (await heldBytes()) - before
  api.close()
  return {
    outcomes: tally(outcomes),
    accepted: outcomes.filter((outcome) => outcome === 'accepted').length,
    heldBytes: held,
    longestTurnMs,
    events,
    emitted: emitted.report(),
  }
}

/** Measures the longest time from one turn of the event loop to the next. */
function watchTurns(): { readonly stop: () => number } {
  let longestMs = 0
  let lastMs = performance.now()
  let next = setImmediate(beat)
  function beat(): void {
    const nowMs = performance.now()
    longestMs = Math.max(longestMs, nowMs - lastMs)
    lastMs = nowMs
    next = setImmediate(beat)
  }
  return {
    stop() {
      clearImmediate(next)
      return longestMs
    },
  }
}

process.send?.(await measure())
process.disconnect()
