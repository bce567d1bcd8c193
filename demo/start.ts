// `npm start`: OAuth 2.0 end to end on this machine. Starts everything, shows the answers of both APIs, stops everything.

import { startAuthorizationServer } from './authorization-server.ts'
import { obtainCredentials, type Credentials } from './credentials.ts'
import { sections } from './expectations.ts'
import { discoverEndpoints } from './flows.ts'
import { startNodeApi } from './node-api.ts'
import { parseOptions, portFlags, usage, UsageError, type DemoOptions, type Ports } from './options.ts'
import { playSections, type PlayedSection } from './play.ts'
import { PortTaken, requireFreePort } from './ports.ts'
import { settingsFor, signedSettingsFor } from './settings.ts'
import { layOut } from './table.ts'
import { bundleWorker, startWorker, type RunningApi, type WorkerBundle } from './worker.ts'

/** Functions that stop the started servers, in the order of their start. */
const running: (() => Promise<unknown>)[] = []
const interrupted = new AbortController()
let finishing = false
let shown = false

/** Stops all servers, newest first, and ends the process. */
async function finish(code: number): Promise<void> {
  if (finishing) return
  finishing = true
  interrupted.abort()
  // Anything else ends with this process.
  setTimeout(() => process.exit(code), 5000).unref()
  await Promise.allSettled(running.toReversed().map((stop) => stop()))
  process.exit(code)
}

function fail(message: string): Promise<void> {
  if (!finishing) console.error(`\n${message}`)
  return finish(1)
}

function say(line: string): void {
  if (!finishing) console.log(line)
}

async function demonstrate({ once, ports }: DemoOptions): Promise<void> {
  await requireFreePorts(ports)

  say('Starting the authorization server (oidc-provider) …')
  const authorizationServer = await startAuthorizationServer({
    port: ports.issuer,
    onError: (error) => void fail(`The authorization server failed: ${error.message}`),
  })
  running.push(() => authorizationServer.stop())
  const { issuer } = authorizationServer
  say(`  ${issuer}`)

  say('Bundling the Worker (wrangler) and starting both APIs (workerd, Node) …')
  const bundle = bundleTheWorker()
  const [worker, node, signedWorker, signedNode] = await Promise.all([
    bundle.then((built) => startTheWorker(built, ports.worker, settingsFor(issuer))),
    startTheNodeApi(ports.node, settingsFor(issuer)),
    // These stop after the table, so any port will do.
    bundle.then((built) => startTheWorker(built, 0, signedSettingsFor(issuer))),
    startTheNodeApi(0, signedSettingsFor(issuer)),
  ])
  say(`  Worker ${worker.url}\n  Node   ${node.url}`)

  say('Obtaining tokens by client credentials, authorization code with PKCE, device code and refresh …')
  const endpoints = await discoverEndpoints(issuer)
  const credentials = await obtainCredentials(endpoints)

  say('Calling both APIs, also after a token was revoked and while the authorization server is down …\n')
  const apis = [
    { name: 'Worker', plain: worker.url, signed: signedWorker.url },
    { name: 'Node', plain: node.url, signed: signedNode.url },
  ]
  const played = await playSections(sections, { authorizationServer, endpoints, credentials, apis })
  await Promise.all([signedWorker.stop(), signedNode.stop()])
  const table = layOut(played)
  say(table.text)
  if (table.unexpected === 0) {
    say(`\nAll ${answersIn(played)} answers are as expected.`)
  } else {
    say(`\n${table.unexpected} UNEXPECTED, see above.`)
    say(`\nThe Workers wrote:\n${lastOutputOf(worker, signedWorker)}`)
    say(`\nThe Node APIs wrote:\n${lastOutputOf(node, signedNode)}`)
  }

  if (once) return finish(table.unexpected === 0 ? 0 : 1)
  say(
    `\nTry it yourself, within the hour that the tokens live:\n\n${curlLines(worker.url, node.url, credentials).join('\n')}`,
  )
  say('\nRunning until you press Ctrl+C.')
  shown = true
}

