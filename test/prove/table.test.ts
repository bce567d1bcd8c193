import { describe, expect, test } from 'vitest'
import type { Line } from '../../prove/line.ts'
import { proveLines } from '../../prove/prove.ts'

async function prove(
  lines: readonly Line[],
  size: 'full' | 'quick' = 'full',
): Promise<{ readonly exitCode: number; readonly text: string }> {
  let text = ''
  const exitCode = await proveLines(lines, { size, write: (part) => (text += part) })
  return { exitCode, text }
}

function line(name: string, change: Partial<Line> = {}): Line {
  const run: Line['run'] = async () => ({ measured: `${name} measured`, samples: 3, met: true })
  return { name, goal: `${name} goal`, runtime: 'node', run, ...change }
}

describe('the table of goals', () => {
  test('shows goal, measured value, samples and verdict side by side, and exits with 0 where all are met', async () => {
    const { exitCode, text } = await prove([line('first'), line('second')])
    expect(exitCode).toBe(0)
    expect(text).toMatch(/^first +node +first goal +first measured +3 +met$/m)
    expect(text).toMatch(/^second +node +second goal +second measured +3 +met$/m)
  })

  test('exits with 1 for a line that is missed, and measures those after it', async () => {
    const missed = line('missed', { run: async () => ({ measured: '4 calls', samples: 3, met: false }) })
    const { exitCode, text } = await prove([missed, line('after')])
    expect(exitCode).toBe(1)
    expect(text).toMatch(/^missed .* 4 calls +3 +MISSED$/m)
    expect(text).toMatch(/^after .* met$/m)
  })

  test.each<[string, Line['run']]>([
    ['breaks', () => Promise.reject(new Error('no such file'))],
    ['was tried on nothing', async () => ({ measured: 'nothing', samples: 0, met: true })],
    ['hangs', () => new Promise(() => {})],
  ])('exits with 1 for a line that %s: it was not measured', async (_, run) => {
    const { exitCode, text } = await prove([line('unmeasured', { run, limitMs: 50 }), line('after')])
    expect(exitCode).toBe(1)
    expect(text).toMatch(/^unmeasured .* 0 +NOT MEASURED$/m)
    expect(text).toMatch(/^after .* met$/m)
  })

  test('exits with 1 where there is no line to prove', async () => {
    expect((await prove([])).exitCode).toBe(1)
  })

  test('says of a quick run that it is no proof', async () => {
    expect((await prove([line('first')], 'quick')).text).toContain('no proof')
    expect((await prove([line('first')], 'full')).text).not.toContain('no proof')
  })
})
