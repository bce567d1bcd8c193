import { BearwardError } from '../errors.ts'
import { readBytes } from './read-bytes.ts'

export const MAX_FORM_BYTES: number = 1024 * 1024

/** Reads a form body. @throws {BearwardError} credentials_malformed, where it exceeds 1 MiB */
export async function readFormBody({ body }: Pick<Request, 'body'>): Promise<URLSearchParams> {
  const bytes = await readBytes(body, MAX_FORM_BYTES)
  if (!bytes) throw formTooLarge()
  return new URLSearchParams(new TextDecoder().decode(bytes))
}

export function formTooLarge(): BearwardError {
  return new BearwardError('credentials_malformed', `the form body exceeds ${MAX_FORM_BYTES} bytes`)
}
