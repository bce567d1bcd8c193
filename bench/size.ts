// What lands in a bundle: by esbuild, minified and compressed, and as wrangler would upload it.

import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'

export interface Size {
  readonly name: string
  readonly minifiedBytes: number
  readonly gzipBytes: number
}

const HERE = import.meta.dirname
const DIST = '../dist'

/** What a user of each would import. */
const ENTRIES: Readonly<Record<string, string>> = {
  'bearward + bearward/fetch': `
    export { createResourceServer, scope } from '${DIST}/index.js'
    export { protect } from '${DIST}/fetch.js'`,
  'bearward + bearward/node': `
    export { createResourceServer, scope } from '${DIST}/index.js'
    export { protect } from '${DIST}/node.js'`,
  jose: `export { createRemoteJWKSet, jwtVerify } from 'jose'`,
  oauth4webapi: `export { validateJwtAccessToken } from 'oauth4webapi'`,
  'aws-jwt-verify': `export { JwtVerifier } from 'aws-jwt-verify'`,
  'fast-jwt': `export { createVerifier } from 'fast-jwt'`,
  'jsonwebtoken + jwks-rsa': `export { verify } from 'jsonwebtoken'; export { JwksClient } from 'jwks-rsa'`,
  'express-oauth2-jwt-bearer': `export { auth, requiredScopes } from 'express-oauth2-jwt-bearer'`,
  '@fastify/jwt + get-jwks': `export { default as jwt } from '@fastify/jwt'; export { default as keys } from 'get-jwks'`,
  'hono/jwk': `export { jwk } from 'hono/jwk'`,
}

export async function measureSizes(): Promise<Size[]> {
  return Promise.all(Object.entries(ENTRIES).map(([name, contents]) => measureSize(name, contents)))
}

async function measureSize(name: string, contents: string): Promise<Size> {
  const needsNode = !/^(bearward \+ bearward\/fetch|jose|oauth4webapi|hono)/.test(name)
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: HERE, sourcefile: 'entry.js' },
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2023',
    platform: needsNode ? 'node' : 'browser',
    write: false,
    logLevel: 'error',
  })
  const { contents: code } = outputFiles[0] ?? { contents: new Uint8Array() }
  return { name, minifiedBytes: code.length, gzipBytes: gzipSync(code, { level: 9 }).length }
}

/** A Worker with one protected route, as wrangler says that it would upload it: "Total Upload: 58.10 KiB / gzip: 20.31 KiB". */
export async function measureUpload(): Promise<string> {
  const directory = await mkdtemp(join(HERE, '.upload-'))
  try {
    await writeFile(
      join(directory, 'worker.js'),
      `import { createResourceServer, scope } from '../${DIST}/index.js'
       import { protect } from '../${DIST}/fetch.js'
       const api = createResourceServer({
         resource: 'https://api.example.com',
         issuers: [{ issuer: 'https://login.example.com' }],
       })
       export default {
         fetch: protect(api, scope('orders:read'), (_, { token }) => Response.json({ hello: token.subject })),
       }`,
    )
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [
        join(HERE, '../node_modules/wrangler/bin/wrangler.js'),
        'deploy',
        'worker.js',
        '--dry-run',
        '--minify',
        '--name=bench',
        '--compatibility-date=2026-10-01',
      ],
      {
        cwd: directory,
        env: {
          ...process.env,
          WRANGLER_SEND_METRICS: 'false',
          CLOUDFLARE_CF_FETCH_ENABLED: 'false',
          WRANGLER_HIDE_BANNER: 'true',
        },
      },
    )
    return /Total Upload: .*/.exec(stdout)?.[0].trim() ?? 'not said'
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}
