import { calculateJwkThumbprint } from 'jose'
import { expect, test } from 'vitest'
import rfc7638 from '../vectors/rfc/rfc7638.json' with { type: 'json' }
import rfc8037 from '../vectors/rfc/rfc8037.json' with { type: 'json' }

// Sender constraints will compare thumbprints that jose computes, in every runtime: so it has to be right in each.

const vectors = [...rfc7638, ...rfc8037].flatMap(({ id, jwk, ...rest }) =>
  'thumbprint_sha256' in rest ? [{ id, jwk, thumbprint: rest.thumbprint_sha256 }] : [],
)

test('§3.1 and RFC 8037 A.3: the vectors are here', () => {
  expect(vectors.map(({ id }) => id)).toEqual(['rfc7638-3.1', 'rfc8037-A3-thumbprint'])
})

test.each(vectors)('§3: the SHA-256 thumbprint of $id', async ({ jwk, thumbprint }) => {
  expect(await calculateJwkThumbprint(jwk, 'sha256')).toBe(thumbprint)
})
