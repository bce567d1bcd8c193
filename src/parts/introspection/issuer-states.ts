import { LRUCache } from 'lru-cache'
import type { GuardedEndpoint } from '../../upstream/guarded-endpoint.ts'
import type { SharedLoaders } from '../../upstream/shared-loaders.ts'
import type { Verdict } from '../../upstream/verdict-cache.ts'
import type { AskedIssuer, Purpose } from './asked-issuer.ts'

/** The state of one issuer under one set of settings: its endpoint, and the running questions. */
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
  // Made when first used: it takes memory for as many entries as it may hold.
  let states: LRUCache<string, IssuerState> | undefined
  // Evicted while questions ran: only `stop` still needs these.
  const evicted = new Set<IssuerState>()

  function evict(state: IssuerState): void {
    for (const other of evicted) if (!isRunning(other)) evicted.delete(other)
    if (isRunning(state)) evicted.add(state)
  }

  function loaders(): readonly SharedLoaders<Verdict>[] {
    const kept = states ? [...states.values()] : []
    return [...kept, ...evicted].flatMap(({ questions }) => Object.values(questions))
  }

  return {
    of(asked) {
      // By use: an issuer that is asked keeps its limit and its circuit, however many others are described.
      states ??= new LRUCache({ max: MAX_ISSUERS, dispose: (state, _, reason) => reason === 'evict' && evict(state) })
      const known = states.get(asked.fingerprint)
      if (known) return Object.assign(known, { asked })
      const created = create(asked)
      states.set(asked.fingerprint, created)
      return created
    },
    forget: (token) => loaders().forEach((each) => each.forget(token)),
    forgetAll: () => loaders().forEach((each) => each.forgetAll()),
    stop() {
      loaders().forEach((each) => each.stop())
      states?.clear()
      evicted.clear()
    },
  }
}

function isRunning({ questions }: IssuerState): boolean {
  return Object.values(questions).some((each) => each.busy())
}
