// The development server: it starts without a build, and shows more of an error than the other.

import { createServer } from 'node:http'
import { join } from 'node:path'
import next from 'next'
import { tellPort } from './parent.ts'

const app = next({ dev: true, dir: join(import.meta.dirname, 'next') })
await app.prepare()
const handle = app.getRequestHandler()
const server = createServer((request, response) => void handle(request, response))
server.listen(0, '127.0.0.1', () => tellPort(server))
