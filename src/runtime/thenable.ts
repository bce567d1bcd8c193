/**
 * Whether a value has to be awaited. It looks for `then`: libraries such as zone.js replace the global `Promise`, and async
 * functions still return instances of the original one.
 */
export function isThenable<T>(value: T | PromiseLike<T>): value is PromiseLike<T> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === 'function'
}

/** Whether a function that must answer at once returned a promise. A rejection of that promise no longer ends the process. */
export function isAsync(value: unknown): value is PromiseLike<unknown> {
  if (!isThenable(value)) return false
  Promise.resolve(value).catch(() => {})
  return true
}
