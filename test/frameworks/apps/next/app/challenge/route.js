import { api, requireToken } from '../../../api.ts'

export async function GET(request) {
  try {
    const { subject } = await requireToken(request)
    return Response.json({ subject })
  } catch (error) {
    const { status, headers, body } = api.challenge(error)
    return Response.json(body, { status, headers })
  }
}
