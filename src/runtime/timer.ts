/** Lets a timer keep no idle process alive. */
export function unref(timer: unknown): void {
  // Node's timers are objects, those of other runtimes numbers.
  if (typeof timer === 'object' && timer !== null && 'unref' in timer) (timer as { unref: () => void }).unref()
}
