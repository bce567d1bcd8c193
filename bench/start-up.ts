// How long a new process takes to import a library, and to answer for its first token. Each sample is a process of its own.
//   node start-up.ts import jose oauth4webapi          (what the parent runs for one sample)

import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { startAuthority } from './authority.ts'
import { measureRounds, type Rounds } from './measure.ts'
import { claimsFor, createSigningKey, freshString, RESOURCE, signToken } from './tokens.ts'

const DIST = new URL('../dist/', import.meta.url).href

const IMPORTS: Readonly<Record<string, readonly string[]>> = {
  'bearward + bearward/node': [`${DIST}index.js`, `${DIST}node.js`],
  'bearward + bearward/fetch': [`${DIST}index.js`, `${DIST}fetch.js`],
  jose: ['jose'],
  'jose/jwt/verify + jose/jwks/remote': ['jose/jwt/verify', 'jose/jwks/remote'],
  oauth4webapi: ['oauth4webapi'],
  'aws-jwt-verify': ['aws-jwt-verify'],
  'fast-jwt': ['fast-jwt'],
  'jsonwebtoken + jwks-rsa': ['jsonwebtoken', 'jwks-rsa'],
  'express-oauth2-jwt-bearer': ['express-oauth2-jwt-bearer'],
  '@fastify/jwt + get-jwks': ['@fastify/jwt', 'get-jwks'],
  'hono/jwk': ['hono/jwk'],
}

/** What bearward imports of others, and nothing of its own. */
export const DEPENDENCIES = "bearward's dependencies alone"

/** Milliseconds to import, by library and round. */
export async function measureImports(rounds: number, only = [...Object.keys(IMPORTS), DEPENDENCIES]): Promise<Rounds> {
  // Within the root, so that Node finds the same copies of the dependencies as it does for `dist`.
  const directory = mkdtempSync(fileURLToPath(new URL('../node_modules/.bearward-bench-', import.meta.url)))
  try {
    const module = join(directory, 'dependencies.mjs')
    writeFileSync(
      module,
      findDependencies()
        .map((specifier) => `import ${JSON.stringify(specifier)}\n`)
        .join(''),
    )
    const specifiersOf = (name: string): readonly string[] =>
      name === DEPENDENCIES ? [pathToFileURL(module).href] : (IMPORTS[name] ?? [])
    return await measureRounds(
      only.map((name) => ({ name, measure: () => sample('import', ...specifiersOf(name)) })),
      rounds,
    )
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

/** Packages and subpaths that `dist/index.js` imports when it is loaded, also through its chunks. */
function findDependencies(): readonly string[] {
  const found = new Set<string>()
  const modules = new Set([`${DIST}index.js`])
  // A set hands out what is added to it on the way.
  for (const module of modules) {
    const code = readFileSync(fileURLToPath(module), 'utf8')
    for (const [, from, alone] of code.matchAll(
      /^(?:import|export)\b[^;"']*\bfrom\s*"([^"]+)"|^import\s*"([^"]+)"/gm,
    )) {
      const specifier = from ?? alone ?? ''
      if (specifier.startsWith('.')) modules.add(new URL(specifier, module).href)
      else found.add(specifier)
    }
  }
  return [...found].toSorted()
}

/** Milliseconds from before the import to the end of the first verification, keys fetched over loopback. */
export async function measureFirstRequests(rounds: number): Promise<Rounds> {
  const key = await createSigningKey('RS256')
  const authority = await startAuthority({ keys: [key.jwk] })
  try {
    const { issuer, jwksUri } = authority
    const token = freshString(await signToken(key, claimsFor(issuer, 0)))
    return await measureRounds(
      ['bearward', 'jose'].map((name) => ({ name, measure: () => sample('first', name, issuer, jwksUri, token) })),
      rounds,
    )
  } finally {
    authority.stop()
  }
}

async function sample(...args: string[]): Promise<number> {
  const { stdout } = await promisify(execFile)(process.execPath, [import.meta.filename, ...args])
  return Number(stdout)
}

async function timeImport(specifiers: readonly string[]): Promise<number> {
  const start = performance.now()
  for (const specifier of specifiers) await import(specifier)
  return performance.now() - start
}

async function timeFirst(name: string, issuer: string, jwksUri: string, token: string): Promise<number> {
  const start = performance.now()
  if (name === 'bearward') {
    const { createResourceServer } = await import('../dist/index.js')
    await createResourceServer({ resource: RESOURCE, issuers: [{ issuer }] }).verify(token)
  } else {
    const { createRemoteJWKSet, jwtVerify } = await import('jose')
    await jwtVerify(token, createRemoteJWKSet(new URL(jwksUri)), { issuer, audience: RESOURCE, typ: 'at+jwt' })
  }
  return performance.now() - start
}

if (import.meta.main) {
  const [what, ...rest] = process.argv.slice(2)
  const [name = '', issuer = '', jwksUri = '', token = ''] = rest
  console.log(what === 'import' ? await timeImport(rest) : await timeFirst(name, issuer, jwksUri, token))
  process.exit()
}
