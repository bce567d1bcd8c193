// auth0/express-openid-connect#203, auth0/node-jwks-rsa#506: the metadata names an http: address for the keys, or one that
// redirects. RFC 8414 §2: the address must be https; a redirect would let whoever answers there choose other keys. So neither
// is asked: an outage, and the operator is told why.
import { expect, test } from 'vitest'
import type { TrustedIssuer } from '../../src/entry-points/index.ts'
import { withDetail } from '../fixture/detail.ts'
import {
  type FakeUpstream,
  goodClaims,
  ISSUER,
  openidUpstream,
  signingKey,
  signToken,
  wellKnown,
} from '../fixture/issuer.ts'
import { codeOf, fixture } from '../fixture/server.ts'

async function publishing(jwksUri: string): Promise<FakeUpstream> {
  const upstream = openidUpstream(ISSUER)
  const { jwk } = await signingKey()
  upstream.answers.set(wellKnown(ISSUER).openid, () => Response.json({ issuer: ISSUER, jwks_uri: jwksUri }))
  upstream.answers.set(`${ISSUER}/v2/jwks`, () => Response.json({ keys: [jwk] }))
  return upstream
}

function redirect(status: number, location: string): () => Response {
  return () => new Response(null, { status, headers: { location } })
}

async function verifying(upstream: FakeUpstream, trusted: Partial<TrustedIssuer> = {}): Promise<unknown> {
  const { api } = await fixture({ issuers: [{ issuer: ISSUER, ...trusted }], fetch: upstream.fetch })
  return api.verify(await signToken(goodClaims()))
}

test('an http: address for the keys of an https issuer is not asked', async () => {
  const address = 'http://login.example.com/jwks'
  const upstream = await publishing(address)
  upstream.answers.set(address, redirect(303, `${ISSUER}/v2/jwks`))
  const refused = verifying(upstream)
  await expect(refused).rejects.toMatchObject({ code: 'issuer_unavailable', status: 503 })
  await expect(refused).rejects.toThrow(withDetail('https URL'))
  expect(upstream.calls).not.toContain(address)
})

test.each([301, 302, 303, 307, 308])(
  'a redirect with status %i is not followed, and the operator is told',
  async (status) => {
    const upstream = await publishing(`${ISSUER}/jwks`)
    upstream.answers.set(`${ISSUER}/jwks`, redirect(status, `${ISSUER}/v2/jwks`))
    const refused = verifying(upstream)
    await expect(refused).rejects.toMatchObject({ code: 'issuer_unavailable', status: 503 })
    await expect(refused).rejects.toThrow(withDetail('redirect'))
    expect(upstream.calls).not.toContain(`${ISSUER}/v2/jwks`)
  },
)

test('the final address is asked, whether the metadata or the operator names it', async () => {
  expect(await codeOf(verifying(await publishing(`${ISSUER}/v2/jwks`)))).toBe('accepted')
  const upstream = await publishing('http://login.example.com/jwks')
  expect(await codeOf(verifying(upstream, { jwt: { jwksUri: `${ISSUER}/v2/jwks` } }))).toBe('accepted')
})
