import { fork } from 'node:child_process'
import { bySize, type Line, type Measure, type Proof } from '../line.ts'
import type { TenantsReport } from '../tenants/process.ts'

const MEGABYTE = 1_024 * 1_024
const MAX_HELD_BYTES = 20 * MEGABYTE
const MAX_TURN_MS = 50
const TENANTS = 10

/** The cost of tenants with documents of 512 KiB: junk, expensive keys, and as many of them as fit. */
export const tenantLines: readonly Line[] = [
  {
    name: 'ten hostile tenants (documents of 512 KiB, thousands of keys)',
    goal: '<= 20 MB held, no turn of the event loop beyond 50 ms, good tokens accepted',
    runtime: 'node',
    run: measureTenants,
  },
]

async function measureTenants(proof: Proof): Promise<Measure> {
  const runs = bySize(proof, 5, 1)
  const reports: TenantsReport[] = []
  for (let run = 0; run < runs; run++) reports.push(await runOnce(proof))
  const held = Math.max(...reports.map(({ heldBytes }) => heldBytes))
  const longestTurnMs = Math.max(...reports.map((report) => report.longestTurnMs))
  const accepted = reports.reduce((sum, report) => sum + report.accepted, 0)
  const events = Math.max(...reports.map((report) => report.events))
  return {
    measured: `${(held / MEGABYTE).toFixed(1)} MB held, longest turn ${longestTurnMs.toFixed(0)} ms, ${accepted} of ${runs * TENANTS} accepted (${reports[0]?.outcomes}), ${events} events at most`,
    samples: runs * TENANTS,
    met: held <= MAX_HELD_BYTES && longestTurnMs <= MAX_TURN_MS && accepted === runs * TENANTS,
  }
}

async function runOnce(proof: Proof): Promise<TenantsReport> {
  const child = fork(new URL('../tenants/process.ts', import.meta.url))
  const report = await new Promise<TenantsReport>((resolve, reject) => {
    child.once('message', (message) => resolve(message as TenantsReport))
    child.once('exit', (code) => reject(new Error(`the run ended with exit code ${code}`)))
  })
  proof.emitted.add(report.emitted)
  return report
}
