import { BearwardError, quote, quoteSome, unexpectedClaim } from '../../errors.ts'
import type { IssuerSettings } from '../../options/issuer.ts'
import type { Settings } from '../../options/settings.ts'
import type { CheckedIssuer, Services } from '../../parts.ts'
import type { IssuerRegistry } from '../../pipeline.ts'
import { sourcesFingerprint } from '../../options/fingerprint.ts'
import { createIssuer, createSources, type Sources } from './issuer.ts'

export function createIssuerRegistry(settings: Settings, services: Services): IssuerRegistry {
  const { issuers, now, emit, keys, parseIssuer } = settings
  if (!('start' in issuers)) return listedIssuers(issuers, settings, services)
  return issuers.start({
    now,
    emit,
    timeoutMs: keys.timeoutMs,
    maxStaleMs: keys.maxStaleMs,
    check: (answer, option) => checkedIssuer(parseIssuer(answer, option), settings, services),
  })
}

function checkedIssuer(issuer: IssuerSettings, settings: Settings, services: Services): CheckedIssuer<Sources> {
  return {
    identifier: issuer.identifier,
    sources(earlier, keysLoaded) {
      if (earlier?.fingerprint === sourcesFingerprint(issuer)) return earlier
      function emit(event: Parameters<Settings['emit']>[0]): void {
        if (event.type === 'keys_loaded') keysLoaded()
        settings.emit(event)
      }
      return createSources(issuer, { ...settings, emit }, services, earlier)
    },
    create: (sources) => createIssuer(issuer, sources, services),
  }
}

function listedIssuers(listed: readonly IssuerSettings[], settings: Settings, services: Services): IssuerRegistry {
  const byIdentifier = new Map(
    listed.map((issuer) => [
      issuer.identifier,
      createIssuer(issuer, createSources(issuer, settings, services), services),
    ]),
  )
  const introspecting = [...byIdentifier.values()].filter(({ introspection }) => introspection)
  const configured = quoteSome(new Set(byIdentifier.keys()))

  /** Names the issuers that an unknown one may stand for. Often only a slash is wrong. */
  function expectedFor(identifier: string): string {
    const twin = identifier.endsWith('/') ? identifier.slice(0, -1) : `${identifier}/`
    return byIdentifier.has(twin) ? `${quote(twin)} (note the slash at the end)` : configured
  }

  return {
    find(identifier) {
      const issuer = byIdentifier.get(identifier)
      if (issuer) return issuer
      throw unexpectedClaim('issuer_untrusted', 'iss', expectedFor(identifier), identifier)
    },
    findForOpaque(token) {
      // At most one issuer accepts a token: `requireDistinct` checked the prefixes.
      const issuer = introspecting.find(({ introspection }) => introspection?.accepts(token))
      if (issuer) return issuer
      throw new BearwardError(
        'token_malformed',
        'the token is not a JWT, and no configured issuer introspects it. Configure `introspection` for its issuer (and its ' +
          'prefix, in `introspection.opaqueTokens.prefixes`), or have it issue JWTs for this API',
      )
    },
    trusts: () => true,
    all: () => [...byIdentifier.values()],
    forgetAnswers() {},
    stop: () => byIdentifier.forEach((issuer) => issuer.stop()),
  }
}
