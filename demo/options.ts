// The demo's command line.

import { parseArgs } from 'node:util'

export interface DemoOptions {
  readonly once: boolean
  readonly ports: Ports
}

export interface Ports {
  readonly issuer: number
  readonly worker: number
  readonly node: number
}

/** The flag that sets each port, and the port without it. */
export const portFlags = {
  issuer: { flag: '--issuer-port', port: 4400, what: 'the authorization server' },
  worker: { flag: '--worker-port', port: 4401, what: 'the Worker' },
  node: { flag: '--node-port', port: 4402, what: 'the Node API' },
} as const satisfies Record<keyof Ports, { flag: string; port: number; what: string }>

export const usage = `npm start                  starts the authorization server and both APIs, shows what they answer, and stays up
npm start -- --once        exits after that, with 1 if an answer is not as expected

${Object.values(portFlags)
  .map(
    ({ flag, port, what }) =>
      `  ${`${flag} PORT`.padEnd(20)} for ${what}, ${port} unless given (with --once any free one)`,
  )
  .join('\n')}`

/** The command line is invalid. The message says why. */
export class UsageError extends Error {}

/**
 * Reads the command line.
 *
 * @throws {UsageError}
 */
export function parseOptions(args: readonly string[]): DemoOptions | 'help' {
  const text = { type: 'string' } as const
  let values
  try {
    ;({ values } = parseArgs({
      args: [...args],
      options: {
        once: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
        'issuer-port': text,
        'worker-port': text,
        'node-port': text,
      },
    }))
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error))
  }
  if (values.help) return 'help'
  const { once } = values
  const readPort = (name: keyof Ports, value: string | undefined): number => {
    const { flag, port } = portFlags[name]
    if (value === undefined) return once ? 0 : port
    if (/^\d{1,5}$/.test(value) && Number(value) <= 65535) return Number(value)
    throw new UsageError(`${flag} takes a port from 0 to 65535, not ${JSON.stringify(value)}.`)
  }
  const ports = {
    issuer: readPort('issuer', values['issuer-port']),
    worker: readPort('worker', values['worker-port']),
    node: readPort('node', values['node-port']),
  }
  const fixed = Object.values(ports).filter((port) => port !== 0)
  if (new Set(fixed).size < fixed.length) throw new UsageError('The three ports must differ.')
  return { once, ports }
}
