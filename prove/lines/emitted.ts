import type { Line } from '../line.ts'

/** The emitted texts of all lines before it, in both runtimes. Must be the last line. */
export const emittedLines: readonly Line[] = [
  {
    name: 'tokens, secrets, attacker bytes in logs, errors, events, headers of all lines above',
    goal: '0',
    runtime: 'node',
    async run({ emitted }) {
      const { texts, leaks, events } = emitted.report()
      const heard = Object.values(events).reduce((sum, count) => sum + count, 0)
      const places = leaks.length > 0 ? `: ${[...new Set(leaks)].join(', ')}` : ''
      return {
        measured: `${leaks.length} in as many texts, ${heard} events among them${places}`,
        samples: texts,
        met: leaks.length === 0,
      }
    },
  },
]
