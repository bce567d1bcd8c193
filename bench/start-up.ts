// How long a new process takes to import a library, and to answer for its first token. Each sample is a process of its own.
//   node start-up.ts import jose          (what the parent runs for one sample)

import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { startAuthority } from './authority.ts'
import { measureRounds, type Rounds } from './measure.ts'
import { claimsFor, createSigningKey, freshString, RESOURCE, signToken } from './tokens.ts'

const DIST = new URL('../dist/', import.meta.url).href

const IMPORTS: Readonly<Record<string, readonly string[]>> = {
  'bearward + bearward/node': [`${DIST}index.js`, `${DIST}frameworks/node.js`],
  'bearward + bearward/fetch': [`${DIST}index.js`, `${DIST}frameworks/fetch.js`],
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

/** Milliseconds to import, by library and round. */
export async function measureImports(rounds: number, only = Object.keys(IMPORTS)): Promise<Rounds> {
  return measureRounds(
    only.map((name) => ({ name, measure: () => sample('import', name) })),
    rounds,
  )
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

async function timeImport(name: string): Promise<number> {
  const start = performance.now()
  for (const specifier of IMPORTS[name] ?? []) await import(specifier)
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
  const [what, name = '', issuer = '', jwksUri = '', token = ''] = process.argv.slice(2)
  console.log(what === 'import' ? await timeImport(name) : await timeFirst(name, issuer, jwksUri, token))
  process.exit()
}
