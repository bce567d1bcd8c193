// The table that the demo prints.

import { isDeepStrictEqual } from 'node:util'
import { parseChallenge } from './challenge.ts'
import { metadataUrl, notes } from './expectations.ts'
import type { PlayedSection } from './play.ts'
import type { Outcome } from './run.ts'

export interface Table {
  readonly text: string
  /** How many outcomes are not as expected. */
  readonly unexpected: number
}

/** A line of cells, or one line across all columns. */
type Line = readonly string[] | string

/** Lays out requests, the answers of each API, and the challenges. */
export function layOut(sections: readonly PlayedSection[]): Table {
  const names = sections[0]?.columns.map(({ name }) => name) ?? []
  const lines: Line[] = [['presented', 'request', ...names, 'challenge']]
  let unexpected = 0
  for (const { title, columns } of sections) {
    lines.push('', title)
    for (const index of columns[0]?.outcomes.keys() ?? []) {
      const outcomes = columns.map(({ name, outcomes: all }) => ({ name, ...all[index]! }))
      const remarks = remarksOn(outcomes)
      unexpected += remarks.length
      lines.push(cellsOf(outcomes), ...remarks.map((remark) => `    ${remark}`))
    }
  }
  return { text: [...align(lines), '', ...legend()].join('\n'), unexpected }
}

type NamedOutcome = Outcome & { readonly name: string }

function cellsOf(outcomes: readonly NamedOutcome[]): string[] {
  const { row, challenge, retryAfter } = outcomes[0]!
  const owner = row.of === undefined ? '' : ` of ${row.of}`
  return [
    row.as,
    `${row.method.padEnd(6)} ${row.path}${owner}`,
    ...outcomes.map(({ status, differences }) => `${status} ${differences.length === 0 ? 'ok' : 'UNEXPECTED'}`),
    retryAfter === undefined ? readable(challenge) : `none; Retry-After: ${retryAfter}`,
  ]
}

/** Returns a remark for each unexpected answer, and one where the challenges of the APIs differ. */
function remarksOn(outcomes: readonly NamedOutcome[]): string[] {
  const remarks = outcomes
    .filter(({ differences }) => differences.length > 0)
    .map(({ name, differences }) => `${name}: ${differences.join('; ')}`)
  const challenges = outcomes.map(({ challenge }) => readable(challenge))
  if (challenges.every((challenge) => isDeepStrictEqual(challenge, challenges[0]))) return remarks
  const each = outcomes.map(({ name, challenge }) => `${name}: ${challenge ?? 'none'}`)
  return [...remarks, `the challenges differ: ${each.join('; ')}`]
}

function legend(): string[] {
  return [
    `Each challenge also says resource_metadata="${metadataUrl}".`,
    ...align(Object.entries(notes).map(([name, note]) => [name, note])),
  ]
}

/** The challenge without `resource_metadata`, which is always the same. */
function readable(challenge: string | undefined): string {
  const parsed = challenge === undefined ? undefined : parseChallenge(challenge)
  if (!parsed) return challenge ?? ''
  const params = Object.entries(parsed.params).filter(([name]) => name !== 'resource_metadata')
  return [parsed.scheme, params.map(([name, value]) => `${name}="${value}"`).join(', ')].join(' ').trim()
}

function align(lines: readonly Line[]): string[] {
  const rows = lines.filter((line) => typeof line !== 'string')
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  return lines.map((line) => {
    if (typeof line === 'string') return line
    return `  ${line.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')}`.trimEnd()
  })
}
