import type { AccessToken, ResourceServer } from '../../src/entry-points/index.ts'
import { NOW, RESOURCE, TOLERANCE_SECONDS } from './issuers.ts'
import type { Judgement } from './oracle/token.ts'
import type { Random } from './random.ts'

/**
 * One kind of input that is fuzzed. What makes up a case is plain JSON, so that it can be printed, pasted and shrunk.
 * Written as methods: a list of subjects takes inputs of any kind.
 */
export interface Subject<Input = unknown> {
  readonly name: string
  /** Of a hundred cases, how many are of this subject. */
  readonly share: number
  generate(random: Random): Input
  prepare(input: Input): Promise<Prepared>
  /** Inputs that are a little simpler, the boldest first. */
  simpler(input: Input): Iterable<Input>
}

/** A case that is ready to run. */
export interface Prepared {
  /** Asks the code under test. Called a second time where it accepted: then its caches answer. */
  readonly attempt: () => Promise<AccessToken>
  readonly repeatsRefusals?: boolean
  readonly judge: () => Judgement | Promise<Judgement>
  /** Says what must not have happened and did. */
  readonly broken?: () => string | undefined
  /** Lets go of what the case held. */
  readonly ended?: () => void
}

/** Stands between the fuzzer and a resource server: plants the errors of the fuzzer's own test. */
export type Tamper = (api: ResourceServer) => ResourceServer

export const MAX_TOKEN_BYTES = 16_384
export const COMMON_OPTIONS = {
  resource: RESOURCE,
  now: (): number => NOW * 1000,
  clockToleranceSeconds: TOLERANCE_SECONDS,
  maxTokenBytes: MAX_TOKEN_BYTES,
  // On, as in operation; small, as some subjects make a server for every case.
  tokenCache: { max: 64 },
}
