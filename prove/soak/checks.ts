import { junkToken } from '../junk.ts'
import type { Clock, RotatingIssuer } from './issuers.ts'

/** A token, and its possible results. */
export interface Check {
  readonly token: string
  readonly expected: readonly string[]
}

export interface CheckWorld {
  readonly clock: Clock
  readonly issuers: readonly RotatingIssuer[]
  /** Whether this issuer is down, or was a moment ago; `opaque`: the introspecting one. */
  readonly troubled: (issuer: RotatingIssuer | 'opaque') => boolean
}

type Make = (issuer: RotatingIssuer, index: number, world: CheckWorld) => Promise<Check> | Check

const OPAQUE_TOKENS = 50
const UNAVAILABLE = 'issuer_unavailable'

/** Percentage of each kind: most requests carry a known token. */
const mix: readonly (readonly [number, Make])[] = [
  [66, (issuer, index) => ({ token: pick(issuer.known(), index), expected: ['accepted'] })],
  [8, async (issuer) => ({ token: await issuer.sign(), expected: ['accepted'] })],
  [
    5,
    async (issuer, index, { clock }) => {
      const now = Math.floor(clock.ms / 1_000)
      return { token: await issuer.sign({ iat: now - 900, exp: now - 1 - (index % 100) }), expected: ['token_expired'] }
    },
  ],
  [5, (issuer, index, world) => unless(world.troubled(issuer), tampered(issuer, index), 'signature_invalid')],
  [4, (issuer, index, world) => unless(world.troubled(issuer), junkToken(issuer.server.issuer, index), 'key_unknown')],
  [
    2,
    (issuer, index, world) => {
      const token = issuer.withdrawn()[index % 10]
      // There is none until a key was withdrawn for long enough.
      if (token === undefined) return { token: pick(issuer.known(), index), expected: ['accepted'] }
      return unless(world.troubled(issuer), token, 'key_unknown')
    },
  ],
  [5, (_, index, world) => unless(world.troubled('opaque'), `good_${index % OPAQUE_TOKENS}_opaque-token`, 'accepted')],
  [
    2,
    (_, index, world) =>
      unless(world.troubled('opaque'), `ended_${index % OPAQUE_TOKENS}_opaque-token`, 'token_inactive'),
  ],
  [1, (_, index, world) => unless(world.troubled('opaque'), `junk_${index}_opaque-token`, 'token_inactive')],
  [1, (_, index) => ({ token: junkToken('https://elsewhere.example', index), expected: ['issuer_untrusted'] })],
  [1, (issuer, index) => ({ token: `${pick(issuer.known(), index)}=`, expected: ['token_malformed'] })],
]

const makers = mix.flatMap(([share, make]) => Array.from({ length: share }, () => make))

/** The check of this index: every hundred in a row has the same mix, over all issuers. */
export async function checkAt(index: number, world: CheckWorld): Promise<Check> {
  const { issuers } = world
  // Steps of 37 spread the kinds over each hundred.
  const make = makers[(index * 37) % 100] as Make
  return make(issuers[Math.floor(index / 100) % issuers.length] as RotatingIssuer, index, world)
}

function unless(troubled: boolean, token: string, code: string): Check {
  return { token, expected: troubled ? [code, UNAVAILABLE] : [code] }
}

function tampered(issuer: RotatingIssuer, index: number): string {
  const [header, payload, signature = ''] = pick(issuer.known(), index).split('.')
  // Another first character: the spelling is right, the signature is not.
  return `${header}.${payload}.${signature.startsWith('A') ? 'B' : 'A'}${signature.slice(1)}`
}

function pick(tokens: readonly string[], index: number): string {
  return tokens[Math.floor(index / 100) % tokens.length] ?? ''
}
