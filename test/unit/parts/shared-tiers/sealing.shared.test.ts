import { describe, expect, test } from 'vitest'
import { createSealing, type SealingKey, Unsealable } from '../../../../src/parts/shared-tiers/sealing.ts'

function key(id: string, fill = id.charCodeAt(0)): SealingKey {
  return { id, secret: new Uint8Array(32).fill(fill) }
}

const NAME = 'bearward:1:answer:one'
const TEXT = '{"sub":"user-1","grüße":"漢字 🐻"}'

async function outcome(work: Promise<string>): Promise<string> {
  return work.catch((fault: unknown) => (fault instanceof Unsealable ? 'unsealable' : `wrong: ${String(fault)}`))
}

describe('a sealed text', () => {
  test('opens with the same key under the same name', async () => {
    const sealing = createSealing([key('a')])
    expect(await sealing.open(NAME, await sealing.seal(NAME, TEXT))).toBe(TEXT)
    expect(await createSealing([key('a')]).open(NAME, await sealing.seal(NAME, TEXT))).toBe(TEXT)
  })

  test('shows nothing of itself but the key’s id, and differs each time', async () => {
    const sealing = createSealing([key('a')])
    const [one, two] = [await sealing.seal(NAME, TEXT), await sealing.seal(NAME, TEXT)]
    expect(one).toMatch(/^a\.[\w-]{16}\.[\w-]+$/)
    expect(one).not.toBe(two)
    expect(atob((one.split('.')[2] ?? '').replaceAll('-', '+').replaceAll('_', '/'))).not.toContain('user-1')
  })

  test('does not open under another name: no entry passes for another', async () => {
    const sealing = createSealing([key('a')])
    const sealed = await sealing.seal(NAME, TEXT)
    expect(await outcome(sealing.open(`${NAME}2`, sealed))).toBe('unsealable')
    expect(await outcome(sealing.open(NAME, sealed))).toBe(TEXT)
  })

  test('does not open with another secret of the same id', async () => {
    const sealed = await createSealing([key('a', 1)]).seal(NAME, TEXT)
    expect(await outcome(createSealing([key('a', 2)]).open(NAME, sealed))).toBe('unsealable')
    expect(await outcome(createSealing([key('a', 1)]).open(NAME, sealed))).toBe(TEXT)
  })

  test('does not open once a single character was changed', async () => {
    const sealing = createSealing([key('a')])
    const sealed = await sealing.seal(NAME, TEXT)
    for (let index = 0; index < sealed.length; index++) {
      const other = sealed[index] === 'A' ? 'B' : 'A'
      const changed = sealed.slice(0, index) + other + sealed.slice(index + 1)
      expect(await outcome(sealing.open(NAME, changed))).toBe('unsealable')
    }
  })

  test.each([
    ['nothing', ''],
    ['plain JSON', TEXT],
    ['an id alone', 'a'],
    ['too few parts', 'a.AAAAAAAAAAAAAAAA'],
    ['empty parts', 'a..'],
    ['too many parts', 'a.AAAAAAAAAAAAAAAA.AAAA.AAAA'],
    ['a short initialization vector', 'a.AAAA.AAAAAAAAAAAAAAAAAAAAAAAA'],
    ['too little for a tag', 'a.AAAAAAAAAAAAAAAA.AAAA'],
    ['another alphabet', 'a.AAAAAAAAAAAAAAA/.AAAAAAAAAAAAAAAAAAAAAAAA'],
  ])('is not %s', async (_, text) => {
    expect(await outcome(createSealing([key('a')]).open(NAME, text))).toBe('unsealable')
  })
})

describe('rotation', () => {
  test('seals with the first key and opens with each', async () => {
    const [old, next] = [createSealing([key('a')]), createSealing([key('b'), key('a')])]
    const sealed = await old.seal(NAME, TEXT)
    expect(await next.open(NAME, sealed)).toBe(TEXT)
    expect(await next.seal(NAME, TEXT)).toMatch(/^b\./)
    expect(await outcome(old.open(NAME, await next.seal(NAME, TEXT)))).toBe('unsealable')
    expect(await outcome(createSealing([key('b')]).open(NAME, sealed))).toBe('unsealable')
  })
})
