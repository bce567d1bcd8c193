import { describe, expect, test } from 'vitest'
import { asksForMetadata, metadataAnswer, refusalAnswer } from '../../../src/frameworks/answer.ts'

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

  test('is JSON that nobody may keep', () => {
    expect(answer.headers).toMatchObject({ 'Content-Type': 'application/json', 'Cache-Control': 'private, no-store' })
  })

  test('exposes to scripts what a client must read', () => {
    const exposed = answer.headers['Access-Control-Expose-Headers']?.split(', ')
    expect(exposed).toEqual(expect.arrayContaining(['WWW-Authenticate', 'Retry-After']))
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
