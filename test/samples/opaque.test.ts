// Opaque tokens, end to end: both samples ask a real authorization server, which also revokes, and goes down and up again.

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  clients,
  ordersApi,
  ordersResource,
  startAuthorizationServer,
  type AuthorizationServer,
} from '../../demo/authorization-server.ts'
import { obtainCredentials, type CredentialName, type Credentials } from '../../demo/credentials.ts'
import { sections } from '../../demo/expectations.ts'
import { clientCredentials, discoverEndpoints, revoke, type Endpoints } from '../../demo/flows.ts'
import { startNodeApi } from '../../demo/node-api.ts'
import { playSections } from '../../demo/play.ts'
import { settingsFor, signedSettingsFor } from '../../demo/settings.ts'
import { bundleWorker, startWorker, type RunningApi, type WorkerBundle } from '../../demo/worker.ts'

type Start = (settings: Record<string, string>) => Promise<RunningApi>

const runtimes: Record<'Worker' | 'Node', Start> = {
  Worker: (vars) => startWorker(bundle, { port: 0, vars }),
  Node: (environment) => startNodeApi({ port: 0, environment }),
}

let bundle: WorkerBundle
let authorizationServer: AuthorizationServer
let endpoints: Endpoints
let credentials: Credentials

beforeAll(async () => {
  ;[bundle, authorizationServer] = await Promise.all([bundleWorker(), startAuthorizationServer({ port: 0 })])
  endpoints = await discoverEndpoints(authorizationServer.issuer)
  credentials = await obtainCredentials(endpoints)
})

afterAll(() => authorizationServer?.stop())

async function opaqueToken(): Promise<string> {
  const wanted = { resource: ordersResource, scope: 'orders:read' }
  return (await clientCredentials(endpoints, clients.partner, wanted)).accessToken
}

function get(api: RunningApi, path: string, token: string | undefined): Promise<Response> {
  return fetch(`${api.url}${path}`, token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } })
}

