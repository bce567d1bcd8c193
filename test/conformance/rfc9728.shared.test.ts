import { describe, expect, test } from 'vitest'
import { createResourceServer, type ResourceServerOptions, scope } from '../../src/entry-points/index.ts'
import { metadataHandler, protect } from '../../src/frameworks/fetch.ts'
import { goodClaims, ISSUER, NOW, NOW_MS, RESOURCE, signToken } from '../fixture/issuer.ts'
import { ask, parseChallenges } from '../fixture/reply.ts'
import { fixture } from '../fixture/server.ts'

function serverOf(resource: string, options: Partial<ResourceServerOptions> = {}) {
  return createResourceServer({ resource, issuers: [{ issuer: ISSUER }], now: () => NOW_MS, ...options })
}

describe('RFC 9728 §3, the metadata document', () => {
  test.each([
    ['https://api.example.com', '/.well-known/oauth-protected-resource'],
    ['https://api.example.com/', '/.well-known/oauth-protected-resource'],
    ['https://api.example.com/orders', '/.well-known/oauth-protected-resource/orders'],
    ['https://api.example.com/a/b/', '/.well-known/oauth-protected-resource/a/b/'],
    ['https://api.example.com/a?tenant=1', '/.well-known/oauth-protected-resource/a?tenant=1'],
    ['https://api.example.com?tenant=1', '/.well-known/oauth-protected-resource?tenant=1'],
  ])('§3.1: of %s is at %s', async (resource, path) => {
    const api = serverOf(resource)
    expect(api.metadataPath).toBe(path)
    const handler = protect(api, () => new Response('handled'))
    const response = await handler(new Request(new URL(path, resource)))
    expect(await response.json()).toMatchObject({ resource })
    expect(response.headers.get('Content-Type')).toBe('application/json')
    expect(response.status).toBe(200)
  })

  test('§3.1: is not served elsewhere, nor by other methods', async () => {
    const handler = protect(serverOf(RESOURCE), () => new Response('handled'))
    const path = '/.well-known/oauth-protected-resource'
    const requests = [
      new Request(`${RESOURCE}${path}/`),
      new Request(`${RESOURCE}${path}?a=b`),
      new Request(`${RESOURCE}/orders${path}`),
      new Request(`${RESOURCE}${path}`, { method: 'POST' }),
    ]
    for (const request of requests) expect((await handler(request)).status).toBe(401)
    expect((await handler(new Request(`${RESOURCE}${path}`))).status).toBe(200)
  })

  test('§3.2: may be read by scripts of every origin, and by HEAD', async () => {
    const handler = metadataHandler(serverOf(RESOURCE))
    const response = await handler(new Request(RESOURCE))
    expect(response.headers.get('Access-Control-Allow-Origin')).toBe('*')
    expect(await (await handler(new Request(RESOURCE, { method: 'HEAD' }))).text()).toBe('')
  })

  test('§3.3: `resource` is the identifier to the letter, and cannot be set to another', async () => {
    for (const resource of ['https://API.example.com', 'https://api.example.com/', 'https://api.example.com:443/a']) {
      expect(serverOf(resource).metadata().resource).toBe(resource)
    }
    expect(() => serverOf(RESOURCE, { resourceMetadata: { resource: `${RESOURCE}/` } })).toThrow(
      expect.objectContaining({ code: 'configuration_invalid' }),
    )
  })

  test('§2: names the authorization servers and the ways to send a token', () => {
    expect(serverOf(RESOURCE).metadata()).toEqual({
      resource: RESOURCE,
      authorization_servers: [ISSUER],
      bearer_methods_supported: ['header'],
    })
    expect(serverOf(RESOURCE, { form: true }).metadata().bearer_methods_supported).toEqual(['header', 'body'])
  })

  test('§2: takes additions', () => {
    const additions = { scopes_supported: ['orders:read'], resource_name: 'Orders', x_other: true }
    expect(serverOf(RESOURCE, { resourceMetadata: additions }).metadata()).toMatchObject(additions)
  })

  test('§2: promises no sender constraint that is not checked', () => {
    const members = Object.keys(serverOf(RESOURCE).metadata())
    expect(members).not.toContain('dpop_bound_access_tokens_required')
    expect(members).not.toContain('dpop_signing_alg_values_supported')
    expect(members).not.toContain('tls_client_certificate_bound_access_tokens')
  })
})

describe('RFC 9728 §5.1, resource_metadata in challenges', () => {
  test('§5.1: stands in every challenge: nothing sent, bad credentials, bad token, scope lacking', async () => {
    const { api } = await fixture()
    const url = `${RESOURCE}/.well-known/oauth-protected-resource`
    const requirement = scope('orders:admin')
    const replies = [
      await ask(api, { requirement }),
      await ask(api, { requirement, token: 'a b' }),
      await ask(api, { requirement, token: 'junk' }),
      await ask(api, { requirement, token: await signToken(goodClaims({ exp: NOW - 60, iat: NOW - 600 })) }),
      await ask(api, { requirement, token: await signToken() }),
    ]
    expect(replies.map(({ status }) => status)).toEqual([401, 400, 401, 401, 403])
    for (const { challenges } of replies) expect(challenges[0]?.parameters['resource_metadata']).toBe(url)
  })

  test('§5.1: has the path of the resource inserted', () => {
    const challenge = serverOf('https://api.example.com/a?b="c"').challenge(new Error('x'))
    expect(challenge.status).toBe(500)
    const handler = protect(serverOf('https://api.example.com/a?b="c"'), () => new Response())
    return expect(
      handler(new Request('https://api.example.com/a')).then(({ headers }) =>
        parseChallenges(headers.get('WWW-Authenticate') ?? ''),
      ),
    ).resolves.toMatchObject([
      {
        parameters: {
          resource_metadata: 'https://api.example.com/.well-known/oauth-protected-resource/a?b=%22c%22',
        },
      },
    ])
  })

  test('§5.1: is absent where the resource is no URL that could serve it, or where it is switched off', async () => {
    for (const api of [serverOf('urn:example:orders'), serverOf(RESOURCE, { resourceMetadata: false })]) {
      expect(api.metadataPath).toBeUndefined()
      const reply = await ask(api)
      expect(reply.status).toBe(401)
      expect(reply.challenges).toEqual([{ scheme: 'Bearer', parameters: {} }])
    }
  })
})

describe('MCP authorization (2026-07-28)', () => {
  test('names at least one authorization server, 401 for bad tokens, 403 with all scopes at once and resource_metadata', async () => {
    const { api } = await fixture({ scopes: { implies: { 'orders:admin': ['orders:read'] } } })
    expect(api.metadata().authorization_servers).not.toHaveLength(0)
    const requirement = scope('orders:read', 'orders:write')
    const admin = await signToken(goodClaims({ scope: 'orders:admin' }))
    const reply = await ask(api, { token: admin, requirement })
    expect(reply.status).toBe(403)
    expect(reply.challenges[0]?.parameters).toMatchObject({
      error: 'insufficient_scope',
      scope: 'orders:read orders:write',
      resource_metadata: `${RESOURCE}/.well-known/oauth-protected-resource`,
    })
    // The hierarchy is honoured.
    expect((await ask(api, { token: admin, requirement: scope('orders:read') })).status).toBe(200)
    const foreign = await signToken(goodClaims({ aud: 'https://other.example.com' }))
    expect((await ask(api, { token: foreign, requirement })).status).toBe(401)
  })
})
