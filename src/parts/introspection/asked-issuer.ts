import { termsFingerprint } from '../../options/fingerprint.ts'
import type { Issuer } from '../../pipeline.ts'
import type { IntrospectionSettings } from './options.ts'

/** Why an issuer is asked: to accept a token on its word, or to confirm a JWT that was verified here. */
export type Purpose = 'introspect' | 'confirm'

/** An issuer as it was described, and how it is asked. */
export interface AskedIssuer {
  readonly issuer: Issuer
  readonly settings: IntrospectionSettings
  /** Equal for equal settings; functions do not count. Issuers with equal fingerprints share answers. */
  readonly fingerprint: string
  /** The terms under which a verdict counts. */
  readonly terms: Readonly<Record<Purpose, string>>
}

export function createAskedIssuer(issuer: Issuer, settings: IntrospectionSettings): AskedIssuer {
  const fingerprint = termsFingerprint(issuer, { ...settings, dialect: settings.dialect?.name })
  return {
    issuer,
    settings,
    fingerprint,
    terms: { introspect: `introspect ${fingerprint}`, confirm: `confirm ${fingerprint}` },
  }
}
