import { expect, test } from 'vitest'
import { soakLines } from '../../prove/lines/soak.ts'
import { proveLines } from '../../prove/prove.ts'

test(
  'a soak of 5,000 checks with rotations and outages has no unexpected answer and leaves nothing open',
  { timeout: 120_000 },
  async () => {
    let text = ''
    const lines = soakLines({ checks: 5_000, rotations: 5, outages: 4 })
    const exitCode = await proveLines(lines, { size: 'full', write: (part) => (text += part) })
    expect(text).toContain('4 of 4 lines met')
    expect(exitCode).toBe(0)
  },
)
