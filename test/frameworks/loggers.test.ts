import { Console } from 'node:console'
import { Writable } from 'node:stream'
import { inspect } from 'node:util'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import winston from 'winston'
import { type BearwardError, createResourceServer, type ResourceServer, scope } from '../../dist/index.js'
import { NOW_MS, RESOURCE } from '../fixture/issuer.ts'
import { holdsSecret } from '../fixture/secrets.ts'
import { type Issuers, type RefusalCode, refusals, startIssuers } from './refusals.ts'

let issuers: Issuers
let api: ResourceServer
beforeAll(async () => {
  issuers = await startIssuers()
  api = createResourceServer({
    resource: RESOURCE,
    issuers: issuers.identifiers.map((issuer) => ({ issuer })),
    now: () => NOW_MS,
  })
})
afterAll(() => issuers.stop())

async function refuse(code: RefusalCode): Promise<BearwardError> {
  const token = await issuers.badToken(code)
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` }
  try {
    const accepted = await api.authenticate({ method: 'GET', url: RESOURCE, headers })
    api.authorize(accepted, scope('orders:read'))
  } catch (error) {
    return error as BearwardError
  }
  throw new Error(`nothing was refused with ${code}`)
}

interface Log {
  readonly stream: Writable
  readonly text: () => string
}

function createLog(): Log {
  let text = ''
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      text += chunk.toString()
      done()
    },
  })
  return { stream, text: () => text }
}

const loggers: readonly { readonly name: string; readonly write: (error: unknown, log: Log) => void }[] = [
  { name: 'pino', write: (error, { stream }) => pino(stream).error(error) },
  { name: 'pino, with a text,', write: (error, { stream }) => pino(stream).error({ err: error }, 'refused') },
  { name: 'winston', write: (error, { stream }) => createWinston(stream).error(error) },
  { name: 'console.error', write: (error, { stream }) => new Console(stream, stream).error(error) },
  { name: 'util.inspect', write: (error, { stream }) => stream.write(inspect(error)) },
  { name: 'JSON.stringify', write: (error, { stream }) => stream.write(JSON.stringify(error)) },
]

function createWinston(stream: Writable): winston.Logger {
  return winston.createLogger({
    format: winston.format.combine(winston.format.errors({ stack: true }), winston.format.json()),
    transports: [new winston.transports.Stream({ stream })],
  })
}

describe.each(loggers)('$name', ({ write }) => {
  test.each(refusals)('writes the code and the detail of $code', async ({ code }) => {
    const error = await refuse(code)
    const log = createLog()
    write(error, log)
    expect(error.code).toBe(code)
    // In JSON, quotes are escaped.
    const text = log.text().replaceAll('\\"', '"')
    expect(text).toContain(code)
    expect(text).toContain(error.detail)
    expect(holdsSecret(text)).toBe(false)
  })
})

test('callers who wait for the same outage get an error each', async () => {
  const [one, other] = await Promise.all([refuse('issuer_unavailable'), refuse('issuer_unavailable')])
  expect(one.code).toBe(other.code)
  expect(one).not.toBe(other)
})
