// Two layers report each error, as where an error handler reports what Sentry's integration reports too.

import { captureException, createTransport, flush, init } from '@sentry/node'
import express, { type NextFunction, type Request, type Response } from 'express'
import { requireToken, viewOf } from './api.ts'
import { tell, tellPort } from './parent.ts'

interface SentryEvent {
  readonly exception: { readonly values: readonly { readonly type: string; readonly value: string }[] }
}

init({
  dsn: 'http://key@127.0.0.1/1',
  // It drops an event that reads like the one before. Without it, Sentry knows an error by the object alone.
  integrations: (defaults) => defaults.filter(({ name }) => name !== 'Dedupe'),
  transport: (options) =>
    createTransport(options, async ({ body }) => {
      for (const { type, value } of exceptionsOf(String(body))) tell('sentry', { type, value })
      return { statusCode: 200 }
    }),
})

/** Returns the exception of each event in an envelope: a line of its own, then for each item a header and its content. */
function exceptionsOf(envelope: string): SentryEvent['exception']['values'] {
  const [, ...lines] = envelope.trim().split('\n')
  return lines.flatMap((line, index) => {
    const { type } = JSON.parse(lines[index - 1] ?? '{}') as { readonly type?: string }
    return index % 2 === 1 && type === 'event' ? (JSON.parse(line) as SentryEvent).exception.values.slice(-1) : []
  })
}

const app = express()
app.get('/', async (request, response) => {
  const { subject } = await requireToken(viewOf(request))
  response.json({ subject })
})
app.get('/flush', async (_request, response) => {
  await flush()
  tell('flushed', true)
  response.end()
})

function report(error: unknown, _request: Request, _response: Response, next: NextFunction): void {
  captureException(error)
  next(error)
}

app.use(report, report)
const server = app.listen(0, '127.0.0.1', () => tellPort(server))
