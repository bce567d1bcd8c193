import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, posix } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import manifest from '../../package.json' with { type: 'json' }
import { ROOT } from './sources.ts'

const run = promisify(execFile)

let project = ''
let packed: readonly string[] = []

/** The anchors of a document's headings. */
function anchorsOf(text: string): readonly string[] {
  return [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\w\s-]/g, '')
      .replaceAll(' ', '-'),
  )
}

/** The code blocks of a document, with the file name that their first line gives. */
async function blocksOf(
  document: string,
  language: string,
): Promise<readonly { readonly name: string | undefined; readonly code: string }[]> {
  const text = await readFile(join(ROOT, document), 'utf8')
  return [...text.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, 'gm'))].map(([, code = '']) => ({
    name: /^\/\/ (\S+\.ts)$/m.exec(code.split('\n')[0] ?? '')?.[1],
    code,
  }))
}

// An empty project with the packed tarball in it, as a user would have one.
beforeAll(async () => {
  project = await mkdtemp(join(tmpdir(), 'bearward-package-'))
  const modules = join(project, 'node_modules')
  await mkdir(join(modules, '@types'), { recursive: true })
  // Without scripts: a build would take away the files that other tests read at the same time.
  const { stdout } = await run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', project], {
    cwd: ROOT,
  })
  const [tarball] = JSON.parse(stdout) as { filename: string; files: { path: string }[] }[]
  packed = tarball?.files.map(({ path }) => path) ?? []
  await run('tar', ['-xzf', join(project, tarball?.filename ?? ''), '-C', project])
  await cp(join(project, 'package'), join(modules, 'bearward'), { recursive: true })
  for (const name of ['jose', 'lru-cache'])
    await cp(join(ROOT, 'node_modules', name), join(modules, name), { recursive: true })
  // Types of Node, and the client of an example.
  for (const name of ['@types/node', 'undici-types', 'ioredis'])
    await symlink(join(ROOT, 'node_modules', name), join(modules, name))
  await writeFile(join(project, 'package.json'), '{ "type": "module", "private": true }')
})

afterAll(() => rm(project, { recursive: true, force: true }))

describe('the packed tarball', () => {
  test('holds the compiled code, the licence and the documents, and nothing else', () => {
    const strange = packed.filter(
      (path) =>
        !/^(dist\/.+\.(js|d\.ts)|docs\/[a-z-]+\.md|package\.json|(README|CHANGELOG|SECURITY)\.md|LICENSE)$/.test(path),
    )
    expect(strange).toEqual([])
    for (const path of ['dist/index.js', 'dist/index.d.ts', 'README.md', 'LICENSE', 'SECURITY.md', 'CHANGELOG.md']) {
      expect(packed).toContain(path)
    }
  })

  test('every entry point, and the examples of the README and of the documents, compile against it, strictly', async () => {
    const documents = [
      'README.md',
      'docs/caching.md',
      'docs/configuration.md',
      'docs/errors.md',
      'docs/introspection.md',
      'docs/reference.md',
      'docs/request-lifecycle.md',
      'SECURITY.md',
    ]
    const folder = join(project, 'examples')
    await mkdir(folder)
    let count = 0
    for (const document of documents) {
      for (const { code } of await blocksOf(document, 'ts')) {
        expect([document, /\bfrom 'bearward/.test(code)]).toEqual([document, true])
        await writeFile(join(folder, `${document.replaceAll(/\W/g, '-')}-${count++}.ts`), code)
      }
    }
    expect(count).toBeGreaterThanOrEqual(3)
    // With the types of no platform at hand but Node's, those of Workers and of Redis clients included.
    const entries = Object.keys(manifest.exports).filter((name) => name !== './package.json')
    expect(entries.length).toBeGreaterThan(5)
    const imports = entries.map((name, index) => `import * as entry${index} from 'bearward${name.slice(1)}'`)
    const uses = entries.map((_, index) => `export const keys${index} = Object.keys(entry${index})`)
    await writeFile(join(folder, 'entry-points.ts'), [...imports, ...uses].join('\n'))
    const compilerOptions = {
      target: 'es2023',
      lib: ['es2024', 'dom', 'dom.iterable'],
      module: 'nodenext',
      types: ['node'],
      strict: true,
      exactOptionalPropertyTypes: true,
      noUncheckedIndexedAccess: true,
      verbatimModuleSyntax: true,
      erasableSyntaxOnly: true,
      skipLibCheck: false,
      noEmit: true,
    }
    await writeFile(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['examples'] }))
    const compiler = join(ROOT, 'node_modules/typescript/bin/tsc')
    const outcome = await run(process.execPath, [compiler, '-p', project]).then(
      () => 'compiled',
      ({ stdout }: { stdout: string }) => stdout,
    )
    expect(outcome).toBe('compiled')
  })

  test('every link of its documents leads to a document in it, and to a heading there', async () => {
    const documents = packed.filter((path) => path.endsWith('.md'))
    const texts = new Map(
      await Promise.all(documents.map(async (path) => [path, await readFile(join(ROOT, path), 'utf8')] as const)),
    )
    const dead: string[] = []
    let followed = 0
    for (const [from, text] of texts) {
      for (const [, link = ''] of text.matchAll(/\]\((?!https?:)([^)]+)\)/g)) {
        const [path = '', anchor] = link.split('#')
        const target = texts.get(path === '' ? from : posix.join(posix.dirname(from), path))
        followed++
        if (target === undefined || (anchor !== undefined && !anchorsOf(target).includes(anchor))) {
          dead.push(`${from}: ${link}`)
        }
      }
    }
    expect(dead).toEqual([])
    expect(followed).toBeGreaterThan(30)
  })

  test('the examples of the README run, and answer what the README shows', async () => {
    const blocks = await blocksOf('README.md', 'ts')
    const names = blocks.map(({ name }) => name)
    expect(names).toEqual(['worker.ts', 'server.ts', 'queue.ts', 'refused.ts'])
    // In a project whose package.json says nothing of modules.
    const plain = join(project, 'plain')
    await mkdir(plain)
    await writeFile(join(plain, 'package.json'), '{ "private": true }')
    for (const { name, code } of blocks) await writeFile(join(plain, name ?? ''), code)
    await writeFile(join(plain, 'run.mjs'), RUNNER)
    const { stdout } = await run(process.execPath, ['run.mjs'], { cwd: plain, timeout: 30_000 })
    const { worker, server, queue, told } = JSON.parse(stdout.split('\n').at(-2) ?? '') as {
      worker: readonly Answer[]
      server: readonly Answer[]
      queue: readonly string[]
      told: readonly string[]
    }

    for (const [none, lacking, good] of [worker, server]) {
      expect(good).toMatchObject({ status: 200, body: '{"hello":"user-1"}' })
      expect([none?.status, lacking?.status]).toEqual([401, 403])
    }
    expect(server).toEqual(worker)
    expect(queue).toEqual(['done', 'dropped', 'dropped', 'retry'])

    const [log] = await blocksOf('README.md', 'text')
    expect(log?.code.trimEnd().split('\n')).toEqual(told)

    const [shown] = await blocksOf('README.md', 'http')
    const lines = shown?.code.split('\n').filter((line) => line !== '')
    const printed = [worker[0], worker[1]].flatMap((answer) => [
      `HTTP/1.1 ${answer?.status} ${answer?.status === 401 ? 'Unauthorized' : 'Forbidden'}`,
      `WWW-Authenticate: ${answer?.challenge}`,
      answer?.body,
    ])
    expect(lines).toEqual(printed)
  })
})

