// A server in a process of its own: says its port, and serves until whoever started it goes away.
//   node http/serve.ts '{"stack":"Express","guard":"bearward","processes":1,"setup":{…}}'

import cluster from 'node:cluster'
import { type ServerSetup, type Stack, startServer } from './stacks.ts'

interface Wanted {
  readonly stack: Stack
  readonly guard: string
  /** More than one share the port. */
  readonly processes: number
  readonly setup: ServerSetup
}

const { stack, guard, processes, setup } = JSON.parse(process.argv[2] ?? '') as Wanted

if (processes === 1 || cluster.isWorker) {
  const port = await startServer(stack, guard, setup)
  if (!cluster.isWorker) console.log(port)
} else {
  let listening = 0
  cluster.on('listening', (_, { port }) => ++listening === processes && console.log(port))
  for (let count = 0; count < processes; count++) cluster.fork()
}

if (cluster.isPrimary) {
  process.stdin.resume()
  process.stdin.on('end', () => process.exit())
}
