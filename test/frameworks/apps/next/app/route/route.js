import { requireToken } from '../../../api.ts'

export async function GET(request) {
  const { subject } = await requireToken(request)
  return Response.json({ subject })
}
