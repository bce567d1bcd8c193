/**
 * Whether a value has to be awaited, told by what it can do: where somebody replaced the global `Promise`, as zone.js does,
 * what async functions return is an instance of it no more.
 */
export function isThenable<T>(value: T | PromiseLike<T>): value is PromiseLike<T> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === 'function'
}
