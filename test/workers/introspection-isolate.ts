import { Response } from 'miniflare'
import { RESOURCE } from '../fixture/issuer.ts'
import { bundleWorker } from './bundle.ts'
import { type RunningWorker, runWorker } from './run-worker.ts'

/** The test Worker in a fresh isolate, and the only world that it can reach: one introspection endpoint. */
export interface IntrospectionIsolate extends RunningWorker {
  /** Tokens that were asked about, in order. */
  readonly asked: string[]
  /** What the endpoint does from now on. */
  readonly endpoint: { answer: Record<string, unknown>; status: number; delayMs: number; hangs: boolean }
}

/** `library` stands in for the source. */
export function bundleIntrospectionWorker(library?: URL): Promise<string> {
  return bundleWorker(new URL('introspection-worker.ts', import.meta.url), library)
}

export async function startIntrospectionIsolate(script: string): Promise<IntrospectionIsolate> {
  const asked: string[] = []
  const now = Math.floor(Date.now() / 1000)
  const endpoint: IntrospectionIsolate['endpoint'] = {
    answer: {
      active: true,
      token_type: 'Bearer',
      aud: RESOURCE,
      sub: 'user-1',
      client_id: 'client-1',
      scope: 'orders:read orders:write',
      iat: now - 10,
      exp: now + 3_600,
    },
    status: 200,
    delayMs: 0,
    hangs: false,
  }
  const worker = await runWorker(script, async (request) => {
    const form = new URLSearchParams(await request.text())
    asked.push(form.get('token') ?? '')
    const { answer, status, delayMs, hangs } = endpoint
    if (hangs) await new Promise(() => {})
    await new Promise((resolve) => setTimeout(resolve, delayMs))
    return Response.json(answer, { status })
  })
  return { ...worker, asked, endpoint }
}
