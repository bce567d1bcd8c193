import { Response } from 'miniflare'
import { bundleWorker } from '../test/workers/bundle.ts'
import { type RunningWorker, runWorker } from '../test/workers/run-worker.ts'
import type { Measure, Proof } from './line.ts'
import type { WorkerReport } from './worker.ts'

/** The library as users install it. */
export const LIBRARY = new URL('../dist/index.js', import.meta.url)

let script: Promise<string> | undefined

/** Runs one of the scenarios in a new isolate, within one request. */
export async function runScenarioInWorkerd(index: number, { size, emitted }: Proof): Promise<Measure> {
  script ??= bundleWorker(new URL('worker.ts', import.meta.url), LIBRARY)
  return withWorker(await script, async ({ origin }) => {
    const response = await fetch(`${origin}/${index}?size=${size}`)
    if (response.status !== 200) throw new Error(`workerd answered ${response.status}: ${await response.text()}`)
    const report = (await response.json()) as WorkerReport
    emitted.add(report.emitted)
    return report.measure
  })
}

async function withWorker<T>(bundled: string, run: (worker: RunningWorker) => Promise<T>): Promise<T> {
  const worker = await runWorker(bundled, () => new Response('nothing is out here', { status: 404 }))
  try {
    return await run(worker)
  } finally {
    await worker.dispose()
  }
}
