import type { GuardedEndpoint } from '../../upstream/guarded-endpoint.ts'
import type { SharedLoaders } from '../../upstream/shared-loaders.ts'
import type { Verdict } from '../../upstream/verdict-cache.ts'
import type { AskedIssuer, Purpose } from './asked-issuer.ts'

/** What is kept of one issuer while it is described alike: the state of its endpoint, and the questions that run. */
export interface IssuerState {
  /** As it was described last: a rotated credential counts at once. */
  asked: AskedIssuer
  readonly endpoint: GuardedEndpoint
  /** One question at a time for each token and purpose. */
  readonly questions: Readonly<Record<Purpose, SharedLoaders<Verdict>>>
}

/** The states of the issuers that were asked last. */
export interface IssuerStates {
  /** The state of an issuer, made where there is none. */
  readonly of: (asked: AskedIssuer) => IssuerState
  /** Callers that come later do not join what is asked about the token now. */
  readonly forget: (token: string) => void
  readonly forgetAll: () => void
  /** Ends every question that runs. */
  readonly stop: () => void
}

const MAX_ISSUERS = 10_000

export function createIssuerStates(create: (asked: AskedIssuer) => IssuerState): IssuerStates {
  const states = new Map<string, IssuerState>()

  function loaders(): readonly SharedLoaders<Verdict>[] {
    return [...states.values()].flatMap(({ questions }) => Object.values(questions))
  }

  return {
    of(asked) {
      const known = states.get(asked.fingerprint)
      if (known) return Object.assign(known, { asked })
      // Tenants come and go; what is lost with the oldest is the memory of an outage.
      if (states.size >= MAX_ISSUERS) states.delete(states.keys().next().value ?? '')
      const created = create(asked)
      states.set(asked.fingerprint, created)
      return created
    },
    forget: (token) => loaders().forEach((each) => each.forget(token)),
    forgetAll: () => loaders().forEach((each) => each.forgetAll()),
    stop() {
      loaders().forEach((each) => each.stop())
      states.clear()
    },
  }
}
