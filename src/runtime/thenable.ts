/**
 * Whether a value has to be awaited, told by what it can do: where somebody replaced the global `Promise`, as zone.js does,
 * what async functions return is an instance of it no more.
 */
export function isThenable<T>(value: T | PromiseLike<T>): value is PromiseLike<T> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === 'function'
}

/** Whether a function that should have answered at once returned a promise. Its rejection then ends no process. */
export function isAsync(value: unknown): value is PromiseLike<unknown> {
  if (!isThenable(value)) return false
  Promise.resolve(value).catch(() => {})
  return true
}
