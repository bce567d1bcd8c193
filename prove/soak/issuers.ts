import type { ServerResponse } from 'node:http'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { RESOURCE, type SigningKey } from '../../test/fixture/issuer.ts'
import { loopbackIssuer, type LoopbackIssuer } from '../../test/fixture/loopback-issuer.ts'

export interface Clock {
  ms: number
}

/** An issuer with careful rotations: it publishes a key first, uses it later, and withdraws it at the end. */
export interface RotatingIssuer {
  readonly server: LoopbackIssuer
  /** Tokens for repeated use. */
  readonly known: () => readonly string[]
  /** Tokens of a withdrawn key, from when everybody must refuse them. */
  readonly withdrawn: () => readonly string[]
  readonly sign: (claims?: Record<string, unknown>) => Promise<string>
  /** The steps of a rotation, with their times after its beginning. */
  readonly rotation: readonly { readonly afterMs: number; readonly run: () => Promise<void> }[]
}

const MINUTE = 60_000
const KNOWN_TOKENS = 100
const WITHDRAWN_TOKENS = 10
/** Keys may serve up to this age while fetching succeeds. */
const REFRESH_MS = 10 * MINUTE

/** Time after which a rotation is complete, so that the issuer may go down. */
export const ROTATED_MS = 22 * MINUTE

// The fixture keeps every key and token: a soak would measure that.
async function makeKey(algorithm: string, kid: string): Promise<SigningKey> {
  const { privateKey, publicKey } = await generateKeyPair(algorithm, { extractable: true })
  return { algorithm, privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg: algorithm, use: 'sig' } }
}

export async function rotatingIssuer(algorithm: string, clock: Clock): Promise<RotatingIssuer> {
  let count = 0
  let tokens = 0
  let signing = await makeKey(algorithm, `${algorithm}-${count++}`)
  let previous = signing
  let next = signing
  const published: unknown[] = [signing.jwk]
  const server = await loopbackIssuer(published)

  function sign(claims: Record<string, unknown> = {}, { algorithm: alg, privateKey, jwk } = signing): Promise<string> {
    const now = Math.floor(clock.ms / 1_000)
    const own = { iss: server.issuer, aud: RESOURCE, sub: 'user', client_id: 'client', jti: `token-${tokens++}` }
    return new SignJWT({ ...own, scope: 'orders:read', iat: now - 10, exp: now + 3 * 3_600, ...claims })
      .setProtectedHeader({ alg, kid: jwk.kid, typ: 'at+jwt' })
      .sign(privateKey)
  }
  const many = (length: number, key: SigningKey): Promise<string[]> =>
    Promise.all(Array.from({ length }, () => sign({}, key)))

  let known = await many(KNOWN_TOKENS, signing)
  let withdrawn: string[] = []
  return {
    server,
    known: () => known,
    withdrawn: () => withdrawn,
    sign,
    rotation: [
      {
        afterMs: 0,
        async run() {
          withdrawn = []
          next = await makeKey(algorithm, `${algorithm}-${count++}`)
          published.push(next.jwk)
        },
      },
      {
        afterMs: MINUTE,
        async run() {
          previous = signing
          signing = next
          known = await many(KNOWN_TOKENS, signing)
        },
      },
      {
        afterMs: 10 * MINUTE,
        async run() {
          published.splice(0, published.length, signing.jwk)
        },
      },
      {
        afterMs: 10 * MINUTE + REFRESH_MS,
        async run() {
          withdrawn = await many(WITHDRAWN_TOKENS, previous)
        },
      },
    ],
  }
}

/** An issuer of opaque tokens: those whose name begins with `good` are active. */
export async function opaqueIssuer(clock: Clock): Promise<LoopbackIssuer> {
  const server = await loopbackIssuer([])
  server.answers.introspection = (response, _, token) => {
    // Every token stays here otherwise.
    server.introspected.length = 0
    const exp = Math.floor(clock.ms / 1_000) + 600
    const active = { active: true, token_type: 'Bearer', aud: RESOURCE, sub: 'user', client_id: 'client', exp }
    sendJson(response, token.startsWith('good') ? active : { active: false })
  }
  return server
}

function sendJson(response: ServerResponse, document: unknown): void {
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(document))
}
