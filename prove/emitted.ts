import type { BearwardEvent, ResourceServer } from 'bearward'
import { isAnySecret, windowsOf } from '../test/fixture/secrets.ts'

/** What was emitted, as counts: the texts themselves are not kept. */
export interface EmittedReport {
  readonly texts: number
  /** Where a part of a token or secret stood, or a character that no message may hold. */
  readonly leaks: readonly string[]
  readonly events: Readonly<Record<string, number>>
}

/** Searches whatever the library emits, as it is emitted. */
export interface Emitted {
  /** An error that a call rejected with, and what the client would be told; `token` is what the call was given. */
  readonly refusal: (api: Pick<ResourceServer, 'challenge'>, error: unknown, token?: string) => void
  readonly event: (event: BearwardEvent) => void
  /** Any other text: a line of the log, a header, an address. `token` must not stand in it. */
  readonly text: (where: string, text: string, token?: string) => void
  /** Takes over what another process or runtime found. */
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
// Stack traces are costly; they hold nothing that depends on the token but the message.
const STACK_EVERY = 50

export function createEmitted(): Emitted {
  const events: Record<string, number> = {}
  const leaks: string[] = []
  const looked = new Map<string, Looked>()
  let texts = 0
  let refusals = 0
  // An event comes before the refusal that it tells of, and with it the token that must not stand in it.
  const recent: { readonly where: string; readonly windows: readonly string[] }[] = []

  function leak(where: string): void {
    if (leaks.length < MOST_LEAKS) leaks.push(where)
  }

  /** Most texts are those of the one before. */
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
    // A short token tells when the whole of it stands there.
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

/** Every string within an error and its causes, with the way to it. */
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
