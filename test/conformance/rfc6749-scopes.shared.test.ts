import { describe, expect, test } from 'vitest'
import { anyScope, scope } from '../../src/entry-points/index.ts'
import { goodClaims, signToken } from '../fixture/issuer.ts'
import { ask } from '../fixture/reply.ts'
import { fixture } from '../fixture/server.ts'

async function status(granted: unknown, needed: string): Promise<number> {
  const { api } = await fixture()
  const token = await signToken(goodClaims({ scope: granted }))
  return (await ask(api, { token, requirement: scope(needed) })).status
}

describe('RFC 6749 §3.3, scopes', () => {
  test('§3.3: are a space-delimited list whose order does not matter', async () => {
    expect(await status('a b c', 'a')).toBe(200)
    expect(await status('c b a', 'a')).toBe(200)
    expect(await status('b c', 'a')).toBe(403)
  })

  test('§3.3: are case-sensitive', async () => {
    expect(await status('Orders.Read', 'Orders.Read')).toBe(200)
    expect(await status('orders.read', 'Orders.Read')).toBe(403)
  })

  test.each([
    'https://www.googleapis.com/auth/drive.readonly',
    'read:user',
    'orders-api/orders.write',
    'Orders.Read',
    "!#$%&'()*+,-./:;<=>?@[]^_`{|}~",
  ])('§3.3: may be named %s', async (name) => {
    expect(await status(`openid ${name}`, name)).toBe(200)
    expect(await status('openid', name)).toBe(403)
    const { api } = await fixture()
    const reply = await ask(api, { requirement: scope(name) })
    expect(reply.challenges[0]?.parameters['scope']).toBe(name)
  })

  test.each(['', 'a b', ' a', 'a"b', 'a\\b', 'a\tb', 'a\nb', 'ä', 'a\u0000', 'a\u00a0b'])(
    '§3.3: may not be named %j: refused where it is written',
    (name) => {
      for (const make of [scope, anyScope]) {
        expect(() => make(name)).toThrow(expect.objectContaining({ code: 'configuration_invalid' }))
      }
    },
  )

  test('§3.3: an empty list grants nothing', async () => {
    for (const granted of ['', ' ', [], undefined, null]) expect(await status(granted, 'a')).toBe(403)
  })
})
