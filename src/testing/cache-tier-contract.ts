import type { CacheTier } from '../stores/cache-tier.ts'

/** One check of a cache tier. */
export interface CacheTierCheck {
  /** A claim, for use as the name of a test. */
  readonly name: string
  /** Resolves where the claim holds. Rejects with what the tier did instead. */
  readonly run: () => Promise<void>
}

/** Options of `cacheTierContract`. */
export interface CacheTierContractOptions {
  /**
   * Lets this many seconds pass for the tier. Default: waits by the real clock. Advance the tier's own clock where it has one.
   * Return `false` to skip the check, where the tier keeps entries longer than `expiresInSeconds`, as it may.
   */
  readonly passSeconds?: ((seconds: number) => void | false | Promise<void | false>) | undefined
}

/**
 * Lists the checks that every `CacheTier` must pass, for any test runner. Each check calls `makeTier` and uses new keys, so
 * `makeTier` may return the same store each time.
 *
 * Does not check how a tier fails: bearward skips a tier that fails, however it does.
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
    check('returns nothing for a key that was never put', expectNothing),
    check('returns what was put', async (tier, key) => {
      await tier.put(key, '{"a":1}', expiring)
      await expectHeld(tier, key, '{"a":1}')
    }),
    check('returns any text unchanged, character by character', async (tier, key) => {
      const text = 'quotes " \' \\ line\nbreak\ttab, ü é 漢字 🐻, null \u0000 and a long tail'.padEnd(2_000, '.')
      await tier.put(key, text, expiring)
      await expectHeld(tier, key, text)
    }),
    check('stores a value of 1 MiB', async (tier, key) => {
      const text = 'x'.repeat(1024 * 1024)
      await tier.put(key, text, expiring)
      await expectHeld(tier, key, text)
    }),
    check('accepts a key of 80 characters', async (tier, key) => {
      const long = key.padEnd(80, '_-:z')
      await tier.put(long, 'long', expiring)
      await expectHeld(tier, long, 'long')
      await expectNothing(tier, key)
    }),
    check('distinguishes keys that differ in case alone', async (tier, key) => {
      await tier.put(`${key}:a`, 'lower', expiring)
      await tier.put(`${key}:A`, 'upper', expiring)
      await expectHeld(tier, `${key}:a`, 'lower')
      await expectHeld(tier, `${key}:A`, 'upper')
    }),
    check('distinguishes keys that differ in their 80th character alone', async (tier, key) => {
      const long = key.padEnd(79, '_')
      await tier.put(`${long}1`, 'one', expiring)
      await tier.put(`${long}2`, 'two', expiring)
      await expectHeld(tier, `${long}1`, 'one')
    }),
    check('replaces the earlier value, even one that was read', async (tier, key) => {
      await tier.put(key, 'old', expiring)
      await expectHeld(tier, key, 'old')
      await tier.put(key, 'new', expiring)
      await expectHeld(tier, key, 'new')
    }),
    check('does not cache the absence of an entry, unless `answers` is false', async (tier, key) => {
      if (tier.answers === false) return
      await expectNothing(tier, key)
      await tier.put(key, 'value', expiring)
      await expectHeld(tier, key, 'value')
    }),
    check('deletes a value, even one that was read', async (tier, key) => {
      await tier.put(key, 'value', expiring)
      await expectHeld(tier, key, 'value')
      await tier.delete(key)
      await expectNothing(tier, key)
    }),
    check('accepts the deletion of a missing value', async (tier, key) => {
      await tier.delete(key)
      await expectNothing(tier, key)
    }),
    check('accepts a put after a deletion', async (tier, key) => {
      await tier.put(key, 'first', expiring)
      await tier.delete(key)
      await tier.put(key, 'second', expiring)
      await expectHeld(tier, key, 'second')
    }),
    check('runs many operations at once', async (tier, key) => {
      const keys = Array.from({ length: 50 }, (_, index) => `${key}:${index}`)
      await Promise.all(keys.map((each) => tier.put(each, each, expiring)))
      await Promise.all(keys.map((each) => expectHeld(tier, each, each)))
    }),
    check('counts the expiry in seconds', async (tier, key) => {
      await tier.put(key, 'short', { expiresInSeconds: 10 })
      await wait(0.05)
      await expectHeld(tier, key, 'short')
    }),
    check('expires an entry on time, and not before', async (tier, key) => {
      await tier.put(key, 'short', { expiresInSeconds: 2 })
      await tier.put(`${key}:long`, 'long', expiring)
      await expectHeld(tier, key, 'short')
      if ((await passSeconds(3)) === false) return
      await expectNothing(tier, key)
      await expectHeld(tier, `${key}:long`, 'long')
    }),
    check('counts the expiry from the latest put', async (tier, key) => {
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
