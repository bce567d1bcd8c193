import { fastify, type FastifyRequest } from 'fastify'
import { api, requireToken, viewOf } from './api.ts'
import { tellPort } from './parent.ts'

async function read(request: FastifyRequest): Promise<{ subject: string | undefined }> {
  const { subject } = await requireToken(viewOf(request.raw))
  return { subject }
}

const app = fastify({ logger: true })
app.get('/', read)
app.register(async (part) => {
  part.setErrorHandler((error, _request, reply) => {
    const { status, headers, body } = api.challenge(error)
    return reply.status(status).headers(headers).send(body)
  })
  part.get('/challenge', read)
})
await app.listen({ port: 0, host: '127.0.0.1' })
tellPort(app.server)
