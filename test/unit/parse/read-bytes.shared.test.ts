import { expect, test } from 'vitest'
import { readBytes } from '../../../src/parse/read-bytes.ts'

function streamOf(...chunks: readonly Uint8Array[]): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(chunk)
      controller.close()
    },
  })
}

test.each([
  ['nothing', []],
  ['one chunk', [[1, 2, 3]]],
  ['several', [[1], [2, 3], [4, 5, 6, 7], [8]]],
  ['empty ones', [[], [1], [], [2], []]],
])('a body of %s is read whole', async (_, parts) => {
  const bytes = await readBytes(streamOf(...parts.map((part) => Uint8Array.from(part))), 8)
  expect([...(bytes ?? [])]).toEqual(parts.flat())
  expect(bytes?.buffer.byteLength).toBe(parts.flat().length)
})

test('no body is an empty one', async () => {
  expect(await readBytes(null, 0)).toEqual(new Uint8Array())
})

test('a byte more than may be is refused, however it comes', async () => {
  expect(await readBytes(streamOf(new Uint8Array(4), new Uint8Array(4)), 8)).toHaveLength(8)
  expect(await readBytes(streamOf(new Uint8Array(4), new Uint8Array(5)), 8)).toBeUndefined()
  expect(await readBytes(streamOf(new Uint8Array(9)), 8)).toBeUndefined()
})

test('no chunk is kept: a body in single bytes weighs what it holds', async () => {
  const chunk = new Uint8Array(1)
  let sent = 0
  const body = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        // Whoever kept it would find the last byte in each.
        chunk[0] = sent
        if (sent++ === 200) controller.close()
        else controller.enqueue(chunk)
      },
    },
    { highWaterMark: 0 },
  )
  expect([...((await readBytes(body, 200)) ?? [])]).toEqual(Array.from({ length: 200 }, (_, index) => index))
})
