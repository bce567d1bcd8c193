// The platform is the first argument: express or fastify.

import type { IncomingMessage } from 'node:http'
import { type ArgumentsHost, Catch, Controller, Get, Module, Req, UseFilters } from '@nestjs/common'
import { HttpAdapterHost, NestFactory } from '@nestjs/core'
import { ExpressAdapter } from '@nestjs/platform-express'
import { FastifyAdapter } from '@nestjs/platform-fastify'
import { api, requireToken, viewOf } from './api.ts'
import { tellPort } from './parent.ts'

class OrdersController {
  async read(request: IncomingMessage): Promise<{ subject: string | undefined }> {
    const { subject } = await requireToken(viewOf(request))
    return { subject }
  }
}

class ChallengeController extends OrdersController {}

class ChallengeFilter {
  catch(error: unknown, host: ArgumentsHost): void {
    const { httpAdapter } = app.get(HttpAdapterHost)
    const response: unknown = host.switchToHttp().getResponse()
    const { status, headers, body } = api.challenge(error)
    for (const [name, value] of Object.entries(headers)) httpAdapter.setHeader(response, name, value)
    httpAdapter.reply(response, body, status)
  }
}

class OrdersModule {}

// Node strips types but knows no decorators, so each is called.
const { prototype } = OrdersController
Get()(prototype, 'read', Object.getOwnPropertyDescriptor(prototype, 'read') ?? {})
Req()(prototype, 'read', 0)
Controller()(OrdersController)
Catch()(ChallengeFilter)
UseFilters(ChallengeFilter)(ChallengeController)
Controller('challenge')(ChallengeController)
Module({ controllers: [OrdersController, ChallengeController] })(OrdersModule)

const adapter = process.argv[2] === 'fastify' ? new FastifyAdapter() : new ExpressAdapter()
const app = await NestFactory.create(OrdersModule, adapter)
await app.listen(0, '127.0.0.1')
tellPort(app.getHttpServer())
