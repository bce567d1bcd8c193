import express, { type NextFunction, type Request, type Response } from 'express'
import { api, requireToken, viewOf } from './api.ts'
import { tellPort } from './parent.ts'

const app = express()
app.get(['/', '/challenge'], async (request, response) => {
  const { subject } = await requireToken(viewOf(request))
  response.json({ subject })
})
// Express tells an error handler by its four parameters.
app.use('/challenge', (error: unknown, _request: Request, response: Response, _next: NextFunction) => {
  const { status, headers, body } = api.challenge(error)
  response.status(status).set(headers).json(body)
})
const server = app.listen(0, '127.0.0.1', () => tellPort(server))
