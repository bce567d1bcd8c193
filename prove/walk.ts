// Prints the walk of one token from `protect()` to the handler and back: the files of `src` that it enters, in order.
// npm run walk, or npm run walk -- known --functions

import { readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { build, type Plugin, transform } from 'esbuild'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { parseAst } from 'rolldown/parseAst'

const ROOT = join(import.meta.dirname, '..')
const SOURCE = join(ROOT, 'src')
const ISSUER = 'https://login.example.com'
const RESOURCE = 'https://api.example.com'

declare global {
  /** Receives `file function` at each call, while a walk is traced. */
  var walkTrace: string[] | undefined
}

type Library = typeof import('bearward') & Pick<typeof import('bearward/fetch'), 'protect'>

/** Any node of a syntax tree. */
interface Node {
  readonly type: string
  readonly start: number
  readonly end: number
  readonly body?: Node
  readonly id?: { readonly name?: string } | null
  readonly key?: { readonly name?: string }
}

const FUNCTIONS = new Set(['FunctionDeclaration', 'FunctionExpression', 'ArrowFunctionExpression'])

/** Makes every function of a module report its call. */
function traced(code: string, file: string): string {
  const insertions: (readonly [at: number, text: string])[] = []
  const visit = (value: unknown, name: string): void => {
    if (Array.isArray(value)) return value.forEach((each) => visit(each, name))
    if (typeof value !== 'object' || value === null) return
    const node = value as Node
    const own = node.id?.name ?? node.key?.name ?? name
    if (FUNCTIONS.has(node.type) && node.body) {
      const report = `globalThis.walkTrace?.push(${JSON.stringify(`${file} ${own}`)})`
      const { type, start, end } = node.body
      if (type === 'BlockStatement') insertions.push([start + 1, `${report};`])
      else insertions.push([start, `(${report},(`], [end, '))'])
    }
    for (const child of Object.values(node)) visit(child, own)
  }
  visit(parseAst(code).body, '')
  const latestFirst = insertions.toSorted(([one], [other]) => other - one)
  return latestFirst.reduce((text, [at, insertion]) => text.slice(0, at) + insertion + text.slice(at), code)
}

const tracing: Plugin = {
  name: 'tracing',
  setup(bundle) {
    bundle.onLoad({ filter: /\/src\/.*\.ts$/ }, async ({ path }) => {
      const { code } = await transform(readFileSync(path, 'utf8'), { loader: 'ts', target: 'es2024' })
      return { contents: traced(code, relative(SOURCE, path)), loader: 'js' }
    })
  },
}

async function loadTraced(): Promise<Library> {
  const built = await build({
    stdin: {
      contents: "export * from './src/entry-points/index.ts'; export { protect } from './src/entry-points/fetch.ts'",
      resolveDir: ROOT,
    },
    bundle: true,
    format: 'esm',
    platform: 'node',
    write: false,
    plugins: [tracing],
  })
  const code = built.outputFiles[0]?.text ?? ''
  return (await import(`data:text/javascript,${encodeURIComponent(code)}`)) as Library
}

const { createResourceServer, protect, scope } = await loadTraced()
const { publicKey, privateKey } = await generateKeyPair('ES256')
const keys = [{ ...(await exportJWK(publicKey)), kid: 'key-1', alg: 'ES256' }]
const api = createResourceServer({
  resource: RESOURCE,
  issuers: [{ issuer: ISSUER, jwt: { jwksUri: `${ISSUER}/jwks` } }],
  fetch: async () => Response.json({ keys }),
})
const handler = protect(api, scope('orders:read'), (_, { token }) => new Response(token.subject))

async function requestWith(name: string): Promise<Request> {
  const token = await new SignJWT({ scope: 'orders:read', client_id: 'client-1', jti: name })
    .setProtectedHeader({ alg: 'ES256', kid: 'key-1', typ: 'at+jwt' })
    .setIssuer(ISSUER)
    .setAudience(RESOURCE)
    .setSubject('user-1')
    .setIssuedAt()
    .setExpirationTime('5m')
    .sign(privateKey)
  return new Request(RESOURCE, { headers: { Authorization: `Bearer ${token}` } })
}

async function trace(request: Request): Promise<readonly string[]> {
  const calls: string[] = []
  globalThis.walkTrace = calls
  const { status } = await handler(request)
  globalThis.walkTrace = undefined
  if (status !== 200) throw new Error(`the walk ended with status ${status}`)
  return calls
}

function print(name: string, calls: readonly string[]): void {
  const stays = calls.map((call) => call.split(' ')[0]).filter((file, at, all) => file !== all[at - 1])
  const files = new Set(stays)
  const layers = new Set([...files].map((file) => file?.split('/').slice(0, -1).join('/') || file))
  console.log(`${name}: ${files.size} files in ${layers.size} layers, ${stays.length - files.size} returns`)
  for (const line of process.argv.includes('--functions') ? calls : files) console.log(`  ${line}`)
}

// The keys and the header are at hand from here on.
await handler(await requestWith('warm'))
const request = await requestWith('fresh')
const walks = { fresh: await trace(request), known: await trace(request) }
const wanted = process.argv.slice(2).filter((argument) => argument in walks)
for (const [name, calls] of Object.entries(walks)) if (wanted.length === 0 || wanted.includes(name)) print(name, calls)
