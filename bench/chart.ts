// Charts as SVG by hand: readable on light and dark pages, with every figure printed beside its mark.

import type { Summary } from './statistics.ts'

export interface Bar {
  readonly label: string
  readonly value: Summary
  /** Bars of bearward are told apart. */
  readonly own?: boolean
}

export interface Series {
  readonly name: string
  readonly points: readonly { readonly x: number; readonly value: Summary }[]
}

interface Captions {
  readonly title: string
  readonly subtitle: string
  /** What the figures are, with their unit. */
  readonly axis: string
}

const WIDTH = 760
// Of a bold letter, a little more than it takes on average.
const LETTER_WIDTH = 7.8
const LINE_HEIGHT = 14
const OWN = '#c2410c'
const OTHER = '#64748b'
const COLORS = [OWN, '#0f766e', '#4338ca', OTHER]
const FONT = 'font-family="system-ui, sans-serif"'

/** Horizontal bars from zero; the thin line on each is the middle half of its figures. */
export function barChart(captions: Captions, bars: readonly Bar[], digits = 1): string {
  const left = 16 + LETTER_WIDTH * Math.max(...bars.map(({ label }) => label.length))
  const [right, top, step] = [80, 74, 26]
  const height = top + bars.length * step + 44
  const most = Math.max(...bars.map(({ value }) => value.high), 1e-9)
  const x = (value: number): number => left + (value / most) * (WIDTH - left - right)
  const marks = bars.map(({ label, value, own }, index) => {
    const y = top + index * step
    return [
      text(left - 10, y + 15, label, { anchor: 'end', bold: own === true }),
      `<rect x="${left}" y="${y + 3}" width="${fixed(x(value.median) - left)}" height="16" rx="2" fill="${own ? OWN : OTHER}"/>`,
      `<line x1="${fixed(x(value.low))}" x2="${fixed(x(value.high))}" y1="${y + 11}" y2="${y + 11}" stroke="#0f172a" stroke-width="1.5"/>`,
      text(x(value.high) + 6, y + 15, number(value.median, digits), { bold: own === true }),
    ].join('\n')
  })
  const base = `<line x1="${left}" x2="${left}" y1="${top}" y2="${top + bars.length * step}" stroke="#94a3b8"/>`
  return picture(height, captions, [...marks, base, text(left, height - 14, captions.axis, { muted: true })])
}

/** Lines over a logarithmic axis; the vertical axis begins at zero. */
export function lineChart(captions: Captions & { readonly across: string }, series: readonly Series[]): string {
  const [left, right, top, bottom, height] = [60, 30, 90, 60, 380]
  const all = series.flatMap(({ points }) => points)
  const most = Math.max(...all.map(({ value }) => value.high)) * 1.15
  const [least, greatest] = [Math.min(...all.map((point) => point.x)), Math.max(...all.map((point) => point.x))]
  const along = (x: number): number =>
    left + 20 + (Math.log(x / least) / Math.log(greatest / least || 2)) * (WIDTH - left - right - 40)
  const up = (value: number): number => height - bottom - (value / most) * (height - top - bottom)
  const ticks = [...new Set(all.map((point) => point.x))].map((x) =>
    text(along(x), height - bottom + 20, x.toLocaleString('en'), { anchor: 'middle', muted: true }),
  )
  const heights = labelHeights(series, (value) => up(value) - 9)
  const lines = series.map(({ name, points }, index) => {
    const color = COLORS[index % COLORS.length] ?? OTHER
    const path = points.map(({ x, value }) => `${fixed(along(x))},${fixed(up(value.median))}`).join(' ')
    return [
      `<polyline points="${path}" fill="none" stroke="${color}" stroke-width="2"/>`,
      ...points.flatMap(({ x, value }) => [
        `<circle cx="${fixed(along(x))}" cy="${fixed(up(value.median))}" r="3.5" fill="${color}"/>`,
        text(along(x), heights.get(value) ?? 0, number(value.median, 1), { anchor: 'middle', color }),
      ]),
      `<rect x="${left + index * 225}" y="62" width="12" height="12" fill="${color}"/>`,
      text(left + 18 + index * 225, 72, name, {}),
    ].join('\n')
  })
  const axes = `<path d="M${left} ${top}V${height - bottom}H${WIDTH - right}" fill="none" stroke="#94a3b8"/>`
  return picture(height, captions, [
    axes,
    ...ticks,
    ...lines,
    text(left - 8, height - bottom + 4, '0', { anchor: 'end', muted: true }),
    text(left, height - 14, `across: ${captions.across}; up: ${captions.axis}`, { muted: true }),
  ])
}

/** Where the figures stand: each above its point, and none upon another. */
function labelHeights(series: readonly Series[], above: (value: number) => number): ReadonlyMap<Summary, number> {
  const heights = new Map<Summary, number>()
  for (const points of Map.groupBy(
    series.flatMap((each) => each.points),
    ({ x }) => x,
  ).values()) {
    let free = Infinity
    for (const { value } of points.toSorted((one, other) => one.value.median - other.value.median)) {
      free = Math.min(above(value.median), free)
      heights.set(value, free)
      free -= LINE_HEIGHT
    }
  }
  return heights
}

function picture(height: number, { title, subtitle }: Captions, content: readonly string[]): string {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${escape(title)}">`,
    `<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>`,
    `<text x="20" y="30" ${FONT} font-size="17" font-weight="600" fill="#0f172a">${escape(title)}</text>`,
    `<text x="20" y="50" ${FONT} font-size="12" fill="#475569">${escape(subtitle)}</text>`,
    ...content,
    '</svg>',
    '',
  ].join('\n')
}

function text(
  x: number,
  y: number,
  content: string,
  look: { anchor?: 'end' | 'middle'; bold?: boolean; muted?: boolean; color?: string },
): string {
  const fill = look.color ?? (look.muted ? '#475569' : '#0f172a')
  const anchor = look.anchor ? ` text-anchor="${look.anchor}"` : ''
  const weight = look.bold ? ' font-weight="600"' : ''
  return `<text x="${fixed(x)}" y="${fixed(y)}" ${FONT} font-size="12"${anchor}${weight} fill="${fill}">${escape(content)}</text>`
}

function number(value: number, digits: number): string {
  return value >= 1000 ? Math.round(value).toLocaleString('en') : value.toFixed(digits)
}

function fixed(value: number): string {
  return value.toFixed(1)
}

function escape(content: string): string {
  return content.replace(/[&<>"]/g, (each) => `&#${each.charCodeAt(0)};`)
}
