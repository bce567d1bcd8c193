import { awsJwtVerify } from './aws-jwt-verify.ts'
import { bearward } from './bearward.ts'
import type { Contender } from './contender.ts'
import { expressOauth2JwtBearer } from './express-oauth2-jwt-bearer.ts'
import { fastJwt } from './fast-jwt.ts'
import { fastifyJwtContender } from './fastify-jwt.ts'
import { honoJwk } from './hono-jwk.ts'
import { jose } from './jose.ts'
import { jsonwebtoken } from './jsonwebtoken.ts'
import { oauth4webapi } from './oauth4webapi.ts'

export const contenders: readonly Contender[] = [
  bearward,
  jose,
  oauth4webapi,
  awsJwtVerify,
  fastJwt,
  jsonwebtoken,
  expressOauth2JwtBearer,
  fastifyJwtContender,
  honoJwk,
]
