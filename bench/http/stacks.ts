// The same route in six frameworks, unprotected, behind bearward and, in four of them, behind the peer at home there. The mountings of
// bearward are thin ones of the benchmark's own; a server answers `{"hello":"<sub>"}`, or nobody's name where it is unprotected.

import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import fastifyJwt from '@fastify/jwt'
import { getRequestListener } from '@hono/node-server'
import { type CanActivate, Controller, Get, HttpException, Module, Req, UseGuards } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import express from 'express'
import { auth, requiredScopes } from 'express-oauth2-jwt-bearer'
import Fastify from 'fastify'
import { type Context, Hono } from 'hono'
import { jwk } from 'hono/jwk'
import { createRemoteJWKSet, jwtVerify } from 'jose'
import Koa from 'koa'
import { createResourceServer, type ResourceServer, scope } from '../../dist/index.js'
import { protect as protectFetch } from '../../dist/fetch.js'
import { protect } from '../../dist/node.js'
import { requireScope } from '../contenders/contender.ts'
import { fastifyJwtOptions } from '../contenders/fastify-jwt.ts'
import { type Algorithm, RESOURCE, SCOPE } from '../tokens.ts'

export interface ServerSetup {
  readonly issuer: string
  readonly jwksUri: string
  readonly algorithm: Algorithm
  readonly remembers: boolean
}

type Start = (setup: ServerSetup) => RequestListener | Promise<RequestListener>

const needed = scope(SCOPE)

function createApi({ issuer, remembers }: ServerSetup): ResourceServer {
  return createResourceServer({
    resource: RESOURCE,
    issuers: [{ issuer }],
    tokenCache: remembers ? undefined : false,
  })
}

function answer(response: ServerResponse, subject: unknown): void {
  response.setHeader('Content-Type', 'application/json')
  response.end(JSON.stringify({ hello: subject }))
}

const node: Record<string, Start> = {
  unprotected: () => (_, response) => answer(response, 'nobody'),
  bearward(setup) {
    const listener = protect(createApi(setup), needed, (_, response, { token }) => answer(response, token.subject))
    return (request, response) => void listener(request, response).catch(() => response.destroy())
  },
  jose({ issuer, jwksUri, algorithm }) {
    const keys = createRemoteJWKSet(new URL(jwksUri))
    const options = { issuer, audience: RESOURCE, typ: 'at+jwt', algorithms: [algorithm], requiredClaims: ['exp'] }
    async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
      try {
        const [, token] = /^Bearer ([^ ]+)$/.exec(request.headers.authorization ?? '') ?? []
        const { payload } = await jwtVerify(token ?? '', keys, options)
        requireScope(payload, SCOPE)
        answer(response, payload.sub)
      } catch {
        response.writeHead(401, { 'WWW-Authenticate': 'Bearer error="invalid_token"' }).end()
      }
    }
    return (request, response) => void serve(request, response)
  },
}

const onExpress: Record<string, Start> = {
  unprotected: () => express().get('/', (_, response) => void response.json({ hello: 'nobody' })),
  // Express hands on what an asynchronous handler rejects with, so that `protect` of bearward/node fits as it is.
  bearward: (setup) =>
    express().get(
      '/',
      protect(createApi(setup), needed, (_, response, { token }) => {
        ;(response as express.Response).json({ hello: token.subject })
      }),
    ),
  'express-oauth2-jwt-bearer': ({ issuer, jwksUri, algorithm }) =>
    express().get(
      '/',
      auth({ issuer, jwksUri, audience: RESOURCE, tokenSigningAlg: algorithm, strict: true, dpop: { enabled: false } }),
      requiredScopes(SCOPE),
      (request, response) => void response.json({ hello: request.auth?.payload.sub }),
    ),
}

const onFastify: Record<string, Start> = {
  unprotected: () => listenerOf(Fastify().get('/', () => ({ hello: 'nobody' }))),
  bearward(setup) {
    const api = createApi(setup)
    const app = Fastify().decorateRequest('token', null)
    app.addHook('onRequest', async (request, reply) => {
      try {
        const { method, url, headers } = request
        const token = await api.authenticate({ method, url: RESOURCE + url, headers })
        api.authorize(token, needed)
        request.setDecorator('token', token)
      } catch (error) {
        const { status, headers, body } = api.challenge(error, { requirement: needed })
        await reply.code(status).headers(headers).send(body)
      }
    })
    return listenerOf(
      app.get('/', (request) => ({ hello: request.getDecorator<{ subject?: string }>('token').subject })),
    )
  },
  async '@fastify/jwt + get-jwks'({ issuer, algorithm, remembers }) {
    const app = Fastify()
    await app.register(fastifyJwt, fastifyJwtOptions(issuer, algorithm, remembers) as never)
    app.addHook('onRequest', async (request) => {
      requireScope(await request.jwtVerify<object>(), SCOPE)
    })
    return listenerOf(app.get('/', (request) => ({ hello: (request.user as { sub?: string }).sub })))
  },
}