describe.each(Object.entries(runtimes))('opaque tokens on %s', (name, start) => {
  test('every section of the demo comes out as the demo expects', async () => {
    // Of its own: carol signs out but once, and nobody else can do without the authorization server.
    const own = await startAuthorizationServer({ port: 0 })
    const apis: RunningApi[] = []
    try {
      const ownEndpoints = await discoverEndpoints(own.issuer)
      const ownCredentials = await obtainCredentials(ownEndpoints)
      const [plain, signed] = await Promise.all([start(settingsFor(own.issuer)), start(signedSettingsFor(own.issuer))])
      apis.push(plain, signed)
      const played = await playSections(sections, {
        authorizationServer: own,
        endpoints: ownEndpoints,
        credentials: ownCredentials,
        apis: [{ name, plain: plain.url, signed: signed.url }],
      })
      const outcomes = played.flatMap(({ columns }) => columns.flatMap((column) => column.outcomes))
      expect(outcomes).toHaveLength(sections.flatMap(({ rows }) => rows).length)
      expect(outcomes.filter(({ differences }) => differences.length > 0)).toEqual([])
    } finally {
      await Promise.all([...apis.map((api) => api.stop()), own.stop()])
    }
  })

  describe('with the usual settings', () => {
    let api: RunningApi

    beforeAll(async () => {
      api = await start(settingsFor(authorizationServer.issuer))
    })

    afterAll(() => api?.stop())

    test('a token says who calls and what they may do, as a JWT would', async () => {
      const response = await get(api, '/me', credentials['opaque: alice'])
      expect(response.status).toBe(200)
      expect(response.headers.get('cache-control')).toBe('private, no-store')
      expect(await response.json()).toEqual({
        subject: 'alice',
        clientId: 'partner-portal',
        scopes: ['orders:read', 'orders:write'],
        expiresAt: expect.stringMatching(/^\d{4}-.*Z$/),
      })
    })

    test('/readyz says that tokens can be checked', async () => {
      expect((await get(api, '/readyz', undefined)).status).toBe(200)
    })
  })

  describe('configured by its environment', () => {
    test.each<[string, Record<string, string>, CredentialName, number, string | undefined]>([
      ['prefixes of other tokens', { OPAQUE_PREFIXES: 'ory_at_' }, 'opaque: alice', 401, 'token_malformed'],
      ['prefixes of other tokens', { OPAQUE_PREFIXES: 'ory_at_' }, 'code + PKCE', 200, undefined],
      ['other clients', { CLIENTS: 'partner-job' }, 'opaque: alice', 401, 'client_refused'],
      ['other clients', { CLIENTS: 'partner-job' }, 'opaque: job', 200, undefined],
      ['another audience', { AUDIENCE: 'https://first.example' }, 'opaque: job', 401, 'audience_mismatch'],
      ['opaque tokens only', { JWT: 'false' }, 'opaque: job', 200, undefined],
    ])('with %s: %j answers %s with %i %s', async (_, more, credential, status, code) => {
      const api = await start({ ...settingsFor(authorizationServer.issuer), ...more })
      try {
        const response = await get(api, '/orders', credentials[credential])
        expect(response.status).toBe(status)
        expect(((await response.json()) as { code?: string }).code).toBe(code)
      } finally {
        await api.stop()
      }
    })

    test('with an endpoint of its own it asks there', async () => {
      const settings = settingsFor(authorizationServer.issuer)
      const { introspection_endpoint: INTROSPECTION_ENDPOINT } = (await (
        await fetch(`${authorizationServer.issuer}/.well-known/openid-configuration`)
      ).json()) as { introspection_endpoint: string }
      const [there, nowhere] = await Promise.all([
        start({ ...settings, INTROSPECTION_ENDPOINT, METADATA_URL: `${authorizationServer.issuer}/nowhere` }),
        start({ ...settings, INTROSPECTION_ENDPOINT: `${authorizationServer.issuer}/nowhere` }),
      ])
      try {
        expect((await get(there, '/orders', credentials['opaque: job'])).status).toBe(200)
        expect((await get(nowhere, '/orders', credentials['opaque: job'])).status).toBe(503)
      } finally {
        await Promise.all([there.stop(), nowhere.stop()])
      }
    })

    test('with nothing remembered, a revoked token is refused at once', async () => {
      const api = await start({ ...settingsFor(authorizationServer.issuer), INTROSPECTION_CACHE_SECONDS: '0' })
      try {
        const token = await opaqueToken()
        expect((await get(api, '/orders', token)).status).toBe(200)
        await revoke(endpoints, clients.partner, token)
        const refused = await get(api, '/orders', token)
        expect(refused.status).toBe(401)
        expect(await refused.json()).toMatchObject({ code: 'token_inactive' })
      } finally {
        await api.stop()
      }
    })

    test('with a wrong secret callers get a 503, and the operator reads why', async () => {
      const settings = { ...settingsFor(authorizationServer.issuer), INTROSPECTION_CLIENT_SECRET: 'not-the-secret' }
      const api = await start(settings)
      try {
        const token = credentials['opaque: job']
        const response = await get(api, '/orders', token)
        expect(response.status).toBe(503)
        expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0)
        expect(response.headers.has('www-authenticate')).toBe(false)
        await expect.poll(() => api.lastOutput()).toMatch(/"introspection_failed".*invalid_client/)
        for (const secret of [token, 'not-the-secret', btoa(`${ordersApi.client_id}:not-the-secret`)]) {
          expect(api.lastOutput()).not.toContain(secret)
        }
      } finally {
        await api.stop()
      }
    })

    // oidc-provider answers about no JWT.
    test.each([{ INTROSPECTION_USE: 'always' }, { JWT: 'false' }])(
      'with %j the operator reads that the authorization server cannot be asked about JWTs',
      async (more) => {
        const api = await start({ ...settingsFor(authorizationServer.issuer), ...more })
        try {
          const response = await get(api, '/orders', credentials['code + PKCE'])
          expect(response.status).toBe(503)
          expect(response.headers.has('www-authenticate')).toBe(false)
          await expect.poll(() => api.lastOutput()).toMatch(/"introspection_failed".*unsupported_token_type/)
        } finally {
          await api.stop()
        }
      },
    )
  })
})
