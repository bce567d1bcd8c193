// The scenarios in workerd: `/<index>?size=` runs one, within one request, and answers with the measurement.
import { createEmitted, type EmittedReport } from './emitted.ts'
import type { Measure } from './line.ts'
import { memoryWorld } from './memory-world.ts'
import { scenarios } from './scenarios/all.ts'

export interface WorkerReport {
  readonly measure: Measure
  readonly emitted: EmittedReport
}

// A Worker is its module's default export.
// oxlint-disable-next-line import/no-default-export
export default {
  async fetch(request: Request): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url)
    const emitted = createEmitted()
    const size = searchParams.get('size') === 'full' ? 'full' : 'quick'
    const measure = await scenarios[Number(pathname.slice(1))]?.run(memoryWorld(size, emitted))
    if (!measure) return new Response('no such scenario', { status: 404 })
    return Response.json({ measure, emitted: emitted.report() } satisfies WorkerReport)
  },
}
