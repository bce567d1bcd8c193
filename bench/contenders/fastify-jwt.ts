import fastifyJwt from '@fastify/jwt'
import Fastify, { type FastifyRequest } from 'fastify'
import buildGetJwks from 'get-jwks'
import { RESOURCE, SCOPE, type Algorithm } from '../tokens.ts'
import { ALL, type Contender, requireScope } from './contender.ts'

/** Both packages, put together as the README of get-jwks shows it. */
export function fastifyJwtOptions(issuer: string, algorithm: Algorithm, remembers: boolean): object {
  const getJwks = buildGetJwks({ issuersWhitelist: [issuer] })
  return {
    decode: { complete: true },
    secret: (_: unknown, token: { header: { kid: string; alg: string }; payload: { iss: string } }) =>
      getJwks.getPublicKey({ kid: token.header.kid, alg: token.header.alg, domain: token.payload.iss }),
    verify: {
      algorithms: [algorithm],
      allowedIss: issuer,
      allowedAud: RESOURCE,
      checkTyp: 'at+jwt',
      requiredClaims: ['iss', 'aud', 'exp'],
      clockTolerance: 10_000,
      cache: remembers,
    },
  }
}

// The decorator of a request, called on a request of a Fastify that never listens; over HTTP it is measured in full.
export const fastifyJwtContender: Contender = {
  name: '@fastify/jwt + get-jwks',
  packages: ['@fastify/jwt', 'get-jwks'],
  algorithms: ALL,
  blocks: true,
  canRemember: true,
  async create({ issuer, algorithm, remembers }) {
    const app = Fastify()
    await app.register(fastifyJwt, fastifyJwtOptions(issuer, algorithm, remembers) as never)
    let captured: FastifyRequest | undefined
    app.get('/', (request) => ((captured = request), 'captured'))
    await app.inject('/')
    const request = captured as FastifyRequest
    return async (token) => {
      const view = Object.create(request, {
        headers: { value: { authorization: `Bearer ${token}` } },
      }) as FastifyRequest
      requireScope(await view.jwtVerify<object>(), SCOPE)
    }
  },
}
