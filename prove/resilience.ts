// Every line of the resilience goals, measured: goal, figure and number of samples side by side.
//
//   npm run prove:resilience [-- --only <part of a name>] [-- --quick]
//
// Exits with 1 where a line is missed or not measured. `--quick` runs smaller counts and proves nothing.

import { parseArgs } from 'node:util'
import { emittedLines } from './lines/emitted.ts'
import { floodLines } from './lines/flood.ts'
import { fuzzLines } from './lines/fuzz.ts'
import { hostileLines } from './lines/hostile.ts'
import { introspectionOutageLines } from './lines/introspection-outage.ts'
import { isolateLines } from './lines/isolate.ts'
import { scenarioLines } from './lines/scenarios.ts'
import { soakLines } from './lines/soak.ts'
import { tenantLines } from './lines/tenants.ts'
import { proveLines } from './prove.ts'

process.env['WRANGLER_SEND_METRICS'] = 'false'
process.env['CLOUDFLARE_CF_FETCH_ENABLED'] = 'false'

const { values } = parseArgs({ options: { only: { type: 'string' }, quick: { type: 'boolean' } } })

const lines = [
  ...scenarioLines,
  ...isolateLines,
  ...hostileLines,
  ...tenantLines,
  ...floodLines,
  ...introspectionOutageLines,
  ...soakLines(),
  ...fuzzLines,
  // Searches the texts of the other lines.
  ...emittedLines,
]
const chosen = lines.filter(({ name }) => name.includes(values.only ?? ''))

// Work that a line left running must not keep the command alive.
process.exit(
  await proveLines(chosen, {
    size: values.quick ? 'quick' : 'full',
    write: (text) => void process.stdout.write(text),
  }),
)
