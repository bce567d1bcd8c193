import { describe, expect, test } from 'vitest'
import { compete, type Contest } from '../../bench/against/contest.ts'
import type { Row } from '../../bench/against/rows.ts'
import { type Evidence, exitCodeOf, judge, type Operations } from '../../bench/against/verdict.ts'
import { intervalOfMedian } from '../../bench/statistics.ts'

/** Figures around a middle, spread by two percent to each side: the same ones on every run. */
function around(middle: number, count = 40): number[] {
  return Array.from({ length: count }, (_, index) => middle * (1 + 0.02 * Math.sin(index)))
}

function evidence(change: Partial<Evidence> = {}): Evidence {
  const same = { verify: 64, parse: 64, promises: 640 }
  return { ratios: around(1), control: around(1), counted: { new: same, old: same }, ...change }
}

describe('the verdict on a build beside an earlier one', () => {
  test('is "no slower" where nothing differs, and where the new build is faster', () => {
    expect(judge(evidence()).verdict).toBe('no slower')
    expect(judge(evidence({ ratios: around(0.8) })).verdict).toBe('no slower')
  })

  test('is "slower" for a build planted with 5 % more time', () => {
    expect(judge(evidence({ ratios: around(1.05) })).verdict).toBe('slower')
    expect(judge(evidence({ ratios: around(1.01) })).verdict).toBe('no slower')
  })

  test.each([0.9, 1.1])('is "inconclusive" where the old build takes %d of its own time', (off) => {
    expect(judge(evidence({ control: around(off) })).verdict).toBe('inconclusive')
    expect(judge(evidence({ ratios: around(1.5), control: around(off) })).verdict).toBe('inconclusive')
  })

  test.each<[string, Partial<Evidence>]>([
    ['five samples', { ratios: around(1, 5), control: around(1, 5) }],
    ['no sample', { ratios: [], control: [] }],
    ['a figure that is no number', { ratios: around(Number.NaN) }],
    ['a control that is no number', { control: around(Number.NaN) }],
  ])('is "inconclusive" for %s', (_, change) => {
    expect(judge(evidence(change)).verdict).toBe('inconclusive')
  })

  test.each<[string, Operations, readonly string[]]>([
    ['one parse more', { verify: 64, parse: 65 }, ['parse']],
    ['an operation that the old build does not know', { verify: 64, parse: 64, fetch: 1 }, ['fetch']],
    ['a count that is no number', { verify: Number.NaN, parse: 64 }, ['verify']],
  ])('is "grew" for %s, however fast it is and whatever the control says', (_, grown, names) => {
    const counted = { new: grown, old: { verify: 64, parse: 64 } }
    expect(judge(evidence({ ratios: around(0.5), control: around(2), counted }))).toMatchObject({
      verdict: 'grew',
      grown: names,
    })
  })

  test('is "no slower" where operations are saved', () => {
    const counted = { new: { verify: 64, parse: 64 }, old: { verify: 64, parse: 128 } }
    expect(judge(evidence({ counted })).verdict).toBe('no slower')
  })

  test('decides the exit code: slower and grown before inconclusive, and no row proves nothing', () => {
    expect(exitCodeOf(['no slower', 'no slower'])).toBe(0)
    expect(exitCodeOf(['no slower', 'inconclusive', 'slower'])).toBe(1)
    expect(exitCodeOf(['grew', 'inconclusive'])).toBe(1)
    expect(exitCodeOf(['no slower', 'inconclusive'])).toBe(2)
    expect(exitCodeOf([])).toBe(2)
  })
})

const ROWS: readonly Row[] = (['first', 'second'] as const).map((name) => ({
  name,
  kind: 'fresh',
  algorithm: 'RS256',
  atOnce: 1,
}))

/** A runtime whose builds take what is said; `time` counts the sittings from 1. */
function contest(costs: (name: string, time: number) => { new: number; old: number; again: number }) {
  const measured: string[] = []
  let opened = 0
  const pretended: Contest = {
    runtime: 'pretended',
    async open() {
      const time = ++opened
      return {
        async measure({ name }, rounds) {
          measured.push(name)
          return new Map(Object.entries(costs(name, time)).map(([build, cost]) => [build, around(cost, rounds)]))
        },
        async stop() {},
      }
    },
    count: async (rows) => rows.map(() => ({ new: { verify: 64 }, old: { verify: 64 } })),
  }
  return { pretended, measured }
}

async function verdictsOf({ pretended }: ReturnType<typeof contest>): Promise<string[]> {
  const results = await compete(pretended, ROWS, { sittings: 10, rounds: 5 }, () => {})
  return results.map(({ judgement }) => judgement.verdict)
}

describe('a comparison of builds', () => {
  test('finds the one row in which a build is slower', async () => {
    const planted = contest((name) => ({ new: name === 'second' ? 110 : 100, old: 100, again: 100 }))
    expect(await verdictsOf(planted)).toEqual(['no slower', 'slower'])
    expect(planted.measured).toHaveLength(20)
  })

  test('measures a row whose control is off once more, in more sittings, and believes those alone', async () => {
    const disturbed = contest((name, time) => ({
      new: 100,
      old: 100,
      again: name === 'first' && time <= 10 ? 120 : 100,
    }))
    expect(await verdictsOf(disturbed)).toEqual(['no slower', 'no slower'])
    expect(disturbed.measured.slice(20)).toEqual(Array.from({ length: 20 }, () => 'first'))
  })

  test('leaves a row inconclusive whose control stays off, after one repetition', async () => {
    const off = contest((name) => ({ new: 100, old: 100, again: name === 'first' ? 120 : 100 }))
    expect(await verdictsOf(off)).toEqual(['inconclusive', 'no slower'])
    expect(off.measured).toHaveLength(40)
  })
})

describe('the interval of a median', () => {
  // The outermost ranks of a binomial distribution whose tails hold at most 2.5 % each.
  test.each([
    [6, 1, 6],
    [8, 1, 8],
    [9, 2, 8],
    [10, 2, 9],
    [20, 6, 15],
    [40, 14, 27],
    [100, 40, 61],
    [2_000, 956, 1_045],
  ])('of %d values reaches from the %dth to the %dth', (count, low, high) => {
    const values = Array.from({ length: count }, (_, index) => count - index)
    expect(intervalOfMedian(values)).toEqual({ median: (count + 1) / 2, low, high })
  })

  test('is infinite for fewer than six values: they say too little', () => {
    expect(intervalOfMedian([1, 1, 1, 1, 1])).toEqual({ median: 1, low: -Infinity, high: Infinity })
  })
})
