// Requests a second of servers that differ in what protects them, in rounds: each round loads every server once.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { startAuthority } from '../authority.ts'
import { forgeTokens } from '../controls.ts'
import { measureRounds, type Rounds } from '../measure.ts'
import { claimsFor, createSigningKey, freshString, signTokens } from '../tokens.ts'
import { load, pinned } from './load.ts'
import type { Stack } from './stacks.ts'

export interface Comparison {
  readonly stack: Stack
  readonly guards: readonly string[]
  /** `known`: 100 tokens in rotation, which may be remembered; `fresh`: 1,000 in rotation, which may not. */
  readonly tokens: 'known' | 'fresh'
  readonly cores: 1 | 2
  readonly rounds: number
  readonly seconds: number
}

const CONNECTIONS = 64
const COUNT = { known: 100, fresh: 1_000 } as const

/** Requests a second by guard and round. */
export async function compareServers(comparison: Comparison): Promise<Rounds> {
  const { stack, guards, tokens, cores, rounds, seconds } = comparison
  const key = await createSigningKey('RS256')
  const authority = await startAuthority({ keys: [key.jwk] })
  const directory = await mkdtemp(join(tmpdir(), 'bearward-bench-'))
  const servers: Server[] = []
  try {
    const tokenFile = join(directory, 'tokens.txt')
    const signed = await signTokens(key, COUNT[tokens], (index) => claimsFor(authority.issuer, index))
    await writeFile(tokenFile, signed.map(freshString).join('\n'))
    const bad = await forgeTokens(key, authority.issuer)
    const { issuer, jwksUri } = authority
    const setup = { issuer, jwksUri, algorithm: 'RS256', remembers: tokens === 'known' }
    for (const guard of guards) {
      const server = await start({ stack, guard, processes: cores, setup }, cores)
      servers.push(server)
      if (guard !== 'unprotected') await requireRefusals(server.url, guard, bad)
    }
    // On one core the load comes from the other; two server processes have to share both with it.
    const core = cores === 1 && availableParallelism() > 1 ? 1 : undefined
    const entries = servers.map(({ url }, index) => ({
      name: guards[index] ?? '',
      measure: async () => (await load({ url, tokenFile, connections: CONNECTIONS, seconds, core })).requestsPerSecond,
    }))
    return await measureRounds(entries, rounds)
  } finally {
    for (const { stop } of servers) await stop()
    authority.stop()
    await rm(directory, { recursive: true, force: true })
  }
}

interface Server {
  readonly url: string
  readonly stop: () => Promise<void>
}

async function start(wanted: object, cores: 1 | 2): Promise<Server> {
  const script = join(import.meta.dirname, 'serve.ts')
  const [command, args] = pinned([process.execPath, script, JSON.stringify(wanted)], cores === 1 ? 0 : undefined)
  const child = spawn(command, args, {
    stdio: ['pipe', 'pipe', 'inherit'],
    // Express logs every refusal unless it is under test.
    env: { ...process.env, NODE_ENV: 'test' },
  })
  const ended = once(child, 'exit')
  const [port] = (await Promise.race([
    once(createInterface(child.stdout), 'line'),
    ended.then(() => Promise.reject(new Error(`the server ${JSON.stringify(wanted)} ended by itself`))),
  ])) as [string]
  return {
    url: `http://127.0.0.1:${port}/`,
    async stop() {
      // It ends when nobody listens to it any more.
      child.stdin.end()
      await ended
    },
  }
}

/** The negative controls, over HTTP. */
async function requireRefusals(url: string, guard: string, bad: ReadonlyMap<string, Uint8Array>): Promise<void> {
  for (const [what, token] of bad) {
    const { status } = await fetch(url, { headers: { authorization: `Bearer ${freshString(token)}` } })
    if (status < 400) throw new Error(`${guard} accepts ${what}`)
  }
}
