// The handler of each app awaits `api.authenticate(…)` and lets the error escape to its framework.

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { holdsSecret } from '../fixture/secrets.ts'
import { type Answer, type App, startApp } from './app.ts'
import { type Issuers, refusals, startIssuers } from './refusals.ts'

interface Framework {
  readonly name: string
  /** A file of `apps/` and its arguments. */
  readonly app: readonly [string, ...string[]]
  /** Handlers that let the error escape. */
  readonly paths?: readonly string[]
  /** The status comes from the error; otherwise it is 500. */
  readonly takesStatus: boolean
  /** It logs the whole error; otherwise its message alone. */
  readonly logsDetail: boolean
}

const frameworks: readonly Framework[] = [
  { name: 'koa', app: ['koa.ts'], takesStatus: true, logsDetail: false },
  { name: 'express', app: ['express.ts'], takesStatus: true, logsDetail: true },
  { name: 'fastify', app: ['fastify.ts'], takesStatus: true, logsDetail: true },
  { name: 'hono', app: ['hono.ts'], takesStatus: false, logsDetail: true },
  { name: 'nest on express', app: ['nest.ts', 'express'], takesStatus: true, logsDetail: true },
  { name: 'nest on fastify', app: ['nest.ts', 'fastify'], takesStatus: true, logsDetail: true },
  // The page is a server component.
  { name: 'next', app: ['next.ts'], paths: ['/route', '/page'], takesStatus: false, logsDetail: true },
]

let issuers: Issuers
beforeAll(async () => {
  issuers = await startIssuers()
})
afterAll(() => issuers.stop())

describe.each(frameworks)('a handler of $name', ({ app: command, paths = ['/'], takesStatus, logsDetail }) => {
  let app: App
  beforeAll(async () => {
    app = await startApp(issuers.identifiers, ...command)
  })
  afterAll(() => app?.stop())

  describe.each(paths)('at %s', (path) => {
    test.each(refusals)(
      'may let $code escape: it is answered, and so is the next request',
      async ({ code, status }) => {
        const logged = app.log().length
        const answer = await app.get(path, await issuers.badToken(code))
        const refusal = await app.receive('refusal')
        expect(refusal.code).toBe(code)
        expect(answer.status).toBe(takesStatus ? status : 500)
        expectNothingForOperators(answer, refusal.detail)

        if (logsDetail) await expect.poll(() => normalize(app.log().slice(logged))).toContain(normalize(refusal.detail))
        expect(holdsSecret(app.log())).toBe(false)

        const next = await app.get(path, await issuers.goodToken())
        expect(next.status).toBe(200)
        expect(next.body).toContain('user-1')
        expect(app.isRunning()).toBe(true)
      },
    )
  })

  test.each(refusals)('may answer $code with its challenge', async ({ code, status }) => {
    const answer = await app.get('/challenge', await issuers.badToken(code))
    const { detail } = await app.receive('refusal')
    expect(answer.status).toBe(status)
    expect(JSON.parse(answer.body)).toMatchObject({ code })
    expect(answer.headers.get('www-authenticate')).toEqual(status === 503 ? null : expect.stringMatching(/^Bearer /))
    expect(answer.headers.get('cache-control')).toBe('private, no-store')
    expect(answer.headers.get('content-type')).toMatch(/^application\/json/)
    expect(answer.headers.get('access-control-expose-headers')).toBe('WWW-Authenticate, Retry-After')
    expectNothingForOperators(answer, detail)
    expect((await app.get('/challenge', await issuers.goodToken())).status).toBe(200)
  })
})

/** What the client gets holds neither `detail`, nor the configuration, nor the token. */
function expectNothingForOperators({ headers, body }: Answer, detail: string): void {
  const text = [...headers].join('\n') + body
  expect(normalize(detail)).not.toBe('')
  for (const hidden of [detail, ...issuers.identifiers]) expect(normalize(text)).not.toContain(normalize(hidden))
  expect(holdsSecret(text)).toBe(false)
}

/** A text as it is in HTML, JSON and logs alike: letters and digits, without what stands for a quote. */
function normalize(text: string): string {
  return text.replace(/&(quot|#39|#34);|[^a-z0-9]/gi, '')
}
