import { describe, expect, test } from 'vitest'
import { metadataAnswer, refusalAnswer } from '../../../src/frameworks/answer.ts'
import { addressesMetadata, asksForMetadata } from '../../../src/frameworks/gate.ts'

describe('refusalAnswer', () => {
  const answer = refusalAnswer({
    status: 401,
    headers: { 'WWW-Authenticate': 'Bearer' },
    body: { error_description: 'An access token is required' },
  })

  test('keeps status, headers and body of the challenge', () => {
    expect(answer).toMatchObject({ status: 401, headers: { 'WWW-Authenticate': 'Bearer' } })
    expect(JSON.parse(answer.body)).toEqual({ error_description: 'An access token is required' })
  })
})

describe('metadataAnswer', () => {
  const answer = metadataAnswer({ metadata: () => ({ resource: 'https://api.example.com' }) })

  test('is the document as JSON, open to every origin', () => {
    expect(answer.status).toBe(200)
    expect(JSON.parse(answer.body)).toEqual({ resource: 'https://api.example.com' })
    expect(answer.headers).toMatchObject({ 'Content-Type': 'application/json', 'Access-Control-Allow-Origin': '*' })
  })

  test('carries the adapters’ own Cache-Control', () => {
    expect(answer.headers['Cache-Control']).toBe('private, no-store')
  })
})

describe('asksForMetadata', () => {
  const api = { metadataPath: '/.well-known/oauth-protected-resource/orders?x=1' }

  test.each([
    ['GET', '/.well-known/oauth-protected-resource/orders?x=1', true],
    ['HEAD', '/.well-known/oauth-protected-resource/orders?x=1', true],
    ['POST', '/.well-known/oauth-protected-resource/orders?x=1', false],
    ['OPTIONS', '/.well-known/oauth-protected-resource/orders?x=1', false],
    ['GET', '/.well-known/oauth-protected-resource/orders', false],
    ['GET', '/.well-known/oauth-protected-resource', false],
    ['GET', '/.well-known/oauth-protected-resource/orders?x=1&y=2', false],
    ['GET', '/', false],
  ])('%s %s: %s', (method, path, expected) => {
    expect(asksForMetadata(api, method, path)).toBe(expected)
  })

  test('nothing does where there is no address', () => {
    expect(asksForMetadata({ metadataPath: undefined }, 'GET', '/')).toBe(false)
    expect(asksForMetadata({ metadataPath: undefined }, 'GET', 'undefined')).toBe(false)
  })
})

describe('addressesMetadata answers as if every address were parsed', () => {
  const METADATA = '/.well-known/oauth-protected-resource/orders'
  const addresses = [
    METADATA,
    `${METADATA}?`,
    `${METADATA}#`,
    `${METADATA}#fragment`,
    `${METADATA}?x=1`,
    `${METADATA}/`,
    `/a/..${METADATA}`,
    `/.${METADATA}`,
    `/%2e${METADATA}`,
    `/a/%2E%2e${METADATA}`,
    `/a/.%2e${METADATA}`,
    `/a${METADATA}`,
    METADATA.replaceAll('/', '\\'),
    `/${METADATA}`,
    `${METADATA}/.`,
    `${METADATA}/x/..`,
    METADATA.replace('.', '%2e'),
    METADATA.toUpperCase(),
    METADATA.slice(1),
    `/orders?next=${METADATA}`,
    `/orders#${METADATA}`,
    '/',
    '/orders/1?a=b',
    '/ä',
    '/%C3%A4',
    '/ ä',
    '/a b',
    '/a%20b',
    '/?a"b',
    "/?a'b",
    "/a'b",
    '/{}',
    '/%7B%7D',
    '/[]',
    '/^|`',
  ]

  test.each([METADATA, '/', '/ä', '/a%20b', '/%7B%7D', '/orders?x=1', '/a/b', '/?a%27b', '/[]'])(
    'where the document is at %s',
    (at) => {
      const { pathname, search } = new URL(`https://api.example.com${at}`)
      const api = { metadataPath: pathname + search }
      const found: string[] = []
      for (const address of [...addresses, at]) {
        const url = `https://api.example.com${address.startsWith('/') ? '' : '/'}${address}`
        const parsed = new URL(url)
        const expected = asksForMetadata(api, 'GET', parsed.pathname + parsed.search)
        expect([url, addressesMetadata(api, 'GET', url)]).toEqual([url, expected])
        expect(addressesMetadata(api, 'POST', url)).toBe(false)
        if (expected) found.push(url)
      }
      expect(found.length).toBeGreaterThan(0)
    },
  )

  test('nothing does where there is no address', () => {
    expect(addressesMetadata({ metadataPath: undefined }, 'GET', 'https://api.example.com/undefined')).toBe(false)
  })
})
