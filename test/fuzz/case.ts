import { type AccessToken, BearwardError } from '../../src/entry-points/index.ts'
import type { ExpectedToken } from './oracle/claims.ts'
import type { Judgement } from './oracle/token.ts'
import type { Prepared, Subject } from './subject.ts'

export type FailureKind = 'wrongAcceptance' | 'wrongRefusal' | 'untypedError' | 'slow'

/** A case in which the code under test and the oracle do not agree, minimised. */
export interface Failure {
  readonly kind: FailureKind
  readonly subject: string
  readonly seed: number
  readonly case: number
  readonly message: string
  readonly input: unknown
  /** What the oracle says: `accepted`, or the reasons of which one is right. */
  readonly expected: readonly string[]
}

export interface CaseOutcome {
  readonly accepted: boolean
  readonly ms: number
  /** The code of the refusal, or `accepted`. */
  readonly answer: string
  readonly expected: readonly string[]
  readonly failure?: { readonly kind: FailureKind; readonly message: string }
}

// What verify and authenticate may refuse with: docs/errors.md. Nothing is authorized and nothing configured in a case.
const KNOWN_CODES = new Set([
  'credentials_missing',
  'credentials_malformed',
  'credentials_ambiguous',
  'token_malformed',
  'token_too_large',
  'token_type_wrong',
  'issuer_untrusted',
  'algorithm_refused',
  'key_unknown',
  'signature_invalid',
  'token_expired',
  'token_not_yet_valid',
  'audience_mismatch',
  'client_refused',
  'claim_missing',
  'claim_invalid',
  'token_inactive',
  'binding_mismatch',
  'issuer_unavailable',
])
const HANGS_MS = 10_000

type Answer =
  | { readonly kind: 'accepted'; readonly token: AccessToken }
  | { readonly kind: 'refused'; readonly code: string }
  | { readonly kind: 'untyped'; readonly message: string }

/** Runs one case: asks the code under test, asks again where its caches must answer the same, and holds both against the oracle. */
export async function runCase(
  subject: Subject,
  input: unknown,
  clock: () => number = () => performance.now(),
): Promise<CaseOutcome> {
  const prepared = await subject.prepare(input)
  const began = clock()
  const answer = await answerOf(prepared)
  const ms = clock() - began
  const judgement = await prepared.judge()
  const failure = failureOf(answer, judgement) ?? (await repeatFailure(prepared, answer)) ?? brokenBy(prepared)
  prepared.ended?.()
  return {
    accepted: answer.kind === 'accepted',
    ms,
    answer: answer.kind === 'refused' ? answer.code : answer.kind,
    expected: [...(judgement.token ? ['accepted'] : []), ...judgement.reasons],
    ...(failure && { failure }),
  }
}

async function answerOf({ attempt }: Prepared): Promise<Answer> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const hanging = new Promise<Answer>((resolve) => {
    timer = setTimeout(() => resolve({ kind: 'untyped', message: `no answer within ${HANGS_MS} ms` }), HANGS_MS)
  })
  try {
    return await Promise.race([attempt().then((token) => ({ kind: 'accepted', token }) as const), hanging])
  } catch (error) {
    if (error instanceof BearwardError && KNOWN_CODES.has(error.code)) return { kind: 'refused', code: error.code }
    return { kind: 'untyped', message: error instanceof Error ? (error.stack ?? String(error)) : String(error) }
  } finally {
    clearTimeout(timer)
  }
}

function failureOf(answer: Answer, { reasons, token }: Judgement): CaseOutcome['failure'] {
  if (answer.kind === 'untyped') return { kind: 'untypedError', message: answer.message }
  if (answer.kind === 'refused') {
    if (reasons.has(answer.code)) return undefined
    return { kind: 'wrongRefusal', message: `${answer.code}, expected ${[...reasons].join(' or ') || 'accepted'}` }
  }
  if (!token) return { kind: 'wrongAcceptance', message: `accepted, expected ${[...reasons].join(' or ')}` }
  const [actual, expected] = [JSON.stringify(read(answer.token)), JSON.stringify(token)]
  return actual === expected
    ? undefined
    : { kind: 'wrongAcceptance', message: `accepted as ${actual}, expected ${expected}` }
}

function read(token: AccessToken): ExpectedToken {
  const { issuer, subject, clientId, audience, scopes, expiresAtSeconds } = token
  const { acr, amr, authTimeSeconds } = token.authentication
  return {
    issuer,
    subject,
    clientId,
    audience,
    scopes,
    expiresAtSeconds,
    authentication: { acr, amr, authTimeSeconds },
  }
}

async function repeatFailure(prepared: Prepared, first: Answer): Promise<CaseOutcome['failure']> {
  if (first.kind !== 'accepted' && !prepared.repeatsRefusals) return undefined
  const second = await answerOf(prepared)
  const [one, other] = [first, second].map((answer) =>
    JSON.stringify(answer.kind === 'accepted' ? read(answer.token) : answer),
  )
  if (one === other) return undefined
  const kind =
    second.kind === 'untyped' ? 'untypedError' : second.kind === 'accepted' ? 'wrongAcceptance' : 'wrongRefusal'
  return { kind, message: `asked again it answers ${other}, at first ${one}` }
}

function brokenBy({ broken }: Prepared): CaseOutcome['failure'] {
  const message = broken?.()
  return message === undefined ? undefined : { kind: 'wrongAcceptance', message }
}
