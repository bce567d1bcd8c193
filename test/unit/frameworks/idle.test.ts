import { spawn } from 'node:child_process'
import { expect, test } from 'vitest'

const source = (path: string): string => JSON.stringify(new URL(`../../../${path}`, import.meta.url).href)

// A whole life: an issuer on loopback, a resource server, one verified token, and the issuer gone again.
const script = `
  import { createServer } from 'node:http'
  import { exportJWK, generateKeyPair, SignJWT } from 'jose'
  import { createResourceServer } from ${source('src/entry-points/index.ts')}

  const { privateKey, publicKey } = await generateKeyPair('ES256')
  const jwk = { ...(await exportJWK(publicKey)), kid: 'key-1' }
  const server = createServer((request, response) => {
    const document = request.url === '/jwks' ? { keys: [jwk] } : { issuer, jwks_uri: issuer + '/jwks' }
    response.setHeader('Content-Type', 'application/json')
    response.end(JSON.stringify(document))
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  const issuer = 'http://127.0.0.1:' + server.address().port

  const api = createResourceServer({ resource: 'https://api.example.com', issuers: [{ issuer }] })
  const claims = { client_id: 'client-1', jti: 'token-1' }
  const token = await new SignJWT(claims)
    .setProtectedHeader({ alg: 'ES256', kid: 'key-1', typ: 'at+jwt' })
    .setIssuer(issuer).setAudience('https://api.example.com').setSubject('user-1')
    .setIssuedAt().setExpirationTime('5m')
    .sign(privateKey)
  const { subject } = await api.verify(token)
  console.log('verified ' + subject)
  server.close()
  // Neither close() nor process.exit(): nothing that bearward started may keep the process alive.
`

function run(code: string): Promise<{ exit: number | null; output: string }> {
  const root = new URL('../../../', import.meta.url)
  const child = spawn(process.execPath, ['--no-warnings', '--input-type=module', '--eval', code], { cwd: root })
  const output: string[] = []
  child.stdout.on('data', (chunk: Buffer) => output.push(chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => output.push(chunk.toString()))
  const deadline = setTimeout(() => child.kill('SIGKILL'), 15_000)
  return new Promise((resolve) => {
    child.on('close', (exit) => {
      clearTimeout(deadline)
      resolve({ exit, output: output.join('') })
    })
  })
}

test('an idle process that made a resource server and verified a token exits by itself', async () => {
  expect(await run(script)).toEqual({ exit: 0, output: 'verified user-1\n' })
})

test('a process that only made a resource server exits by itself', async () => {
  const made = `
    import { createResourceServer } from ${source('src/entry-points/index.ts')}
    createResourceServer({ resource: 'https://api.example.com', issuers: [{ issuer: 'https://login.example.com' }] })
    console.log('made')
  `
  expect(await run(made)).toEqual({ exit: 0, output: 'made\n' })
})
