// Loads a server: by wrk where it is installed, else by autocannon, which costs about as much as the server itself.

import { spawn, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import autocannon from 'autocannon'

export interface Load {
  readonly url: string
  /** A file with one token a line, sent in turn. */
  readonly tokenFile: string
  readonly connections: number
  readonly seconds: number
  /** A core of its own, where the system can pin. */
  readonly core: number | undefined
}

export interface LoadResult {
  readonly requestsPerSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
}

export const generator = succeeds('wrk', ['-v']) ? 'wrk' : 'autocannon'
const canPin = succeeds('taskset', ['-c', '1', 'true'])

/** Puts a command on one core, where the system can. */
export function pinned(command: readonly string[], core: number | undefined): [string, string[]] {
  const whole = canPin && core !== undefined ? ['taskset', '-c', String(core), ...command] : command
  return [whole[0] ?? '', whole.slice(1)]
}

/** @throws {Error} where a request was refused or failed: refusing is cheaper than answering */
export async function load(wanted: Load): Promise<LoadResult> {
  const { requests, seconds, refused, failed, ...latency } =
    generator === 'wrk' ? await byWrk(wanted) : await byAutocannon(wanted)
  if (refused + failed > 0 || requests === 0) {
    throw new Error(`${wanted.url}: ${requests} requests, of which ${refused} were refused and ${failed} failed`)
  }
  return { requestsPerSecond: requests / seconds, ...latency }
}

interface Outcome {
  readonly requests: number
  readonly seconds: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly refused: number
  readonly failed: number
}

async function byWrk({ url, tokenFile, connections, seconds, core }: Load): Promise<Outcome> {
  const script = join(import.meta.dirname, 'rotate.lua')
  const [command, args] = pinned(
    ['wrk', '-t1', `-c${connections}`, `-d${seconds}s`, '-s', script, '--latency', url],
    core,
  )
  const child = spawn(command, args, {
    env: { ...process.env, BENCH_TOKENS: tokenFile },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  for await (const part of child.stdout) output += String(part)
  const line = output.split('\n').find((each) => each.startsWith('{'))
  if (line === undefined) throw new Error(`wrk said nothing of use: ${output}`)
  const said = JSON.parse(line) as Record<'requests' | 'microseconds' | 'p50' | 'p99' | 'refused' | 'failed', number>
  return {
    requests: said.requests,
    seconds: said.microseconds / 1e6,
    p50Ms: said.p50 / 1000,
    p99Ms: said.p99 / 1000,
    refused: said.refused,
    failed: said.failed,
  }
}

async function byAutocannon({ url, tokenFile, connections, seconds }: Load): Promise<Outcome> {
  const tokens = readFileSync(tokenFile, 'utf8').trim().split('\n')
  let client = 0
  const { duration, latency, errors, non2xx, ...result } = await autocannon({
    url,
    connections,
    duration: seconds,
    // Each connection rotates through its share: all tokens on all of them would take longer to prepare than to send.
    setupClient(made) {
      const share = tokens.filter((_, index) => index % connections === client % connections)
      client++
      made.setRequests(share.map((token) => ({ method: 'GET', headers: { authorization: `Bearer ${token}` } })))
    },
  })
  return {
    requests: result.requests.total,
    seconds: duration,
    p50Ms: latency.p50,
    p99Ms: latency.p99,
    refused: non2xx,
    failed: errors,
  }
}

function succeeds(command: string, args: readonly string[]): boolean {
  return spawnSync(command, args, { stdio: 'ignore' }).error === undefined
}
