// A million checks with rotations and outages: answers, heap growth, open handles and events.
//
//   npm run soak [-- --checks 1000000 --rotations 100 --outages 20]
//
// Exits with 1 where an answer was unexpected, the heap grew by more than 5 MB, or something stayed open after `close()`.

import { parseArgs } from 'node:util'
import { soakLines } from './lines/soak.ts'
import { proveLines } from './prove.ts'

const { values } = parseArgs({
  options: {
    checks: { type: 'string', default: '1000000' },
    rotations: { type: 'string', default: '100' },
    outages: { type: 'string', default: '20' },
  },
})
const options = { checks: Number(values.checks), rotations: Number(values.rotations), outages: Number(values.outages) }

process.exitCode = await proveLines(soakLines(options), {
  size: 'full',
  write: (text) => void process.stdout.write(text),
})
