// A real authorization server on loopback: oidc-provider (OpenID certified) with the clients and resources of the demo.

import { createServer } from 'node:http'
import { exportJWK, generateKeyPair } from 'jose'
import { Provider, type ClientMetadata, type Configuration } from 'oidc-provider'
import { closeServer, listen } from './ports.ts'

/** The API that the samples protect. It is a name, not an address: both samples answer for it. */
export const ordersResource = 'https://orders.example'

/** Another API of the same authorization server, whose tokens the samples must refuse. */
export const billingResource = 'https://billing.example'

/** Where the authorization code is sent. Nothing listens there: the demo's browser reads the redirect itself. */
export const redirectUri = 'http://127.0.0.1/callback'

const confidential = { token_endpoint_auth_method: 'client_secret_basic' } as const
const machine = { ...confidential, grant_types: ['client_credentials'], redirect_uris: [], response_types: [] } as const
const native = { application_type: 'native', token_endpoint_auth_method: 'none' } as const

/** Who asks for tokens. Each differs from the others by what a resource server can observe of it. */
export const clients = {
  /** A nightly job: reads and writes orders on its own behalf. */
  job: { client_id: 'nightly-job', client_secret: 'nightly-job-secret-of-the-demo' },
  /** The back office: may do everything, on its own behalf. */
  backOffice: { client_id: 'back-office', client_secret: 'back-office-secret-of-the-demo' },
  /** Gets tokens that live for one second. */
  hasty: { client_id: 'hasty-job', client_secret: 'hasty-job-secret-of-the-demo' },
  /** A web shop in which people sign in. */
  shop: { client_id: 'web-shop' },
  /** A kiosk without a keyboard. Its tokens are signed with ES256, those of the others with RS256. */
  kiosk: { client_id: 'kiosk' },
} as const

export interface Client {
  readonly client_id: string
  readonly client_secret?: string
}

const registrations: ClientMetadata[] = [
  { ...clients.job, ...machine },
  { ...clients.backOffice, ...machine },
  { ...clients.hasty, ...machine },
  {
    ...clients.shop,
    ...native,
    client_name: 'The web shop',
    grant_types: ['authorization_code', 'refresh_token'],
    redirect_uris: [redirectUri],
  },
  {
    ...clients.kiosk,
    ...native,
    client_name: 'The kiosk',
    grant_types: ['urn:ietf:params:oauth:grant-type:device_code', 'refresh_token'],
    redirect_uris: [],
    response_types: [],
  },
].map((client) => structuredClone(client) as ClientMetadata)

const resourceScopes: Readonly<Record<string, string>> = {
  [ordersResource]: 'orders:read orders:write orders:admin',
  [billingResource]: 'billing:read',
}

/** Seconds that an access token lives: long enough for the printed curl lines, short for the row with an expired one. */
const accessTokenSeconds = 3600
const hastyTokenSeconds = 1

export interface AuthorizationServer {
  readonly issuer: string
  stop(): Promise<void>
}

export interface AuthorizationServerOptions {
  /** 0 takes a free one. */
  port: number
  /** Called with what went wrong inside the server. Answers that refuse a client are not errors of the server. */
  onError?: (error: Error) => void
}

/**
 * Starts the authorization server on loopback.
 *
 * @throws {PortTaken} when something else listens on the port
 */
export async function startAuthorizationServer(options: AuthorizationServerOptions): Promise<AuthorizationServer> {
  const keys = await Promise.all([createSigningKey('RS256'), createSigningKey('ES256')])
  const server = createServer()
  // The issuer names the port, so the port comes first.
  const port = await listen(server, options.port)
  const issuer = `http://127.0.0.1:${port}`

  muteDeploymentAdvice()
  const provider = new Provider(issuer, configure(keys))
  provider.on('server_error', (_context, error) => options.onError?.(error))
  const handle = provider.callback()
  server.on('request', (request, response) => void handle(request, response))

  return {
    issuer,
    stop: () => closeServer(server),
  }
}

function configure(keys: SigningKey[]): Configuration {
  return {
    clients: registrations,
    jwks: { keys },
    cookies: { keys: [crypto.randomUUID()] },
    scopes: ['openid', 'offline_access'],
    pkce: { required: () => true },
    features: {
      // The server's own login and consent pages, which take any name and password.
      devInteractions: { enabled: true },
      clientCredentials: { enabled: true },
      deviceFlow: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_context, resource, client) => ({
          scope: resourceScopes[resource] ?? '',
          audience: resource,
          accessTokenFormat: 'jwt',
          accessTokenTTL: client.clientId === clients.hasty.client_id ? hastyTokenSeconds : accessTokenSeconds,
          jwt: { sign: { alg: client.clientId === clients.kiosk.client_id ? 'ES256' : 'RS256' } },
        }),
      },
    },
    findAccount: (_context, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
    renderError(context, out) {
      context.type = 'text'
      context.body = `${out.error}: ${out.error_description ?? ''}`
    },
  }
}

type SigningKey = NonNullable<Configuration['jwks']>['keys'][number]

async function createSigningKey(algorithm: 'RS256' | 'ES256'): Promise<SigningKey> {
  const { privateKey } = await generateKeyPair(algorithm, { extractable: true })
  return { ...(await exportJWK(privateKey)), kid: `demo-${algorithm.toLowerCase()}`, alg: algorithm, use: 'sig' }
}

let muted = false

/** Drops what oidc-provider tells those who deploy it to production; every other line passes. Once for the process. */
function muteDeploymentAdvice(): void {
  if (muted) return
  muted = true
  for (const level of ['info', 'warn'] as const) {
    const print = console[level]
    console[level] = (...line: unknown[]) => {
      const advice = typeof line[0] === 'string' && /oidc-provider (NOTICE|WARNING): /.test(line[0])
      if (!advice) print(...line)
    }
  }
}
