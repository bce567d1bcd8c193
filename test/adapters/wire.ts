import type { AccessToken, Requirement, ResourceServer } from '../../src/entry-points/index.ts'

/** Header lines, as they go over the wire. */
export type Lines = readonly (readonly [name: string, value: string])[]

export interface WireRequest {
  readonly method: string
  /** Path and query. */
  readonly path: string
  readonly lines: Lines
  readonly body?: string
}

export interface WireAnswer {
  readonly status: number
  readonly lines: Lines
  readonly body: string
}

/** What a handler has at hand, in whatever way its framework hands it over. */
export interface Handled {
  readonly token: AccessToken | undefined
  readonly api: ResourceServer
  readonly readBody: () => Promise<string>
}

/** A protected route, as an application writes it for any framework. */
export interface Route {
  readonly api: ResourceServer
  readonly requirement?: Requirement | undefined
  readonly optional?: boolean | undefined
  /** What the application answers to a preflight, where it does. */
  readonly preflight?: WireAnswer | undefined
  readonly handler: (handled: Handled) => WireAnswer | Promise<WireAnswer>
}
