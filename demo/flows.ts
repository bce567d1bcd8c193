// One function for each OAuth 2.0 flow, as a client would write it.

import { createHash, randomBytes } from 'node:crypto'
import { redirectUri, type Client } from './authorization-server.ts'
import { createBrowser, type Browser, type Page } from './browser.ts'

/** The answer of a token endpoint. */
export interface Tokens {
  readonly accessToken: string
  readonly refreshToken?: string
  readonly idToken?: string
}

/** The requested scopes and their API. */
export interface Wanted {
  readonly scope: string
  readonly resource: string
}

/** The endpoints, as the authorization server's metadata names them. */
export interface Endpoints {
  readonly authorization: string
  readonly token: string
  readonly deviceAuthorization: string
  readonly revocation: string
}

/** Reads the authorization server's metadata. */
export async function discoverEndpoints(issuer: string): Promise<Endpoints> {
  const metadata = await readJson(await fetch(`${issuer}/.well-known/openid-configuration`))
  return {
    authorization: requireString(metadata, 'authorization_endpoint'),
    token: requireString(metadata, 'token_endpoint'),
    deviceAuthorization: requireString(metadata, 'device_authorization_endpoint'),
    revocation: requireString(metadata, 'revocation_endpoint'),
  }
}

/** Client credentials, RFC 6749 §4.4: a machine on its own behalf. */
export function clientCredentials(endpoints: Endpoints, client: Client, wanted: Wanted): Promise<Tokens> {
  return requestTokens(endpoints, client, { grant_type: 'client_credentials', ...wanted })
}

/** Authorization code with PKCE, RFC 6749 §4.1 and RFC 7636: someone signs in and consents in a browser. */
export async function authorizationCode(
  endpoints: Endpoints,
  client: Client,
  wanted: Wanted,
  login: string,
): Promise<Tokens> {
  const verifier = randomBytes(32).toString('base64url')
  const state = randomBytes(16).toString('base64url')
  const question = new URLSearchParams({
    response_type: 'code',
    client_id: client.client_id,
    redirect_uri: redirectUri,
    // `openid` brings the ID token, `offline_access` the refresh token, which needs a new consent.
    scope: `openid offline_access ${wanted.scope}`,
    prompt: 'consent',
    resource: wanted.resource,
    state,
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
  })

  const browser = createBrowser()
  const loginPage = await browser.open(`${endpoints.authorization}?${question}`, { until: redirectUri })
  const answer = new URL((await signInAndConsent(browser, loginPage, login)).url).searchParams
  if (answer.get('state') !== state) throw new Error('the authorization response carries another state')
  const code = answer.get('code')
  if (code === null) throw new Error(`no authorization code: ${answer.get('error')} ${answer.get('error_description')}`)

  return requestTokens(endpoints, client, {
    grant_type: 'authorization_code',
    code,
    redirect_uri: redirectUri,
    code_verifier: verifier,
    resource: wanted.resource,
  })
}

/** Device code, RFC 8628: someone types the device's code into a browser elsewhere, signs in and consents there. */
export async function deviceCode(endpoints: Endpoints, client: Client, wanted: Wanted, login: string): Promise<Tokens> {
  const started = await readJson(await post(endpoints.deviceAuthorization, client, { ...wanted }))

  const browser = createBrowser()
  const codePage = await browser.open(requireString(started, 'verification_uri'))
  const confirmPage = await browser.submit(codePage, { user_code: requireString(started, 'user_code') })
  const loginPage = await browser.submit(confirmPage, {})
  await signInAndConsent(browser, loginPage, login)

  return requestTokens(endpoints, client, {
    grant_type: 'urn:ietf:params:oauth:grant-type:device_code',
    device_code: requireString(started, 'device_code'),
    resource: wanted.resource,
  })
}

/** Refresh token, RFC 6749 §6: another access token without the user. */
export function refresh(endpoints: Endpoints, client: Client, tokens: Tokens, resource: string): Promise<Tokens> {
  return requestTokens(endpoints, client, {
    grant_type: 'refresh_token',
    refresh_token: requireRefreshToken(tokens),
    resource,
  })
}

/** @throws {Error} where the token endpoint gave none */
export function requireRefreshToken({ refreshToken }: Tokens): string {
  if (refreshToken === undefined) throw new Error('there is no refresh token to use')
  return refreshToken
}

/** Revocation, RFC 7009: the client no longer needs the token, as after a sign-out. */
export async function revoke(endpoints: Endpoints, client: Client, token: string): Promise<void> {
  const response = await post(endpoints.revocation, client, { token })
  const text = await response.text()
  if (!response.ok) throw new Error(`${response.url} answered ${response.status}: ${text.slice(0, 300)}`)
}

/** Fills in the login page, then the consent page. The authorization server accepts any name and password. */
async function signInAndConsent(browser: Browser, loginPage: Page, login: string): Promise<Page> {
  const consentPage = await browser.submit(loginPage, { login, password: 'any' }, { until: redirectUri })
  return browser.submit(consentPage, {}, { until: redirectUri })
}

async function requestTokens(endpoints: Endpoints, client: Client, form: Record<string, string>): Promise<Tokens> {
  const answer = await readJson(await post(endpoints.token, client, form))
  const optional = (name: string): string | undefined =>
    answer[name] === undefined ? undefined : requireString(answer, name)
  const refreshToken = optional('refresh_token')
  const idToken = optional('id_token')
  return {
    accessToken: requireString(answer, 'access_token'),
    ...(refreshToken === undefined ? {} : { refreshToken }),
    ...(idToken === undefined ? {} : { idToken }),
  }
}

/** Posts a form as the client: with its secret by HTTP Basic when it has one, else with its name alone. */
function post(url: string, client: Client, form: Record<string, string>): Promise<Response> {
  const { client_id, client_secret } = client
  if (client_secret === undefined) {
    return fetch(url, { method: 'POST', body: new URLSearchParams({ ...form, client_id }) })
  }
  const credentials = [client_id, client_secret].map(encodeURIComponent).join(':')
  const authorization = `Basic ${Buffer.from(credentials).toString('base64')}`
  return fetch(url, { method: 'POST', headers: { authorization }, body: new URLSearchParams(form) })
}

async function readJson(response: Response): Promise<Record<string, unknown>> {
  const text = await response.text()
  if (!response.ok) throw new Error(`${response.url} answered ${response.status}: ${text.slice(0, 300)}`)
  return JSON.parse(text) as Record<string, unknown>
}

function requireString(object: Record<string, unknown>, name: string): string {
  const value = object[name]
  if (typeof value !== 'string') throw new Error(`the authorization server's answer has no ${name}`)
  return value
}
