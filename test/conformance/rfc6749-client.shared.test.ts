import { describe, expect, test } from 'vitest'
import { clientSecretBasic, clientSecretPost } from '../../src/entry-points/index.ts'
import { introspecting, opaque, SECRET_MARK, searchWhatWasEmitted } from '../fixture/introspection.ts'

searchWhatWasEmitted()

async function asked(auth: ReturnType<typeof clientSecretBasic>) {
  const { api, endpoint } = await introspecting({ introspection: { auth } })
  await api.verify(opaque())
  return endpoint.asked[0]
}

describe('RFC 6749 §2.3.1, the client’s password', () => {
  test('§2.3.1: HTTP Basic as the RFC’s example has it', async () => {
    const request = await asked(clientSecretBasic({ clientId: 's6BhdRkqt3', clientSecret: '7Fjfp0ZBr1KtDRbnfVdmIw' }))
    expect(request?.headers.get('authorization')).toBe('Basic czZCaGRSa3F0Mzo3RmpmcDBaQnIxS3REUmJuZlZkbUl3')
  })

  test('Appendix B: both parts are form-encoded before base64', async () => {
    const request = await asked(clientSecretBasic({ clientId: ' %&+£€', clientSecret: `:${SECRET_MARK}` }))
    const [, credentials = ''] = request?.headers.get('authorization')?.split(' ') ?? []
    expect(atob(credentials)).toBe(`+%25%26%2B%C2%A3%E2%82%AC:%3A${SECRET_MARK}`)
  })

  test('§2.3.1: in the body as `client_id` and `client_secret`, and never in the address', async () => {
    const request = await asked(clientSecretPost({ clientId: 's6BhdRkqt3', clientSecret: SECRET_MARK }))
    expect(request?.form.get('client_id')).toBe('s6BhdRkqt3')
    expect(request?.form.get('client_secret')).toBe(SECRET_MARK)
    expect(request?.url).not.toContain(SECRET_MARK)
    expect(request?.headers.has('authorization')).toBe(false)
  })
})