interface Answer {
  readonly status: number
  readonly challenge: string | null
  readonly body: string
}

/**
 * Runs in the user's project: an issuer behind `fetch` in place of the network, any port in place of 3000, and tokens signed
 * here.
 */
const RUNNER = String.raw`
import { Server } from 'node:net'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'

const issuer = 'https://login.example.com'
const { privateKey, publicKey } = await generateKeyPair('ES256')
const jwk = { ...(await exportJWK(publicKey)), kid: 'k', alg: 'ES256' }
const network = globalThis.fetch
let down = false
globalThis.fetch = async (url, init) => {
  if (String(url).startsWith('http://127.0.0.1:')) return network(url, init)
  if (down) throw new TypeError('the issuer is down')
  if (url === issuer + '/jwks') return Response.json({ keys: [jwk] })
  if (url === issuer + '/.well-known/oauth-authorization-server') return Response.json({ issuer, jwks_uri: issuer + '/jwks' })
  return new Response('', { status: 404 })
}

function sign(scope, typ = 'at+jwt') {
  return new SignJWT({ scope, client_id: 'client-1' })
    .setProtectedHeader({ alg: 'ES256', kid: 'k', typ })
    .setIssuer(issuer).setAudience('https://api.example.com').setSubject('user-1').setJti(crypto.randomUUID())
    .setIssuedAt().setExpirationTime('5m')
    .sign(privateKey)
}

const tokens = [undefined, await sign('profile'), await sign('orders:read')]
async function answers(ask) {
  const all = []
  for (const token of tokens) {
    const response = await ask(token === undefined ? {} : { Authorization: 'Bearer ' + token })
    all.push({
      status: response.status,
      challenge: response.headers.get('www-authenticate'),
      body: await response.text(),
    })
  }
  return all
}

const { default: handler } = await import('./worker.ts')
const worker = await answers((headers) => handler.fetch(new Request('https://api.example.com/orders', { headers })))

const listening = Promise.withResolvers()
const listen = Server.prototype.listen
Server.prototype.listen = function () {
  return listen.call(this, 0, '127.0.0.1', () => listening.resolve(this))
}
await import('./server.ts')
const running = await listening.promise
const server = await answers((headers) => network('http://127.0.0.1:' + running.address().port + '/orders', { headers }))
running.close()
running.closeAllConnections()

const told = []
console.warn = (...words) => told.push(words.join(' '))
const { api } = await import('./refused.ts')
await api.verify(await sign('orders:read', 'JWT')).catch(() => {})

const { receive } = await import('./queue.ts')
console.error = () => {}
const queue = [
  await receive({ token: await sign('orders:write') }),
  await receive({ token: await sign('orders:read') }),
  await receive({ token: 'junk' }),
]
down = true
// Nobody who cannot be asked is believed to lack a key.
const { receive: fresh } = await import('./queue.ts?again')
queue.push(await fresh({ token: await sign('orders:write') }))
console.log(JSON.stringify({ worker, server, queue, told }))
`