function answersIn(played: readonly PlayedSection[]): number {
  return played.flatMap(({ columns }) => columns.flatMap(({ outcomes }) => outcomes)).length
}

function lastOutputOf(...apis: readonly RunningApi[]): string {
  return apis.map((api) => api.lastOutput()).join('\n')
}

function bundleTheWorker(): Promise<WorkerBundle> {
  const bundling = bundleWorker(interrupted.signal)
  running.push(() => bundling)
  return bundling
}

async function startTheWorker(bundle: WorkerBundle, port: number, vars: Record<string, string>): Promise<RunningApi> {
  const worker = await startWorker(bundle, {
    port,
    vars,
    onCrash: (output) => void fail(`workerd crashed. Its last output:\n${output}`),
  })
  running.push(() => worker.stop())
  return worker
}

async function startTheNodeApi(port: number, environment: Record<string, string>): Promise<RunningApi> {
  const api = await startNodeApi({
    port,
    environment,
    signal: interrupted.signal,
    onCrash: (output) => void fail(`The Node API crashed: ${output}`),
  })
  running.push(() => api.stop())
  return api
}

/** Reports taken ports before anything starts. */
async function requireFreePorts(ports: Ports): Promise<void> {
  for (const [name, { flag, what }] of Object.entries(portFlags)) {
    try {
      await requireFreePort(ports[name as keyof Ports])
    } catch (error) {
      if (!(error instanceof PortTaken)) throw error
      throw new UsageError(`Port ${error.port} for ${what} is taken. Choose another: npm start -- ${flag} PORT`)
    }
  }
}

function curlLines(worker: string, node: string, credentials: Credentials): string[] {
  const [alice, bob] = [credentials['code + PKCE'], credentials['device code']].map(
    (token) => `-H 'Authorization: Bearer ${token}'`,
  )
  const opaque = `-H 'Authorization: Bearer ${credentials['opaque: alice']}'`
  const order = `-H 'Content-Type: application/json' -d '{"item":"A honey pot","quantity":2}'`
  return [
    '# alice, on the Worker and on Node',
    `curl -i ${worker}/me ${alice}`,
    `curl -i ${node}/me ${alice}`,
    `curl -i ${worker}/orders ${alice} ${order}`,
    `curl -i ${worker}/orders ${alice}`,
    '# alice with an opaque token, about which the API asks the authorization server',
    `curl -i ${node}/me ${opaque}`,
    '# bob may read and not write',
    `curl -i ${node}/orders ${bob}`,
    `curl -i ${node}/orders ${bob} ${order}`,
    '# nobody',
    `curl -i ${worker}/orders`,
  ]
}

/** Stops everything in order when a signal ends the demo. */
function watchForTheEnd(): void {
  for (const [signal, number] of Object.entries({ SIGHUP: 1, SIGINT: 2, SIGTERM: 15 })) {
    process.on(signal, () => {
      // A second signal ends it at once.
      if (finishing) process.exit(128 + number)
      console.log('\nStopping …')
      // After the table, an interrupt is the normal end.
      void finish(shown ? 0 : 128 + number)
    })
  }
  // The reader of a pipe is gone, as in `npm start | head`.
  process.stdout.on('error', () => void finish(1))
  process.on('uncaughtException', (error) => void fail(error.stack ?? String(error)))
  // A signal to npm alone ends npm and its shell, and neither passes it on.
  const { ppid } = process
  if (process.env['npm_lifecycle_event'] !== undefined) {
    setInterval(() => process.ppid !== ppid && void finish(1), 500).unref()
  }
}

try {
  const options = parseOptions(process.argv.slice(2))
  if (options === 'help') {
    console.log(usage)
  } else {
    watchForTheEnd()
    await demonstrate(options)
  }
} catch (error) {
  const message = error instanceof Error ? error.message : String(error)
  await fail(error instanceof UsageError ? message : `The demo could not go on: ${message}`)
}
