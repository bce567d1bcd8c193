import type { CacheTier } from '../stores/cache-tier.ts'

/** One thing that is asked of every cache tier. */
export interface CacheTierCheck {
  /** A claim, fit for the name of a test. */
  readonly name: string
  /** Resolves where the tier keeps it; rejects saying what it did. */
  readonly run: () => Promise<void>
}

/** How the contract meets a tier's clock. */
export interface CacheTierContractOptions {
  /**
   * Waits until an entry of that many seconds has expired. Default: waits as long, by the real clock. Where the tier has a clock
   * of its own, move it; where it keeps entries longer than it is told, as it may, return `false` to leave that check out.
   */
  readonly passSeconds?: ((seconds: number) => void | false | Promise<void | false>) | undefined
}

/**
 * Lists the checks that every `CacheTier` has to pass, for any test runner. Each calls `makeTier` anew and uses keys of its own, so
 * that it may hand out the same store again and again.
 *
 * Does not check what the tier does when its store fails: bearward passes it over then, whatever it does.
 *
 * @example
 * for (const { name, run } of cacheTierContract(() => myTier)) test(name, run)
 */
export function cacheTierContract(
  makeTier: () => CacheTier | Promise<CacheTier>,
  { passSeconds = wait }: CacheTierContractOptions = {},
): readonly CacheTierCheck[] {
  function check(name: string, run: (tier: CacheTier, key: string) => Promise<void>): CacheTierCheck {
    return { name, run: async () => run(await makeTier(), freshKey()) }
  }

  const expiring = { expiresInSeconds: 600 }
  return [
    check('has a name for events', async ({ name }) => {
      expectThat(/^[\x20-\x7e]+$/.test(name), `a name of printable ASCII, got ${JSON.stringify(name)}`)
    }),
    check('has nothing under a key that was never put', expectNothing),
    check('returns what was put', async (tier, key) => {
      await tier.put(key, '{"a":1}', expiring)
      await expectHeld(tier, key, '{"a":1}')
    }),
    check('keeps any text as it was, character by character', async (tier, key) => {
      const text = 'quotes " \' \\ line\nbreak\ttab, ü é 漢字 🐻, null \u0000 and a long tail'.padEnd(2_000, '.')
      await tier.put(key, text, expiring)
      await expectHeld(tier, key, text)
    }),
    check('takes a value of 1 MiB', async (tier, key) => {
      const text = 'x'.repeat(1024 * 1024)
      await tier.put(key, text, expiring)
      await expectHeld(tier, key, text)
    }),
    check('takes a key of 80 characters', async (tier, key) => {
      const long = key.padEnd(80, '_-:z')
      await tier.put(long, 'long', expiring)
      await expectHeld(tier, long, 'long')
      await expectNothing(tier, key)
    }),
    check('tells keys apart that differ in case alone', async (tier, key) => {
      await tier.put(`${key}:a`, 'lower', expiring)
      await tier.put(`${key}:A`, 'upper', expiring)
      await expectHeld(tier, `${key}:a`, 'lower')
      await expectHeld(tier, `${key}:A`, 'upper')
    }),
    check('tells keys apart that differ in their 80th character alone', async (tier, key) => {
      const long = key.padEnd(79, '_')
      await tier.put(`${long}1`, 'one', expiring)
      await tier.put(`${long}2`, 'two', expiring)
      await expectHeld(tier, `${long}1`, 'one')
    }),
    check('replaces what was there, and what was read before', async (tier, key) => {
      await tier.put(key, 'old', expiring)
      await expectHeld(tier, key, 'old')
      await tier.put(key, 'new', expiring)
      await expectHeld(tier, key, 'new')
    }),
    check('does not remember that there was nothing, unless it takes no answers', async (tier, key) => {
      if (tier.answers === false) return
      await expectNothing(tier, key)
      await tier.put(key, 'value', expiring)
      await expectHeld(tier, key, 'value')
    }),
    check('deletes, also what was read before', async (tier, key) => {
      await tier.put(key, 'value', expiring)
      await expectHeld(tier, key, 'value')
      await tier.delete(key)
      await expectNothing(tier, key)
    }),
    check('takes the deletion of what is not there', async (tier, key) => {
      await tier.delete(key)
      await expectNothing(tier, key)
    }),
    check('takes a put after a deletion', async (tier, key) => {
      await tier.put(key, 'first', expiring)
      await tier.delete(key)
      await tier.put(key, 'second', expiring)
      await expectHeld(tier, key, 'second')
    }),
    check('takes many operations at once', async (tier, key) => {
      const keys = Array.from({ length: 50 }, (_, index) => `${key}:${index}`)
      await Promise.all(keys.map((each) => tier.put(each, each, expiring)))
      await Promise.all(keys.map((each) => expectHeld(tier, each, each)))
    }),
    check('takes seconds for seconds', async (tier, key) => {
      await tier.put(key, 'short', { expiresInSeconds: 10 })
      await wait(0.05)
      await expectHeld(tier, key, 'short')
    }),
    check('lets an entry go when its time is over, and not before', async (tier, key) => {
      await tier.put(key, 'short', { expiresInSeconds: 2 })
      await tier.put(`${key}:long`, 'long', expiring)
      await expectHeld(tier, key, 'short')
      if ((await passSeconds(3)) === false) return
      await expectNothing(tier, key)
      await expectHeld(tier, `${key}:long`, 'long')
    }),
    check('counts the time anew from the latest put', async (tier, key) => {
      await tier.put(key, 'short', { expiresInSeconds: 2 })
      await tier.put(key, 'long', expiring)
      if ((await passSeconds(3)) === false) return
      await expectHeld(tier, key, 'long')
    }),
  ]
}

async function expectHeld(tier: CacheTier, key: string, expected: string): Promise<void> {
  const got = await tier.get(key)
  expectThat(got === expected, `${shown(expected)}, got ${shown(got)}`)
}

async function expectNothing(tier: CacheTier, key: string): Promise<void> {
  const got = await tier.get(key)
  expectThat(got === undefined || got === null, `nothing, got ${shown(got)}`)
}

function expectThat(holds: boolean, expected: string): void {
  if (!holds) throw new Error(`the cache tier breaks its contract: expected ${expected}`)
}

function shown(value: unknown): string {
  if (value === undefined || value === null) return String(value)
  if (typeof value !== 'string') return `a value that is no string (${Object.prototype.toString.call(value)})`
  return value.length > 80
    ? `${JSON.stringify(value.slice(0, 80))} … of ${value.length} characters`
    : JSON.stringify(value)
}

function freshKey(): string {
  return `bearward:contract:${crypto.randomUUID()}`
}

function wait(seconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1000))
}
