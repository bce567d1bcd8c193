import { requireRecipient } from '../../token/recipient.ts'
import { BearwardError, quote } from '../../errors.ts'
import type { AccessToken, Issuer } from '../../pipeline.ts'
import type { IntrospectionSettings } from './options.ts'
import { namesAccessToken } from './answer.ts'

/** An issuer, and how it is asked. */
interface Answering {
  readonly issuer: Issuer
  readonly settings: Pick<IntrospectionSettings, 'audienceAssumed' | 'accessTokensOnly'>
}

/**
 * Checks that a token which is not verified here is an access token for this resource, according to the issuer's answer. Where the
 * answer names no audience, the option `audience: 'assumed'` fills the gap; where it names no kind, `tokens: 'access-only'` does.
 *
 * @throws {BearwardError} audience_mismatch, client_refused, token_type_wrong
 */
export function requireMeantForUs(token: AccessToken, { issuer, settings }: Answering): void {
  const { audience } = issuer
  if (token.audience.length > 0 && audience) return requireRecipient(token, issuer)
  if (audience && !settings.audienceAssumed) {
    throw new BearwardError('audience_mismatch', describeGap(token, { issuer, settings }))
  }
  requireRecipient(token, { ...issuer, audience: null })
  // Without an audience only its kind tells an access token from a refresh token.
  if (namesAccessToken(token.claims)) return
  // The option fills a gap. It does not overrule a `typ` of another kind.
  if (settings.accessTokensOnly && !hasType(token)) return
  throw new BearwardError('token_type_wrong', describeGap(token, { issuer, settings }))
}

/** @throws {BearwardError} audience_mismatch */
export function requireNotForOthers(token: AccessToken, issuer: Issuer): void {
  if (token.audience.length > 0) requireRecipient(token, { ...issuer, clients: undefined })
}

/** Names what the answer lacks, and at once every setting that it takes: an operator should not meet them one by one. */
function describeGap(token: AccessToken, { issuer, settings }: Answering): string {
  const { identifier, audience, clients } = issuer
  const isNamed = namesAccessToken(token.claims)
  if (!isNamed && hasType(token)) {
    const typ = quote(token.claims['typ'])
    return `issuer "${identifier}" answers without \`token_type\`, and \`typ\` is ${typ}: it may be no access token`
  }
  const lacking = [audience && '`aud`', !isNamed && '`token_type`'].filter(Boolean).join(' and ')
  const conditions = [audience && 'answers for this resource only', !isNamed && 'calls only access tokens active']
  const needed = [audience && "audience: 'assumed'", (!isNamed || settings.accessTokensOnly) && ACCESS_ONLY]
  const others = clients
    ? ''
    : ". Any client's token of this issuer is good then: to accept some alone, set `clients: ['CLIENT_ID']`"
  return (
    `issuer "${identifier}" answers without ${lacking}${isNamed ? '' : ': it may be a refresh token'}. If its endpoint ` +
    `${conditions.filter(Boolean).join(' and ')}, set \`introspect({ ${needed.filter(Boolean).join(', ')} })\`${others}`
  )
}

const ACCESS_ONLY = "tokens: 'access-only'"

function hasType({ claims }: AccessToken): boolean {
  return (claims['typ'] ?? undefined) !== undefined
}
