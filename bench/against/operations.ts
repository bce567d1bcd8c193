// Counts calls to the platform. A count is the same on every machine. Runs in Node and in a Worker.

type Methods = Record<string, (...args: never[]) => unknown>

/** The counted methods, by object and by the name of their count. */
const WATCHED: readonly (readonly [name: string, object: unknown, methods: readonly string[]])[] = [
  ['verify', crypto.subtle, ['verify']],
  [
    'other cryptography',
    crypto.subtle,
    ['importKey', 'exportKey', 'digest', 'sign', 'encrypt', 'decrypt', 'deriveBits', 'deriveKey'],
  ],
  ['parse', JSON, ['parse']],
  ['stringify', JSON, ['stringify']],
  ['encode', TextEncoder.prototype, ['encode', 'encodeInto']],
  ['decode', TextDecoder.prototype, ['decode']],
  ['base64', globalThis, ['atob', 'btoa']],
  ['base64', Uint8Array, ['fromBase64']],
  ['clone', globalThis, ['structuredClone']],
  ['fetch', globalThis, ['fetch']],
]

/** Counts calls until `stop()`, also those of modules that are loaded meanwhile. */
export interface Watch {
  counted(): Record<string, number>
  stop(): void
}

export function watchOperations(): Watch {
  const counts: Record<string, number> = Object.fromEntries(WATCHED.map(([name]) => [name, 0]))
  const undo = WATCHED.flatMap(([name, object, methods]) =>
    methods.map((method) => countCalls(object as Methods, method, () => void counts[name]!++)),
  )
  return {
    counted: () => ({ ...counts }),
    stop: () => undo.forEach((each) => each()),
  }
}

function countCalls(object: Methods, method: string, count: () => void): () => void {
  const original = object[method]
  const before = Object.getOwnPropertyDescriptor(object, method)
  if (!original) return () => undefined
  const counting = function (this: unknown, ...args: never[]): unknown {
    count()
    return Reflect.apply(original, this, args)
  }
  Object.defineProperty(object, method, { value: counting, configurable: true, writable: true })
  return () => {
    if (before) Object.defineProperty(object, method, before)
    else delete object[method]
  }
}
