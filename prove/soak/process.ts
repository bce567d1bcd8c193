// A soak in a process of its own: its heap and its handles are nobody else's.

import { runSoak, type SoakOptions } from './run.ts'

process.send?.(await runSoak(JSON.parse(process.argv[2] ?? '{}') as SoakOptions))
process.disconnect()