async function listenerOf(app: { ready(): PromiseLike<unknown>; routing: unknown }): Promise<RequestListener> {
  await app.ready()
  return app.routing as RequestListener
}

const onHono: Record<string, Start> = {
  unprotected: () => serveHono(new Hono().get('/', (context) => context.json({ hello: 'nobody' }))),
  bearward(setup) {
    const contexts = new WeakMap<Request, Context>()
    const guarded = protectFetch(createApi(setup), needed, (request, { token }) =>
      contexts.get(request)!.json({ hello: token.subject }),
    )
    return serveHono(
      new Hono().get('/', (context) => {
        contexts.set(context.req.raw, context)
        return guarded(context.req.raw, undefined, undefined)
      }),
    )
  },
  'hono/jwk': ({ issuer, jwksUri, algorithm }) =>
    serveHono(
      new Hono().get(
        '/',
        jwk({ jwks_uri: jwksUri, alg: [algorithm], verification: { iss: issuer, aud: RESOURCE, typ: 'at+jwt' } }),
        (context) => {
          const claims = context.get('jwtPayload') as { exp?: number; scope?: string; sub?: string }
          if (claims.exp === undefined) return context.body(null, 401)
          if (!claims.scope?.split(' ').includes(SCOPE)) return context.body(null, 403)
          return context.json({ hello: claims.sub })
        },
      ),
    ),
}

function serveHono(app: Hono): RequestListener {
  return getRequestListener(app.fetch)
}

const onKoa: Record<string, Start> = {
  unprotected() {
    const app = new Koa()
    app.use((context) => void (context.body = { hello: 'nobody' }))
    return app.callback()
  },
  bearward(setup) {
    const api = createApi(setup)
    const app = new Koa<{ token: { readonly subject?: string | undefined } }>()
    app.use(async (context, next) => {
      try {
        const { method, url, headers } = context
        const token = await api.authenticate({ method, url: RESOURCE + url, headers })
        api.authorize(token, needed)
        context.state.token = token
      } catch (error) {
        const { status, headers, body } = api.challenge(error, { requirement: needed })
        context.status = status
        context.set({ ...headers })
        context.body = body
        return
      }
      await next()
    })
    app.use((context) => void (context.body = { hello: context.state.token.subject }))
    return app.callback()
  },
}

interface NestRequest extends IncomingMessage {
  readonly originalUrl: string
  token?: { readonly subject?: string | undefined }
}

const onNest: Record<string, Start> = {
  unprotected: () => serveNest(),
  bearward(setup) {
    const api = createApi(setup)
    return serveNest({
      async canActivate(context) {
        const http = context.switchToHttp()
        const request = http.getRequest<NestRequest>()
        try {
          const { method = 'GET', originalUrl, headers } = request
          const token = await api.authenticate({ method, url: RESOURCE + originalUrl, headers })
          api.authorize(token, needed)
          request.token = token
          return true
        } catch (error) {
          const { status, headers, body } = api.challenge(error, { requirement: needed })
          http.getResponse<express.Response>().set({ ...headers })
          throw new HttpException({ ...body }, status)
        }
      },
    })
  },
}

/** On Express, which is Nest's default. Its decorators are called by hand: Node runs these files without a compiler. */
async function serveNest(guard?: CanActivate): Promise<RequestListener> {
  class Hello {
    get({ token }: NestRequest): object {
      return { hello: token ? token.subject : 'nobody' }
    }
  }
  Controller()(Hello)
  Get()(Hello.prototype, 'get', Object.getOwnPropertyDescriptor(Hello.prototype, 'get') as PropertyDescriptor)
  Req()(Hello.prototype, 'get', 0)
  if (guard) UseGuards(guard)(Hello)
  // oxlint-disable-next-line typescript/no-extraneous-class -- to Nest a module is a class
  class Root {}
  Module({ controllers: [Hello] })(Root)
  const app = await NestFactory.create(Root, { logger: false })
  await app.init()
  return app.getHttpAdapter().getInstance() as RequestListener
}

/** Servers by framework and by what protects them. */
export const stacks = {
  'node:http': node,
  Express: onExpress,
  Fastify: onFastify,
  Hono: onHono,
  Koa: onKoa,
  NestJS: onNest,
} as const
export type Stack = keyof typeof stacks

export async function startServer(stack: Stack, guard: string, setup: ServerSetup): Promise<number> {
  const start = stacks[stack][guard]
  if (!start) throw new Error(`${stack} has no server behind ${guard}`)
  const server = createServer(await start(setup))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as { port: number }).port
}
