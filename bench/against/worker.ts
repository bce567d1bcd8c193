// The rows in a Worker, which is timed from outside: its clock stands still while it computes. POST /row takes a row and its tokens,
// POST /prepare makes strings of some, POST /run checks these and does nothing else.

import { checkAtOnce, checkInTurn } from '../measure.ts'
import type { Build, BuildName } from './builds.ts'
import { watchOperations } from './operations.ts'
import { createCheck, type RowCheck, type Terms } from './rows.ts'

export interface Order extends Terms {
  readonly atOnce: number
  readonly tokens: readonly string[]
}

interface Ordered {
  readonly atOnce: number
  readonly tokens: readonly Uint8Array[]
  readonly checks: Readonly<Record<string, RowCheck>>
}

export function createWorker(builds: Readonly<Record<BuildName, Build>>): object {
  let ordered: Ordered | undefined
  let prepared: string[] = []

  function prepare(from: number, count: number): void {
    const { tokens = [] } = ordered ?? {}
    const decoder = new TextDecoder('latin1')
    prepared = Array.from({ length: count }, (_, index) => decoder.decode(tokens[(from + index) % tokens.length]))
  }

  async function run(by: string): Promise<void> {
    const { checks, atOnce } = ordered as Ordered
    const check = checks[by] as RowCheck
    await (atOnce === 1 ? checkInTurn(check, prepared) : checkAtOnce(check, prepared, atOnce))
  }

  async function answer(request: Request): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url)
    const by = searchParams.get('by') ?? ''
    switch (pathname) {
      case '/row': {
        const order = (await request.json()) as Order
        const created = Object.entries(builds).map(([name, build]) => [name, createCheck(build, order)] as const)
        ordered = {
          atOnce: order.atOnce,
          tokens: order.tokens.map((token) => new TextEncoder().encode(token)),
          // The cost of the request, the loop and the `await`: subtracted from every time.
          checks: { ...Object.fromEntries(created), nothing: async () => undefined },
        }
        break
      }
      case '/check':
        try {
          await ordered?.checks[by]?.(await request.text())
        } catch (error) {
          return new Response(String(error), { status: 401 })
        }
        break
      case '/prepare':
        prepare(Number(searchParams.get('from')), Number(searchParams.get('count')))
        break
      case '/run':
        await run(by)
        break
      case '/count': {
        const watch = watchOperations()
        try {
          await run(by)
          return Response.json(watch.counted())
        } finally {
          watch.stop()
        }
      }
    }
    return new Response('done')
  }

  return {
    async fetch(request: Request): Promise<Response> {
      try {
        return await answer(request)
      } catch (error) {
        return new Response(String(error), { status: 500 })
      }
    },
  }
}
