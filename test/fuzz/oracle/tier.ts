import { judgeKeySet } from './key-set.ts'
import { readStrictObject } from './strict-json.ts'
import { type Judgement, type OracleIssuer, type OracleSettings, refuse } from './token.ts'

const MAX_AGE_MS = 24 * 3_600_000
const MAX_AHEAD_MS = 60_000
const MAX_CHARACTERS = 1024 * 1024

/**
 * Judges what must become of a token whose issuer is down while a shared tier says this of the issuer's keys.
 *
 * @see docs/caching.md, "When a tier fails"
 */
export async function judgeTierEntry(
  text: string,
  token: string,
  issuer: OracleIssuer,
  settings: OracleSettings & { readonly nowMs: number },
): Promise<Judgement> {
  const { nowMs } = settings
  const isStrict = text.length <= MAX_CHARACTERS && readStrictObject(new TextEncoder().encode(text)) !== undefined
  if (!isStrict) return refuse('issuer_unavailable')
  // Strict JSON is read alike by everybody.
  const { originMs, expiresMs, data } = JSON.parse(text) as Record<string, unknown>
  const isTimely = isTime(originMs) && isTime(expiresMs) && originMs <= nowMs + MAX_AHEAD_MS && nowMs < expiresMs
  if (!isTimely || nowMs - originMs >= MAX_AGE_MS) return refuse('issuer_unavailable')
  if (typeof data !== 'object' || data === null || Array.isArray(data)) return refuse('issuer_unavailable')
  const { document } = data as Record<string, unknown>
  const body = new TextEncoder().encode(JSON.stringify(document ?? null))
  const judgement = await judgeKeySet({ status: 200, body, fails: false }, token, issuer, settings)
  // For a token that its keys do not verify the issuer is asked, and it is down.
  return judgement.token ? judgement : { ...judgement, reasons: new Set([...judgement.reasons, 'issuer_unavailable']) }
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && Math.abs(value) <= Number.MAX_SAFE_INTEGER
}
