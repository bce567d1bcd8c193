import { describe, expect, test } from 'vitest'
import { MAX_FORM_BYTES, readFormBody } from '../../../src/parse/form.ts'
import { readBytes } from '../../../src/parse/read-bytes.ts'
import { codeOf } from '../../fixture/server.ts'

function post(body: string | null): Request {
  return new Request('https://api.example.com/', { method: 'POST', body })
}

function streamOf(...chunks: Uint8Array<ArrayBuffer>[]): ReadableStream<Uint8Array> {
  return new ReadableStream({
    pull(controller) {
      const chunk = chunks.shift()
      if (chunk) controller.enqueue(chunk)
      else controller.close()
    },
  })
}

describe('readFormBody', () => {
  test('decodes names and values as forms do', async () => {
    const form = await readFormBody(post('a=1+2&b=%C3%A9&a=3'))
    expect([...form]).toEqual([
      ['a', '1 2'],
      ['b', 'é'],
      ['a', '3'],
    ])
  })

  test('a missing body is an empty form', async () => {
    expect([...(await readFormBody(post(null)))]).toEqual([])
  })

  test('a body of 1 MiB passes, one byte more does not', async () => {
    expect(MAX_FORM_BYTES).toBe(1_048_576)
    expect(await codeOf(readFormBody(post('a'.repeat(MAX_FORM_BYTES))))).toBe('accepted')
    expect(await codeOf(readFormBody(post('a'.repeat(MAX_FORM_BYTES + 1))))).toBe('credentials_malformed')
  })
})

describe('readBytes', () => {
  test('joins chunks in order', async () => {
    const bytes = await readBytes(streamOf(Uint8Array.of(1, 2), new Uint8Array(), Uint8Array.of(3)), 3)
    expect(bytes).toEqual(Uint8Array.of(1, 2, 3))
  })

  test('an absent body is no bytes', async () => {
    expect(await readBytes(null, 0)).toEqual(new Uint8Array())
  })

  test('stops at the chunk that exceeds the bound, and cancels the rest', async () => {
    let cancelled = false
    const endless = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(new Uint8Array(10)),
      cancel: () => void (cancelled = true),
    })
    expect(await readBytes(endless, 25)).toBeUndefined()
    await expect.poll(() => cancelled).toBe(true)
  })

  test('a stream that breaks off rejects', async () => {
    const broken = new ReadableStream<Uint8Array>({ pull: (controller) => controller.error(new Error('gone')) })
    await expect(readBytes(broken, 10)).rejects.toThrow('gone')
  })
})
