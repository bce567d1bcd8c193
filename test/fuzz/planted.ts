import { createLocalJWKSet, decodeJwt, jwtVerify } from 'jose'
import { type AccessToken, BearwardError, type ResourceServer } from '../../src/entry-points/index.ts'
import { ISSUERS, NOW, TOLERANCE_SECONDS } from './issuers.ts'
import { publicJwk } from './keys.ts'
import type { Tamper } from './subject.ts'

type Asked = (api: ResourceServer, token: string) => Promise<AccessToken>

/** A resource server whose `verify` is replaced. */
function withVerify(verify: Asked): Tamper {
  return (api) => ({ ...api, verify: (token) => verify(api, token) })
}

/** Takes what is refused with one of these codes for good. */
function forgiving(code: string): Tamper {
  return withVerify(async (api, token) => {
    try {
      return await api.verify(token)
    } catch (error) {
      if (error instanceof BearwardError && error.code === code) return tokenFrom({})
      throw error
    }
  })
}

/** Throws something else in place of a refusal. */
function translating(code: string, fault: (error: BearwardError) => unknown): Tamper {
  return withVerify(async (api, token) => {
    try {
      return await api.verify(token)
    } catch (error) {
      throw error instanceof BearwardError && error.code === code ? fault(error) : error
    }
  })
}

/** What is no strict JWT is left to jose, which lets the last of two members win. */
const trustingJose = withVerify(async (api, token) => {
  try {
    return await api.verify(token)
  } catch (error) {
    const issuer = ISSUERS.find(({ identifier }) => identifier === issuerIn(token))
    if (!issuer || !(error instanceof BearwardError) || error.code !== 'token_malformed') throw error
    const keys = createLocalJWKSet({ keys: issuer.keys.map(publicJwk) })
    const read = await jwtVerify(token, keys, { currentDate: new Date(NOW * 1000), clockTolerance: TOLERANCE_SECONDS })
      .then(({ payload }) => payload)
      .catch(() => undefined)
    if (!read) throw error
    return tokenFrom(read)
  }
})

/** Answers the second time with somebody else's token. */
function mixingUp(): Tamper {
  const seen = new Set<string>()
  return withVerify(async (api, token) => {
    const accessToken = await api.verify(token)
    if (seen.has(token)) return { ...accessToken, subject: 'somebody-else' }
    seen.add(token)
    return accessToken
  })
}

function issuerIn(token: string): unknown {
  try {
    return decodeJwt(token).iss
  } catch {
    return undefined
  }
}

function tokenFrom(claims: Record<string, unknown>): AccessToken {
  return {
    format: 'jwt',
    issuer: String(claims['iss']),
    audience: [],
    scopes: [],
    authentication: {},
    authorizationDetails: [],
    claims: {},
  }
}

/** Errors that a verifier might have, and what the fuzzer must make of each. */
export const PLANTED: readonly {
  readonly name: string
  readonly subject: string
  readonly tamper: Tamper
  /** Within how many cases it is found. */
  readonly within: number
  readonly kind: 'wrongAcceptances' | 'wrongRefusals' | 'untypedErrors'
  /** What must be right in place of that. */
  readonly expected: string
}[] = [
  ...['token_expired', 'audience_mismatch', 'signature_invalid', 'binding_mismatch', 'token_not_yet_valid'].map(
    (code) => ({
      name: `accepts what is ${code}`,
      subject: 'tokens',
      within: 2_000,
      tamper: forgiving(code),
      kind: 'wrongAcceptances' as const,
      expected: code,
    }),
  ),
  {
    name: 'trusts jose about duplicate members',
    subject: 'tokens',
    within: 2_000,
    tamper: trustingJose,
    kind: 'wrongAcceptances',
    expected: 'token_malformed',
  },
  {
    name: 'throws a TypeError at a claim',
    subject: 'tokens',
    within: 2_000,
    tamper: translating('claim_invalid', ({ message }) => new TypeError(message)),
    kind: 'untypedErrors',
    expected: 'claim_invalid',
  },
  {
    name: 'refuses for a reason that is none',
    subject: 'tokens',
    within: 2_000,
    tamper: translating('claim_missing', ({ message }) => new BearwardError('token_expired', message)),
    kind: 'wrongRefusals',
    expected: 'claim_missing',
  },
  {
    name: 'mixes up the tokens of its cache',
    subject: 'tokens',
    within: 2_000,
    tamper: (api) => mixingUp()(api),
    kind: 'wrongAcceptances',
    expected: 'accepted',
  },
  ...['key-sets', 'metadata', 'introspection'].map((subject) => ({
    name: `turns an outage into a bad token: ${subject}`,
    subject,
    within: 200,
    tamper: translating('issuer_unavailable', ({ message }) => new BearwardError('token_malformed', message)),
    kind: 'wrongRefusals' as const,
    expected: 'issuer_unavailable',
  })),
  {
    name: 'accepts a dead token that was introspected',
    subject: 'introspection',
    within: 1_000,
    tamper: forgiving('token_inactive'),
    kind: 'wrongAcceptances',
    expected: 'token_inactive',
  },
  {
    name: 'takes the first of two credentials',
    subject: 'requests',
    within: 2_000,
    tamper: (api) => ({
      ...api,
      async authenticate(request) {
        const [first = '', second = ''] =
          request.headers instanceof Headers ? (request.headers.get('authorization') ?? '').split(', ') : []
        const areTwo = first.startsWith('Bearer e') && second.startsWith('Bearer e')
        return areTwo ? api.verify(first.slice('Bearer '.length)) : api.authenticate(request)
      },
    }),
    kind: 'wrongAcceptances',
    expected: 'credentials_ambiguous',
  },
]
