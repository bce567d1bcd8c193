// The table that the demo prints.

import { isDeepStrictEqual } from 'node:util'
import { parseChallenge } from './challenge.ts'
import { metadataUrl, notes, type Row } from './expectations.ts'
import type { Outcome } from './run.ts'

/** The outcomes of one API, in the order of the rows. */
export interface Column {
  readonly name: string
  readonly outcomes: readonly Outcome[]
}

export interface Table {
  readonly text: string
  /** How many outcomes are not as expected. */
  readonly unexpected: number
}

/** Lays out who asked for what, what each API answered, and the challenge that came along. */
export function layOut(rows: readonly Row[], columns: readonly Column[]): Table {
  const lines = [['presented', 'request', ...columns.map(({ name }) => name), 'challenge']]
  const remarks = new Map<number, string[]>()
  let unexpected = 0
  for (const [index, row] of rows.entries()) {
    const outcomes = columns.map(({ name, outcomes: all }) => ({ name, ...all[index]! }))
    const challenges = outcomes.map(({ challenge }) => readable(challenge))
    const remark = outcomes.flatMap(({ name, differences }) => differences.map((text) => `${name}: ${text}`))
    unexpected += outcomes.filter(({ differences }) => differences.length > 0).length
    if (!challenges.every((challenge) => isDeepStrictEqual(challenge, challenges[0]))) {
      unexpected += 1
      remark.push(...outcomes.map(({ name, challenge }) => `${name} alone answers: ${challenge ?? 'no challenge'}`))
    }
    const owner = row.of === undefined ? '' : ` of ${row.of}`
    lines.push([
      row.as,
      `${row.method.padEnd(6)} ${row.path}${owner}`,
      ...outcomes.map(({ status, differences }) => `${status} ${differences.length === 0 ? 'ok' : 'UNEXPECTED'}`),
      challenges[0] ?? '',
    ])
    if (remark.length > 0) remarks.set(lines.length - 1, remark)
  }
  const text = align(lines).flatMap((line, index) => [
    line,
    ...(remarks.get(index) ?? []).map((remark) => `    ${remark}`),
  ])
  return { text: [...text, '', ...legend()].join('\n'), unexpected }
}

function legend(): string[] {
  return [
    `Each challenge also says resource_metadata="${metadataUrl}".`,
    ...align(Object.entries(notes).map(([name, note]) => [name, note])),
  ]
}

/** The challenge without the parameter that is the same in all of them. */
function readable(challenge: string | undefined): string {
  const parsed = challenge === undefined ? undefined : parseChallenge(challenge)
  if (!parsed) return challenge ?? ''
  const params = Object.entries(parsed.params).filter(([name]) => name !== 'resource_metadata')
  return [parsed.scheme, params.map(([name, value]) => `${name}="${value}"`).join(', ')].join(' ').trim()
}

function align(lines: readonly (readonly string[])[]): string[] {
  const widths = (lines[0] ?? []).map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)))
  return lines.map((line) => `  ${line.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')}`.trimEnd())
}
