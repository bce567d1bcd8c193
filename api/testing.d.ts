// The exports of 'bearward/testing' and the types that they need. `npm run api` writes this file.

export interface CacheTier {
  readonly name: string
  readonly timeoutMs?: number | undefined
  readonly answers?: boolean | undefined
  readonly get: (key: string) => Promise<string | null | undefined>
  readonly put: (key: string, value: string, expiry: TierExpiry) => Promise<unknown>
  readonly delete: (key: string) => Promise<unknown>
}

export interface CacheTierCheck {
  readonly name: string
  readonly run: () => Promise<void>
}

export interface CacheTierContractOptions {
  readonly passSeconds?: ((seconds: number) => void | false | Promise<void | false>) | undefined
}

export interface TierExpiry {
  readonly expiresInSeconds: number
}

export declare function cacheTierContract(
  makeTier: () => CacheTier | Promise<CacheTier>,
  { passSeconds }?: CacheTierContractOptions,
): readonly CacheTierCheck[]
