// A real authorization server on loopback: oidc-provider (OpenID certified) with the clients and resources of the demo.

import { createServer } from 'node:http'
import { exportJWK, generateKeyPair } from 'jose'
import { Provider, type ClientMetadata, type Configuration } from 'oidc-provider'
import { closeServer, listen } from './ports.ts'

/** The identifier of the API that both samples serve. It is a name, not an address. */
export const ordersResource = 'https://orders.example'

/** Another API of the same authorization server, whose tokens the samples must refuse. */
export const billingResource = 'https://billing.example'

/** The redirect address. Nothing listens there: the demo's browser reads the redirect itself. */
export const redirectUri = 'http://127.0.0.1/callback'

const confidential = { token_endpoint_auth_method: 'client_secret_basic' } as const
const machine = { ...confidential, grant_types: ['client_credentials'], redirect_uris: [], response_types: [] } as const
const native = { application_type: 'native', token_endpoint_auth_method: 'none' } as const

/** The clients. A resource server can observe how each differs from the others. */
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
  /** A partner's job. The tokens of partners are opaque. */
  partner: { client_id: 'partner-job', client_secret: 'partner-job-secret-of-the-demo' },
  /** The same, with tokens that live for one second. */
  hastyPartner: { client_id: 'hasty-partner-job', client_secret: 'hasty-partner-job-secret-of-the-demo' },
  /** A partner's portal in which people sign in. */
  portal: { client_id: 'partner-portal', client_secret: 'partner-portal-secret-of-the-demo' },
} as const

/** The client as which the Orders API asks about opaque tokens. It gets no token itself. */
export const ordersApi = { client_id: 'orders-api', client_secret: 'orders-api-secret-of-the-demo' } as const

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
  { ...clients.partner, ...machine },
  { ...clients.hastyPartner, ...machine },
  {
    ...clients.portal,
    ...confidential,
    client_name: "A partner's portal",
    grant_types: ['authorization_code', 'refresh_token'],
    redirect_uris: [redirectUri],
  },
  {
    ...ordersApi,
    ...confidential,
    grant_types: [],
    redirect_uris: [],
    response_types: [],
    // For answers in the media type of RFC 9701; others are plain JSON.
    introspection_signed_response_alg: 'ES256',
  },
].map((client) => structuredClone(client) as ClientMetadata)

const resourceScopes: Readonly<Record<string, string>> = {
  [ordersResource]: 'orders:read orders:write orders:admin',
  [billingResource]: 'billing:read',
}

interface TokenTraits {
  readonly format: 'jwt' | 'opaque'
  readonly seconds: number
  readonly algorithm: 'RS256' | 'ES256'
}

/** Long enough to try the printed curl lines. */
const usualTraits: TokenTraits = { format: 'jwt', seconds: 3600, algorithm: 'RS256' }

/** The differences of some clients' tokens. */
const traits: Readonly<Record<string, Partial<TokenTraits>>> = {
  [clients.hasty.client_id]: { seconds: 1 },
  [clients.kiosk.client_id]: { algorithm: 'ES256' },
  [clients.partner.client_id]: { format: 'opaque' },
  [clients.hastyPartner.client_id]: { format: 'opaque', seconds: 1 },
  [clients.portal.client_id]: { format: 'opaque' },
}

export interface AuthorizationServer {
  readonly issuer: string
  /** Stops listening. Keeps its issued tokens. */
  stop(): Promise<void>
  /**
   * Listens again, at the same port.
   *
   * @throws {PortTaken} when something else listens there by now
   */
  restart(): Promise<void>
}

export interface AuthorizationServerOptions {
  /** 0: any free port. */
  port: number
  /** Receives errors inside the server. A refusal of a client is no error of the server. */
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
    restart: async () => void (await listen(server, port)),
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
      // The server's own login and consent pages, which accept any name and password.
      devInteractions: { enabled: true },
      clientCredentials: { enabled: true },
      deviceFlow: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo(_context, resource, client) {
          const { format, seconds, algorithm } = { ...usualTraits, ...traits[client.clientId] }
          return {
            scope: resourceScopes[resource] ?? '',
            audience: resource,
            accessTokenFormat: format,
            accessTokenTTL: seconds,
            jwt: { sign: { alg: algorithm } },
          }
        },
      },
      introspection: {
        enabled: true,
        // Any token of any audience: the Orders API decides whether to accept it.
        allowedPolicy: (_context, client) => client.clientId === ordersApi.client_id,
      },
      jwtIntrospection: { enabled: true },
      revocation: { enabled: true, allowedPolicy: (_context, client, token) => client.clientId === token.clientId },
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

/** Drops the production warnings of oidc-provider; every other line passes. Call it once for the process. */
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
