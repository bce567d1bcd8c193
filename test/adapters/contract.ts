import { describe, expect, test } from 'vitest'
import type { ResourceServer } from '../../src/entry-points/index.ts'
import { goodClaims, NOW, signToken } from '../fixture/issuer.ts'
import { fixture } from '../fixture/server.ts'
import { type Expected, ROWS } from './table.ts'
import type { Route, WireAnswer, WireRequest } from './wire.ts'

export interface Outcome {
  /** Absent where the platform answers, as it does after an error that passed. */
  readonly answer?: WireAnswer
  /** Errors that the adapter passed on to the application or the platform. */
  readonly passed: readonly unknown[]
}

export type Send = (request: WireRequest) => Promise<Outcome>

/** Mounts routes in one framework: all that has to be written to run an adapter through the table. */
export interface AdapterUnderTest {
  readonly protect: (route: Route) => Promise<Send>
  readonly metadataHandler: (api: ResourceServer) => Promise<Send>
}

/** Runs an adapter through the table: whatever the framework, the same requests get the same answers. */
export function describeAdapter(name: string, adapter: AdapterUnderTest): void {
  describe(`the adapter for ${name}`, () => {
    test.each(ROWS)('$name', async ({ server, isIssuerDown, intercept, route, metadataHandler, request, expected }) => {
      const { api: whole, upstream } = await fixture(server)
      if (isIssuerDown) upstream.answers.clear()
      const seen: unknown[] = []
      const api = intercept ? intercept(whole, (sight) => seen.push(sight)) : whole
      const calls: string[] = []
      const send = metadataHandler
        ? await adapter.metadataHandler(api)
        : await adapter.protect({
            api,
            ...route,
            handler(handled) {
              calls.push(handled.token?.subject ?? 'nobody')
              return route?.handler ? route.handler(handled) : HELLO
            },
          })

      const { answer, passed } = await send(await filled(request))

      expect(calls).toEqual(expected.handled === undefined ? [] : [expected.handled])
      expect(passed).toEqual(expected.passed === undefined ? [] : [expected.passed])
      if (expected.passed !== undefined) expect(passed[0]).toBe(expected.passed)
      if (expected.status !== undefined) expectAnswer(answer, expected)
      if (expected.seen) expect(seen).toEqual(expected.seen)
    })
  })
}

const HELLO: WireAnswer = { status: 200, lines: [['X-Handler', '1']], body: 'hello' }

function expectAnswer(answer: WireAnswer | undefined, { status, headers = {}, body, json }: Expected): void {
  expect(answer?.status).toBe(status)
  for (const [name, value] of Object.entries(headers)) {
    const lines = (answer?.lines ?? []).filter(([each]) => each.toLowerCase() === name).map(([, line]) => line)
    if (value === undefined) expect([name, lines]).toEqual([name, []])
    else if (typeof value === 'string') expect([name, lines.join(', ')]).toEqual([name, value])
    else if (value instanceof RegExp) expect(lines.join(', ')).toMatch(value)
    else expect([name, lines]).toEqual([name, value])
  }
  if (body !== undefined) expect(answer?.body).toBe(body)
  if (json) expect(JSON.parse(answer?.body ?? '')).toMatchObject(json)
}

const TOKENS: Readonly<Record<string, () => Promise<string>>> = {
  '{good}': () => signToken(),
  '{expired}': () => signToken(goodClaims({ iat: NOW - 90, exp: NOW - 60 })),
  '{narrow}': () => signToken(goodClaims({ scope: 'profile' })),
  '{foreign}': () => signToken(goodClaims({ aud: 'other' })),
}

/** Puts tokens where the table names them. */
async function filled({ lines, body, ...rest }: WireRequest): Promise<WireRequest> {
  const written = await Promise.all(lines.map(async ([name, value]) => [name, await withTokens(value)] as const))
  return { ...rest, lines: written, ...(body !== undefined && { body: await withTokens(body) }) }
}

async function withTokens(text: string): Promise<string> {
  let whole = text
  for (const [hole, make] of Object.entries(TOKENS)) if (whole.includes(hole)) whole = whole.replace(hole, await make())
  return whole
}
