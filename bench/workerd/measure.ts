// Nanoseconds for each token in workerd, measured from outside.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { startAuthority } from '../authority.ts'
import { RAW } from '../contenders/raw.ts'
import { findFault, forgeTokens } from '../controls.ts'
import { measureRounds, type Rounds } from '../measure.ts'
import { summarize } from '../statistics.ts'
import {
  type Algorithm,
  claimsFor,
  createSigningKey,
  freshString,
  RESOURCE,
  SCOPE,
  signTokens,
  verifyParameters,
} from '../tokens.ts'
import { bundleWorker, startWorker } from './host.ts'

export interface WorkerdOptions {
  readonly algorithm: Algorithm
  readonly rounds: number
  readonly batch: number
  /** Default 1. */
  readonly atOnce?: number
  /** Default: raw verification, bearward and jose. */
  readonly contenders?: readonly WorkerdContender[]
}

/** Names in reports, by those in the Worker. */
const NAMES = {
  raw: RAW,
  bearward: 'bearward',
  jose: 'jose',
  oauth4webapi: 'oauth4webapi',
  hono: 'hono/jwk (keys given)',
} as const
export type WorkerdContender = keyof typeof NAMES
const TOKENS = 500

/** By contender and round, less what a request without any verification takes. */
export async function measureWorkerd(options: WorkerdOptions): Promise<Rounds> {
  const { algorithm, rounds, batch, atOnce = 1, contenders = ['raw', 'bearward', 'jose'] } = options
  const key = await createSigningKey(algorithm)
  const authority = await startAuthority({ keys: [key.jwk] })
  const worker = await startWorker(await bundleWorker(`export { default } from './worker.ts'`, import.meta.dirname))
  try {
    const { post } = worker
    const { issuer, jwksUri } = authority
    const tokens = await signTokens(key, TOKENS, (index) => claimsFor(issuer, index))
    await post(
      '/load',
      JSON.stringify({
        issuer,
        jwksUri,
        jwk: key.jwk,
        algorithm,
        parameters: verifyParameters(algorithm),
        importParameters: key.pair.publicKey.algorithm,
        resource: RESOURCE,
        scope: SCOPE,
        tokens: tokens.map(freshString),
      }),
    )
    const bad = await forgeTokens(key, issuer)
    for (const name of contenders.filter((each) => each !== 'raw')) {
      const fault = await findFault(
        async (token) => {
          const { status } = await post(`/check?by=${name}`, token)
          if (status !== 200) throw new Error('refused')
        },
        tokens[0] as Uint8Array,
        bad,
      )
      if (fault !== undefined) throw new Error(`${name} in workerd ${fault}`)
    }
    let from = 0
    const entries = ['nothing', ...contenders].map((name) => ({
      name,
      async measure() {
        from = (from + batch) % TOKENS
        await (await post(`/prepare?from=${from}&count=${batch}`)).text()
        const start = performance.now()
        await (await post(`/run?by=${name}&from=${from}&at-once=${atOnce}`)).text()
        return performance.now() - start
      },
    }))
    const times = await measureRounds(entries, rounds, 3)
    // The median, not each round's own: the difference of two noisy figures is noisier than both.
    const nothing = summarize(times.get('nothing') ?? []).median
    return new Map(
      contenders.map((name) => [NAMES[name], (times.get(name) ?? []).map((ms) => ((ms - nothing) * 1e6) / batch)]),
    )
  } finally {
    await worker.stop()
    authority.stop()
  }
}

export function workerdVersion(): string {
  const manifest = join(import.meta.dirname, '../../node_modules/workerd/package.json')
  return (JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }).version
}
