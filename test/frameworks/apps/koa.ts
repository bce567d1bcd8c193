import Koa from 'koa'
import { api, requireToken, viewOf } from './api.ts'
import { tellPort } from './parent.ts'

const app = new Koa()
app.use(async (context, next) => {
  try {
    await next()
  } catch (error) {
    if (context.path !== '/challenge') throw error
    const { status, headers, body } = api.challenge(error)
    context.status = status
    context.set(headers)
    context.body = body
  }
})
app.use(async (context) => {
  const { subject } = await requireToken(viewOf(context.req))
  context.body = { subject }
})
const server = app.listen(0, '127.0.0.1', () => tellPort(server))
