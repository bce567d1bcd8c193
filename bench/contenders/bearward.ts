import { createResourceServer, scope } from '../../dist/index.js'
import { RESOURCE, SCOPE } from '../tokens.ts'
import { ALL, type Contender } from './contender.ts'

// The defaults, discovery included. Only the cache of verified tokens is off where the token is to be new.
export const bearward: Contender = {
  name: 'bearward',
  packages: [],
  algorithms: ALL,
  canRemember: true,
  create({ issuer, remembers }) {
    const api = createResourceServer({
      resource: RESOURCE,
      issuers: [{ issuer }],
      tokenCache: remembers ? undefined : false,
    })
    const needed = scope(SCOPE)
    return async (token) => api.authorize(await api.verify(token), needed)
  },
}
