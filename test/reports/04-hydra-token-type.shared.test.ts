// ory/hydra#1762, ory/hydra#1934, casdoor/casdoor#3399: introspection answers `token_type: "access_token"`. RFC 7662 §2.2: the
// type is one of RFC 6749 §5.1, so Bearer or DPoP; the other values of such servers tell a refresh token.
import { expect, test } from 'vitest'
import type { IntrospectionDialect } from '../../src/entry-points/index.ts'
import { withDetail } from '../fixture/detail.ts'
import { goodAnswer, introspecting, opaque } from '../fixture/introspection.ts'
import { codeOf } from '../fixture/server.ts'

/** What a user of such a server writes. */
const hydra1: IntrospectionDialect = {
  name: 'Hydra 1',
  request: (token, { endpoint }) => ({
    url: endpoint,
    method: 'POST',
    headers: new Headers({ Accept: 'application/json' }),
    body: new URLSearchParams({ token }),
  }),
  read({ status, body }) {
    if (status !== 200) throw new TypeError(`it answered with status ${status}`)
    const answer = JSON.parse(new TextDecoder().decode(body))
    return answer.token_type === 'access_token' ? { ...answer, token_type: 'Bearer' } : answer
  },
}

test.each(['access_token', 'refresh_token'])('refuses the type %s, and names member and value', async (type) => {
  const { api } = await introspecting({ reply: () => Response.json(goodAnswer({ token_type: type })) })
  const refused = api.verify(opaque())
  await expect(refused).rejects.toMatchObject({ code: 'token_type_wrong' })
  await expect(refused).rejects.toThrow(withDetail(`member \`token_type\`: expected Bearer or DPoP, got "${type}"`))
})

test.each(['Bearer', 'bearer', undefined])('accepts the type %s', async (type) => {
  const { api } = await introspecting({ reply: () => Response.json(goodAnswer({ token_type: type })) })
  expect(await codeOf(api.verify(opaque()))).toBe('accepted')
})

test('a dialect of a dozen lines takes such answers, and leaves refresh tokens out', async () => {
  const { api, endpoint } = await introspecting({
    introspection: { dialect: hydra1 },
    reply: () => Response.json(goodAnswer({ token_type: 'access_token' })),
  })
  expect(await codeOf(api.verify(opaque()))).toBe('accepted')
  endpoint.reply = () => Response.json(goodAnswer({ token_type: 'refresh_token' }))
  expect(await codeOf(api.verify(opaque('refresh')))).toBe('token_type_wrong')
})
