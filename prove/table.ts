import type { Line } from './line.ts'

type Verdict = 'met' | 'MISSED' | 'NOT MEASURED'

/** The result of one line. */
export interface Row extends Pick<Line, 'name' | 'goal' | 'runtime'> {
  readonly measured: string
  readonly samples: number
  readonly verdict: Verdict
}

const HEADING = ['line', 'runtime', 'goal', 'measured', 'samples', 'verdict']
const WIDTHS = [46, 7, 38, 52, 9, 12]

/** The head of the table. */
export function heading(): string {
  return [...laidOut(HEADING), WIDTHS.map((width) => '-'.repeat(width)).join('  ')].join('\n')
}

/** A printed row: cells side by side, long ones wrapped. */
export function rowText({ name, runtime, goal, measured, samples, verdict }: Row): string {
  return laidOut([name, runtime, goal, measured, samples.toLocaleString('en'), verdict]).join('\n')
}

function laidOut(cells: readonly string[]): string[] {
  const wrapped = cells.map((cell, column) => wrap(cell, WIDTHS[column] ?? 0))
  const height = Math.max(...wrapped.map((lines) => lines.length))
  return Array.from({ length: height }, (_, line) =>
    WIDTHS.map((width, column) => {
      const text = wrapped[column]?.[line] ?? ''
      return HEADING[column] === 'samples' ? text.padStart(width) : text.padEnd(width)
    })
      .join('  ')
      .trimEnd(),
  )
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = []
  for (const word of text.split(' ')) {
    const last = lines.at(-1)
    if (last !== undefined && last.length + 1 + word.length <= width) lines[lines.length - 1] = `${last} ${word}`
    else lines.push(word)
  }
  return lines
}
