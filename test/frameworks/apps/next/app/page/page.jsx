import { headers } from 'next/headers'
import { requireToken, RESOURCE } from '../../../api.ts'

export default async function Page() {
  const { subject } = await requireToken({ method: 'GET', url: RESOURCE, headers: await headers() })
  return <p>{subject}</p>
}
