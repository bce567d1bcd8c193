import { serve } from '@hono/node-server'
import { type Context, Hono } from 'hono'
import { api, requireToken } from './api.ts'
import { tell } from './parent.ts'

async function read(context: Context): Promise<Response> {
  const { subject } = await requireToken(context.req.raw)
  return context.json({ subject })
}

const app = new Hono()
app.get('/', read)
const part = new Hono()
part.onError((error) => {
  const { status, headers, body } = api.challenge(error)
  return Response.json(body, { status, headers })
})
part.get('/', read)
app.route('/challenge', part)
serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, ({ port }) => tell('port', port))
