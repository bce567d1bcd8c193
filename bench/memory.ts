// What a remembered token takes: the growth of the heap, divided by their number. Needs `--expose-gc`, and runs in a process of its
// own: node --expose-gc memory.ts 20000 10000

import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { createResourceServer } from '../dist/index.js'
import { startAuthority } from './authority.ts'
import { claimsFor, createSigningKey, freshString, RESOURCE, signTokens } from './tokens.ts'

/** Bytes for each token that is kept, once for every run. */
export async function measureMemory(runs: number, tokens: number, max: number): Promise<number[]> {
  const figures: number[] = []
  for (let run = 0; run < runs; run++) {
    const { stdout } = await promisify(execFile)(process.execPath, [
      '--expose-gc',
      import.meta.filename,
      String(tokens),
      String(max),
    ])
    figures.push(Number(stdout))
  }
  return figures
}

async function measureOnce(tokens: number, max: number): Promise<number> {
  const key = await createSigningKey('RS256')
  const authority = await startAuthority({ keys: [key.jwk] })
  const bytes = await signTokens(key, tokens, (index) => claimsFor(authority.issuer, index))
  const api = createResourceServer({
    resource: RESOURCE,
    issuers: [{ issuer: authority.issuer }],
    // Bounded by number alone, since that is the bound under test.
    tokenCache: { max, maxBytes: 2 ** 30 },
  })
  // The code, the keys and the caches' own tables are there before it is looked at.
  for (const token of bytes.slice(0, 200)) await api.verify(freshString(token))
  await api.invalidateAll()
  const before = await usedBytes()
  for (const token of bytes) await api.verify(freshString(token))
  const after = await usedBytes()
  // Asked once more, so that nothing can be collected before it is weighed.
  await api.verify(freshString(bytes.at(-1) as Uint8Array))
  return (after - before) / Math.min(tokens, max)
}

async function usedBytes(): Promise<number> {
  const { gc } = globalThis as { gc?: () => void }
  if (!gc) throw new Error('the memory is measured with --expose-gc')
  for (let turn = 0; turn < 3; turn++) {
    gc()
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

if (import.meta.main) {
  console.log(await measureOnce(Number(process.argv[2]), Number(process.argv[3])))
  process.exit()
}
