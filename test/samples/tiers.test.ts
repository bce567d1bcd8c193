// The Orders Worker with the caches that wrangler.toml binds: what one isolate learnt, the next one starts with.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { clients, ordersResource, startAuthorizationServer } from '../../demo/authorization-server.ts'
import { clientCredentials, discoverEndpoints } from '../../demo/flows.ts'
import { settingsFor } from '../../demo/settings.ts'
import { bundleWorker, startWorker, type RunningApi, type WorkerBundle } from '../../demo/worker.ts'

// A busy machine's caches are slow now and then, are passed over, and are asked again a second later.
const PATIENTLY = { timeout: 10_000, interval: 500 }
const TIER_ENCRYPTION_KEY = 'k1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8='

let bundle: WorkerBundle
let persistTo: string

beforeAll(async () => {
  ;[bundle, persistTo] = await Promise.all([bundleWorker(), mkdtemp(join(tmpdir(), 'bearward-tiers-'))])
})

afterAll(() => rm(persistTo, { recursive: true, force: true }))

function start(vars: Record<string, string>, kvNamespaces = bundle.kvNamespaces): Promise<RunningApi> {
  return startWorker({ ...bundle, kvNamespaces }, { port: 0, vars, persistTo })
}

/** Leaves time for what is written behind the answers, and ends the Worker. */
async function stop(api: RunningApi): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 1_000))
  await api.stop()
}

async function statusOf(api: RunningApi, path: string, token?: string): Promise<number> {
  const response = await fetch(
    `${api.url}${path}`,
    token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } },
  )
  await response.text()
  return response.status
}

test('wrangler.toml binds the namespace that the Worker looks for', () => {
  expect(bundle.kvNamespaces).toEqual(['BEARWARD_CACHE'])
})

describe.each([
  ['caches and KV', ['BEARWARD_CACHE']],
  ['caches alone', []],
])('a Worker that starts anew while its authorization server is down, with %s', (_, kvNamespaces) => {
  test('accepts what the one before it could accept, and is ready', async () => {
    const authorizationServer = await startAuthorizationServer({ port: 0 })
    const { issuer } = authorizationServer
    const vars = { ...settingsFor(issuer), INTROSPECTION_CACHE_SECONDS: '300', TIER_ENCRYPTION_KEY }
    const endpoints = await discoverEndpoints(issuer)
    const wanted = { resource: ordersResource, scope: 'orders:read' }
    const [{ accessToken: jwt }, { accessToken: opaque }, { accessToken: unasked }] = await Promise.all([
      clientCredentials(endpoints, clients.job, wanted),
      clientCredentials(endpoints, clients.partner, wanted),
      clientCredentials(endpoints, clients.partner, wanted),
    ])

    const before = await start(vars, kvNamespaces)
    try {
      expect(await statusOf(before, '/orders', jwt)).toBe(200)
      expect(await statusOf(before, '/orders', opaque)).toBe(200)
    } finally {
      await Promise.all([stop(before), authorizationServer.stop()])
    }

    const after = await start(vars, kvNamespaces)
    try {
      await expect.poll(() => statusOf(after, '/readyz'), PATIENTLY).toBe(200)
      await expect.poll(() => statusOf(after, '/orders', jwt), PATIENTLY).toBe(200)
      await expect.poll(() => statusOf(after, '/orders', opaque), PATIENTLY).toBe(200)
      expect(await statusOf(after, '/orders', unasked)).toBe(503)
    } finally {
      await after.stop()
    }
  })

  test('is ready where the one before it was asked for nothing but /readyz', async () => {
    const authorizationServer = await startAuthorizationServer({ port: 0 })
    const vars = { ISSUER: authorizationServer.issuer, RESOURCE: ordersResource }
    const before = await start(vars, kvNamespaces)
    try {
      expect(await statusOf(before, '/readyz')).toBe(200)
    } finally {
      await Promise.all([stop(before), authorizationServer.stop()])
    }
    const after = await start(vars, kvNamespaces)
    try {
      await expect.poll(() => statusOf(after, '/readyz'), PATIENTLY).toBe(200)
      const elsewhere = await start({ ...vars, METADATA_URL: `${vars.ISSUER}/elsewhere` }, kvNamespaces)
      // What was said elsewhere is nothing that was shared.
      expect(await statusOf(elsewhere, '/readyz').finally(() => elsewhere.stop())).toBe(503)
    } finally {
      await after.stop()
    }
  })
})
