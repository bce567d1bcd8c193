import type { CallContext } from '../pipeline.ts'
import { Fault } from '../faults.ts'
import { createSharedLoader, type SharedLoad, type SharedLoader } from './shared-loader.ts'

/** One load at a time for each key, shared by all callers that ask for that key while it runs. */
export interface SharedLoaders<T> {
  /** @throws as `SharedLoader.join`; `TooManyLoads` */
  readonly join: (key: string, context: CallContext) => Promise<T>
  /** Later callers do not join the load that runs for this key now. */
  readonly forget: (key: string) => void
  readonly forgetAll: () => void
  /** Whether any load runs, a forgotten one too. */
  readonly busy: () => boolean
  readonly stop: () => void
}

/** As many keys are being loaded as `max` allows. */
export class TooManyLoads extends Fault {}

export interface SharedLoadsByKey<Loaded, T> extends Pick<SharedLoad<Loaded, T>, 'timeoutMs' | 'now'> {
  readonly load: (key: string, signal: AbortSignal, leader: CallContext) => Promise<Loaded>
  readonly loaded: (key: string, loaded: Loaded) => T
  readonly failed: (key: string, cause: unknown) => unknown
  /** Most keys that may be loaded at once. */
  readonly max: number
}

export function createSharedLoaders<Loaded, T = Loaded>(settings: SharedLoadsByKey<Loaded, T>): SharedLoaders<T> {
  const { load, loaded, failed, max } = settings
  const running = new Map<string, SharedLoader<T>>()
  /** Loads that run on for callers that wait already. Nobody joins them any more. */
  const forgotten = new Set<SharedLoader<T>>()

  /** In Workers a load vanishes with its request. Lost loads must not use up the bound. */
  function dropLost(): void {
    for (const [key, loader] of running) if (!loader.busy()) running.delete(key)
  }

  function land(key: string, loader: SharedLoader<T>): void {
    if (running.get(key) === loader) running.delete(key)
  }

  function loaderFor(key: string): SharedLoader<T> {
    const found = running.get(key)
    if (found) return found
    if (running.size >= max) dropLost()
    if (running.size >= max) throw new TooManyLoads(`${max} loads run already`)
    const loader: SharedLoader<T> = createSharedLoader<Loaded, T>({
      ...settings,
      load: (signal, leader) => load(key, signal, leader),
      loaded(result) {
        land(key, loader)
        return loaded(key, result)
      },
      failed(cause) {
        land(key, loader)
        return failed(key, cause)
      },
    })
    running.set(key, loader)
    return loader
  }

  function forget(key: string): void {
    const loader = running.get(key)
    if (!loader) return
    running.delete(key)
    for (const other of forgotten) if (!other.busy()) forgotten.delete(other)
    forgotten.add(loader)
  }

  return {
    join: async (key, context) => loaderFor(key).join(context),
    forget,
    forgetAll: () => [...running.keys()].forEach(forget),
    busy: () => [...running.values(), ...forgotten].some((loader) => loader.busy()),
    stop() {
      for (const loader of [...running.values(), ...forgotten]) loader.stop()
      running.clear()
      forgotten.clear()
    },
  }
}
