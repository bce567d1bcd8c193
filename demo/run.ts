// Plays the rows against one API and compares the answers with the expected ones.

import { isDeepStrictEqual } from 'node:util'
import { parseChallenge } from './challenge.ts'
import type { CredentialName, Credentials } from './credentials.ts'
import { metadataUrl, type Expectation, type Row } from './expectations.ts'

export interface Outcome {
  readonly row: Row
  readonly status: number
  /** The received WWW-Authenticate field. */
  readonly challenge: string | undefined
  /** The received Retry-After field. */
  readonly retryAfter: string | undefined
  /** The differences from the expectation. */
  readonly differences: readonly string[]
}

/** Plays the rows in order, since some delete the orders of others. */
export async function runRows(url: string, rows: readonly Row[], credentials: Credentials): Promise<Outcome[]> {
  const lastOrder = new Map<CredentialName, string>()
  const outcomes: Outcome[] = []
  for (const row of rows) {
    const path = row.path.replace(':id', (row.of && lastOrder.get(row.of)) ?? 'none')
    const token = credentials[row.as]
    const response = await fetch(`${url}${path}`, {
      method: row.method,
      headers: {
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
        ...(row.body && { 'content-type': 'application/json' }),
      },
      ...(row.body && { body: JSON.stringify(row.body) }),
    })
    const answer = parseAnswer(await response.text())
    if (response.status === 201 && typeof answer['id'] === 'string') lastOrder.set(row.as, answer['id'])
    const challenge = response.headers.get('www-authenticate') ?? undefined
    const retryAfter = response.headers.get('retry-after') ?? undefined
    const came = { status: response.status, challenge, retryAfter }
    outcomes.push({ row, ...came, differences: compare(row.expect, came, answer) })
  }
  return outcomes
}

function parseAnswer(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>
  } catch {
    return {}
  }
}

function compare(
  expected: Expectation,
  { status, challenge, retryAfter }: Pick<Outcome, 'status' | 'challenge' | 'retryAfter'>,
  answer: Record<string, unknown>,
): string[] {
  const differences: string[] = []
  const differ = (what: string, wanted: unknown, got: unknown): void => {
    if (!isDeepStrictEqual(wanted, got)) differences.push(`${what}: expected ${show(wanted)}, got ${show(got)}`)
  }
  differ('status', expected.status, status)
  if (expected.subject !== undefined) differ('subject', expected.subject, answer['subject'])
  if (expected.clientId !== undefined) differ('clientId', expected.clientId, answer['clientId'])
  if (expected.code !== undefined) differ('code', expected.code, answer['code'])
  const got = challenge === undefined ? undefined : parseChallenge(challenge)
  if (challenge !== undefined && !got) differences.push(`challenge: not one by the grammar: ${challenge}`)
  differ('scheme', expected.challenge && 'Bearer', got?.scheme)
  differ('error', expected.challenge?.error, got?.params['error'])
  differ('resource_metadata', expected.challenge && metadataUrl, got?.params['resource_metadata'])
  differ('scope', expected.challenge?.scope, got?.params['scope'])
  const mayRetry = retryAfter === undefined ? undefined : /^[1-9]\d*$/.test(retryAfter) || retryAfter
  differ('Retry-After', expected.retryAfter, mayRetry)
  return differences
}

function show(value: unknown): string {
  return value === undefined ? 'none' : JSON.stringify(value)
}
