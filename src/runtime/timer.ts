/** Keeps a timer from keeping an idle process alive. */
export function unref(timer: unknown): void {
  // Node's timers are objects. Those of other runtimes are numbers.
  if (typeof timer === 'object' && timer !== null && 'unref' in timer) (timer as { unref: () => void }).unref()
}
