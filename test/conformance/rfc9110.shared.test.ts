import { describe, expect, test } from 'vitest'
import { createResourceServer, scope } from '../../src/entry-points/index.ts'
import { protect } from '../../src/frameworks/fetch.ts'
import { ISSUER, RESOURCE, signToken } from '../fixture/issuer.ts'
import { ask, parseChallenges } from '../fixture/reply.ts'
import { codeOf, fixture } from '../fixture/server.ts'

const view = { method: 'GET', url: RESOURCE }

describe('RFC 9110, HTTP semantics', () => {
  test('§5.1: header names are case-insensitive', async () => {
    const { api } = await fixture()
    const token = await signToken()
    for (const name of ['authorization', 'Authorization', 'AUTHORIZATION']) {
      expect(await codeOf(api.authenticate({ ...view, headers: { [name]: `Bearer ${token}` } }))).toBe('accepted')
    }
  })

  test('§5.3: several Authorization lines are ambiguous, under whatever spelling they come', async () => {
    const { api } = await fixture()
    const line = `Bearer ${await signToken()}`
    const one = { authorization: [line] }
    expect(await codeOf(api.authenticate({ ...view, headers: one }))).toBe('accepted')
    for (const headers of [
      { authorization: [line, line] },
      { authorization: line, Authorization: line },
      { authorization: [line], AUTHORIZATION: ['Basic dXNlcjpwYXNz'] },
      new Headers([
        ['Authorization', line],
        ['Authorization', line],
      ]),
      new Headers([
        ['Authorization', 'Basic dXNlcjpwYXNz'],
        ['Authorization', line],
      ]),
    ]) {
      expect(await codeOf(api.authenticate({ ...view, headers }))).toBe('credentials_ambiguous')
    }
  })

  test('§5.5: white space around a field value is no part of it', async () => {
    const { api } = await fixture()
    const token = await signToken()
    expect(await codeOf(api.authenticate({ ...view, headers: { authorization: ` \tBearer ${token}\t ` } }))).toBe(
      'accepted',
    )
    // A no-break space is no white space of HTTP.
    expect(await codeOf(api.authenticate({ ...view, headers: { authorization: `Bearer ${token}\u00a0` } }))).toBe(
      'credentials_malformed',
    )
  })

  test('§9.3.2: an answer to HEAD has the header fields of one to GET and no content', async () => {
    const { api } = await fixture()
    const handler = protect(api, scope('a'), () => new Response('handled'))
    const get = await handler(new Request(RESOURCE))
    const head = await handler(new Request(RESOURCE, { method: 'HEAD' }))
    expect(head.status).toBe(get.status)
    expect(head.headers.get('WWW-Authenticate')).toBe(get.headers.get('WWW-Authenticate'))
    expect(await head.text()).toBe('')
  })

  test('§10.2.3 and §15.6.4: an outage is a 503 with Retry-After and without a challenge', async () => {
    const { api, upstream } = await fixture()
    upstream.answers.clear()
    const reply = await ask(api, { token: await signToken() })
    expect(reply.status).toBe(503)
    expect(reply.headers.get('Retry-After')).toMatch(/^[1-9]\d*$/)
    expect(reply.challenges).toEqual([])
    expect(reply.body).toMatchObject({ code: 'issuer_unavailable' })
  })

  test('§11.1: the scheme is case-insensitive', async () => {
    const { api } = await fixture()
    expect(await codeOf(api.authenticate({ ...view, headers: { authorization: `bEARER ${await signToken()}` } }))).toBe(
      'accepted',
    )
  })

  test('§11.6.1: every 401 carries a challenge that the grammar reads', async () => {
    const { api } = await fixture({ realm: String.raw`it's "a, b=c" \ d` })
    for (const token of [undefined, 'junk', 'e30.e30.AAAA']) {
      const reply = await ask(api, { ...(token !== undefined && { token }), requirement: scope('a', "b'c,d=e") })
      expect(reply.status).toBe(401)
      expect(reply.challenges).toMatchObject([
        { scheme: 'Bearer', parameters: { realm: String.raw`it's "a, b=c" \ d`, scope: "a b'c,d=e" } },
      ])
    }
  })

  test('§11.5: a realm that cannot stand in a header is refused at creation', () => {
    for (const realm of ['', 'a\r\nb', 'ä', 'a\u0000', 'a\u007f']) {
      const create = () => createResourceServer({ resource: RESOURCE, issuers: [{ issuer: ISSUER }], realm })
      expect(create).toThrow(expect.objectContaining({ code: 'configuration_invalid' }))
    }
  })

  test('§15.6.1: what is no error of bearward’s is a 500, says nothing and challenges nobody', async () => {
    const { api } = await fixture()
    for (const error of [new Error('secret'), 'secret', undefined, null, { code: 'token_expired', status: 401 }]) {
      const { status, headers, body } = api.challenge(error)
      expect(status).toBe(500)
      expect(headers).not.toHaveProperty('WWW-Authenticate')
      expect(JSON.stringify(body)).not.toContain('secret')
    }
  })

  test('Fetch §3.3.3: WWW-Authenticate and Retry-After are exposed to scripts', async () => {
    const { api } = await fixture()
    const exposed = (await ask(api)).headers.get('Access-Control-Expose-Headers')?.split(', ')
    expect(exposed).toEqual(expect.arrayContaining(['WWW-Authenticate', 'Retry-After']))
  })

  test('the parser of these tests takes the grammar to the letter', () => {
    expect(parseChallenges('Bearer')).toEqual([{ scheme: 'Bearer', parameters: {} }])
    expect(parseChallenges(String.raw`Bearer a="x\"y", b=c, DPoP algs="ES256 PS256"`)).toEqual([
      { scheme: 'Bearer', parameters: { a: 'x"y', b: 'c' } },
      { scheme: 'DPoP', parameters: { algs: 'ES256 PS256' } },
    ])
    for (const bad of ['Bearer a="x', 'Bearer a=', 'Bearer a="x" b="y"', 'Bearer, a="x"', 'Bearer a="x", a="y"', ',']) {
      expect(() => parseChallenges(bad)).toThrow()
    }
  })
})
