// The resource server of every app here, and the check that a handler makes. It uses the built package.

import type { IncomingMessage } from 'node:http'
import {
  type AccessToken,
  type BearwardError,
  createResourceServer,
  type RequestView,
  scope,
} from '../../../dist/index.js'
import { tell } from './parent.ts'

export const RESOURCE = 'https://api.example.com'
const { ISSUERS = '', NOW_MS } = process.env

export const api = createResourceServer({
  resource: RESOURCE,
  issuers: ISSUERS.split(' ').map((issuer) => ({ issuer })),
  now: () => Number(NOW_MS),
})

/** Returns the token of a request that may read orders. What it throws escapes from the handler. */
export async function requireToken(request: Request | RequestView): Promise<AccessToken> {
  try {
    const token = await api.authenticate(request)
    api.authorize(token, scope('orders:read'))
    return token
  } catch (error) {
    const { code, detail } = error as BearwardError
    tell('refusal', { code, detail })
    throw error
  }
}

/** Describes one of Node's requests. */
export function viewOf({ method = '', url = '', headers }: IncomingMessage): RequestView {
  return { method, url: RESOURCE + url, headers }
}
