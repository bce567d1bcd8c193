// A soak in a separate process, with its own heap and handles.

import { runSoak, type SoakOptions } from './run.ts'

process.send?.(await runSoak(JSON.parse(process.argv[2] ?? '{}') as SoakOptions))
process.disconnect()
