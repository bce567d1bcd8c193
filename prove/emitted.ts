import type { BearwardEvent, ResourceServer } from 'bearward'
import { isAnySecret, windowsOf } from '../test/fixture/secrets.ts'

/** Counts of the emitted texts. The texts themselves are not kept. */
export interface EmittedReport {
  readonly texts: number
  /** The places of parts of a token or secret, and of forbidden characters. */
  readonly leaks: readonly string[]
  readonly events: Readonly<Record<string, number>>
}

/** Searches everything that the library emits, at once. */
export interface Emitted {
  /** The error of a call with this `token`, and the client's answer. */
  readonly refusal: (api: Pick<ResourceServer, 'challenge'>, error: unknown, token?: string) => void
  readonly event: (event: BearwardEvent) => void
  /** Any other text: a line of the log, a header, an address. It must not contain `token`. */
  readonly text: (where: string, text: string, token?: string) => void
  /** Adds the findings of another process or runtime. */
  readonly add: (report: EmittedReport) => void
  readonly report: () => EmittedReport
}

interface Looked {
  readonly text: string
  readonly windows: readonly string[]
  readonly plain: boolean
}

const MOST_LEAKS = 100
const MOST_RECENT = 100
// Stack traces are expensive, and only their message depends on the token.
const STACK_EVERY = 50

export function createEmitted(): Emitted {
  const events: Record<string, number> = {}
  const leaks: string[] = []
  const looked = new Map<string, Looked>()
  let texts = 0
  let refusals = 0
  // An event comes before its refusal, which brings the token to search for.
  const recent: { readonly where: string; readonly windows: readonly string[] }[] = []

  function leak(where: string): void {
    if (leaks.length < MOST_LEAKS) leaks.push(where)
  }

  /** Most texts equal the one before. */
  function look(where: string, text: string): Looked {
    const known = looked.get(where)
    if (known?.text === text) return known
    const found = { text, windows: windowsOf(text), plain: !/[^\x20-\x7e…§]/.test(text) }
    looked.set(where, found)
    return found
  }

  function search(where: string, text: string, token = ''): void {
    texts++
    const { windows } = look(where, text)
    // A short token counts only as a whole.
    const short = token.length > 0 && token.length < 24 && text.includes(token)
    if (short || isAnySecret(windows) || windows.some((window) => token.includes(window))) leak(where)
  }

  function searchPlain(where: string, text: string, token?: string): void {
    search(where, text, token)
    if (!look(where, text).plain) leak(`${where} (raw bytes)`)
  }

  return {
    refusal(api, error, token) {
      for (const { where, windows } of recent.splice(0)) {
        if (windows.some((window) => token?.includes(window))) leak(where)
      }
      const { status, headers, body } = api.challenge(error)
      searchPlain('challenge', `${status} ${JSON.stringify(body)}`, token)
      for (const [name, value] of Object.entries(headers)) searchPlain(`header ${name}`, value, token)
      for (const [at, text] of textsOf(error, refusals++ % STACK_EVERY === 0)) {
        if (at === 'message' || at === 'detail') searchPlain(`error ${at}`, text, token)
        else search(`error ${at}`, text, token)
      }
    },
    event(event) {
      events[event.type] = (events[event.type] ?? 0) + 1
      const where = `event ${event.type}`
      const text = Object.values(event).join(' ')
      searchPlain(where, text)
      const { windows } = look(where, text)
      if (windows.length > 0 && recent.push({ where, windows }) > MOST_RECENT) recent.shift()
    },
    text: search,
    add(report) {
      texts += report.texts
      report.leaks.forEach(leak)
      for (const [type, count] of Object.entries(report.events)) events[type] = (events[type] ?? 0) + count
    },
    report: () => ({ texts, leaks: [...leaks], events: { ...events } }),
  }
}

/** Every string within an error and its causes, with its path. */
function textsOf(error: unknown, withStack: boolean): [string, string][] {
  const found: [string, string][] = []
  const seen = new Set<unknown>()
  function walk(value: unknown, at: string): void {
    if (typeof value === 'string') found.push([at, value])
    if (typeof value !== 'object' || value === null || seen.has(value) || seen.size > 50) return
    seen.add(value)
    for (const name of Object.getOwnPropertyNames(value)) {
      if (name === 'stack' && !withStack) continue
      walk((value as Record<string, unknown>)[name], at === '' ? name : `${at}.${name}`)
    }
  }
  walk(error, '')
  return found
}
