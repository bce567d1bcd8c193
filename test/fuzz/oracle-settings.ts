import { ISSUERS, NOW, TOLERANCE_SECONDS } from './issuers.ts'
import { publicJwk } from './keys.ts'
import type { OracleSettings } from './oracle/token.ts'
import { MAX_TOKEN_BYTES } from './subject.ts'

/** What the oracle is told: the same as the code under test, in its own words. */
export const ORACLE: OracleSettings = {
  issuers: ISSUERS.map(({ keys, ...issuer }) => ({ ...issuer, jwks: keys.map(publicJwk) })),
  now: NOW,
  tolerance: TOLERANCE_SECONDS,
  maxBytes: MAX_TOKEN_BYTES,
}
