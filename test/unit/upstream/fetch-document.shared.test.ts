import { describe, expect, test } from 'vitest'
import type { FetchFunction } from '../../../src/pipeline.ts'
import { fetchDocument, type FetchSettings, UpstreamFault } from '../../../src/upstream/fetch-document.ts'

const URL_ASKED = 'https://login.example.com/document'
const LIMIT = 512 * 1024

interface Attempt {
  readonly result: Promise<Awaited<ReturnType<typeof fetchDocument>>>
  readonly calls: { readonly url: string; readonly init: RequestInit }[]
}

function attempt(
  answer: (url: string, init: RequestInit) => Response | Promise<Response>,
  settings: Partial<FetchSettings> = {},
  url: string = URL_ASKED,
): Attempt {
  const calls: { url: string; init: RequestInit }[] = []
  const fetch: FetchFunction = async (asked, init) => {
    calls.push({ url: asked, init })
    return answer(asked, init)
  }
  const result = fetchDocument(url, {
    fetch,
    insecureHosts: [],
    loopback: true,
    mediaTypes: ['application/json'],
    members: ['a', 'issuer', 'keys'],
    signal: new AbortController().signal,
    ...settings,
  })
  return { result, calls }
}

/** The fault with which an attempt ends. */
async function faultOf({ result }: Attempt): Promise<UpstreamFault> {
  const fault: unknown = await result.then(
    () => undefined,
    (error: unknown) => error,
  )
  if (!(fault instanceof UpstreamFault)) throw new Error('expected an UpstreamFault', { cause: fault })
  return fault
}

function json(body: string | Uint8Array<ArrayBuffer>, headers: Record<string, string> = {}): Response {
  return new Response(body, { headers: { 'content-type': 'application/json', ...headers } })
}

function loginPage(): Response {
  return json('<!doctype html><title>Log in</title>', { 'content-type': 'text/html' })
}

/** An object of exactly so many bytes. */
function objectOfBytes(size: number): string {
  return `{"a":1,"filler":"${'x'.repeat(size - 19)}"}`
}

/** A body in chunks that says how much of it was taken. */
function streamed(
  chunks: number,
  chunkBytes: number,
): { response: Response; taken: () => number; ended: () => boolean } {
  let sent = 0
  let canceled = false
  const chunk = new Uint8Array(chunkBytes).fill(0x20)
  const body = new ReadableStream<Uint8Array<ArrayBuffer>>(
    {
      pull(controller) {
        if (sent === chunks) return controller.close()
        sent++
        controller.enqueue(chunk)
      },
      cancel() {
        canceled = true
      },
    },
    { highWaterMark: 0 },
  )
  const response = new Response(body, { headers: { 'content-type': 'application/json' } })
  return { response, taken: () => sent * chunkBytes, ended: () => canceled }
}

describe('the request', () => {
  test('follows no redirect, asks for JSON and can be ended', async () => {
    const { signal } = new AbortController()
    const made = attempt(() => json('{}'), { signal })
    await made.result
    expect(made.calls).toEqual([
      { url: URL_ASKED, init: { headers: { accept: 'application/json' }, redirect: 'manual', signal } },
    ])
  })

  test.each([
    'http://login.example.com/keys',
    'http://127.0.0.1.example.com/keys',
    'http://localhost.example.com/keys',
    'http://10.0.0.1/keys',
    'ftp://login.example.com/keys',
    'file:///etc/passwd',
    'data:application/json,{}',
    'https://user:password@login.example.com/keys',
    'https://login.example.com/keys#fragment',
    '/keys',
    '',
  ])('is never made to %j', async (url) => {
    const made = attempt(() => json('{}'), {}, url)
    expect((await faultOf(made)).notHere).toBe(false)
    expect(made.calls).toEqual([])
  })

  test.each([
    'https://login.example.com/keys',
    'http://127.0.0.1:8080/keys',
    'http://127.9.9.9/keys',
    'http://localhost:8080/keys',
    'http://[::1]:8080/keys',
    'http://keys.internal:8080/keys',
  ])('is made to %j', async (url) => {
    const made = attempt(() => json('{}'), { insecureHosts: ['keys.internal'] }, url)
    await made.result
    expect(made.calls.map((call) => call.url)).toEqual([url])
  })

  test('an insecure host covers itself alone', async () => {
    const made = attempt(() => json('{}'), { insecureHosts: ['keys.internal'] }, 'http://other.keys.internal/')
    await faultOf(made)
    expect(made.calls).toEqual([])
  })

  test('that cannot be made says why', async () => {
    const cause = new TypeError('fetch failed', { cause: new Error('connect ECONNREFUSED') })
    const fault = await faultOf(attempt(() => Promise.reject(cause)))
    expect([fault.notHere, fault.cause]).toEqual([false, undefined])
    expect(fault.message).toContain('ECONNREFUSED')
  })

  test('that fails with what is no error is a fault all the same', async () => {
    expect((await faultOf(attempt(() => Promise.reject('no')))).notHere).toBe(false)
  })
})

describe('the status', () => {
  test.each([400, 401, 403, 404, 405, 410, 418])('%d says that there is no such document', async (status) => {
    expect((await faultOf(attempt(() => new Response('', { status })))).notHere).toBe(true)
  })

  test.each([201, 429, 500, 502, 503, 504])('%d does not say that there is no such document', async (status) => {
    const made = attempt(() => new Response('{}', { status, headers: { 'content-type': 'application/json' } }))
    expect((await faultOf(made)).notHere).toBe(false)
  })

  test.each([301, 302, 303, 307, 308])('%d to a good document is not followed', async (status) => {
    const made = attempt((url) =>
      url === URL_ASKED
        ? new Response(null, { status, headers: { location: 'https://login.example.com/good' } })
        : json('{}'),
    )
    expect((await faultOf(made)).notHere).toBe(true)
    expect(made.calls).toHaveLength(1)
  })

  test('the body of a refused answer is let go', async () => {
    const { response, ended } = streamed(1_000, 1_024)
    await faultOf(attempt(() => new Response(response.body, { status: 500 })))
    expect(ended()).toBe(true)
  })
})

describe('the content type', () => {
  test.each([
    'application/json',
    'application/json; charset=utf-8',
    'Application/JSON;charset=UTF-8',
    'application/json ;x',
  ])('%j is JSON', async (type) => {
    const { document } = await attempt(() => json('{"a":1}', { 'content-type': type })).result
    expect(document).toEqual({ a: 1 })
  })

  test.each(['text/html', 'text/html; charset=utf-8', 'text/json', 'application/jsonp', 'text/plain'])(
    '%j is not JSON, whatever the body',
    async (type) => {
      const fault = await faultOf(attempt(() => json('{"a":1}', { 'content-type': type })))
      expect(fault.notHere).toBe(true)
    },
  )

  test('none at all is not JSON', async () => {
    const made = attempt(() => new Response(new TextEncoder().encode('{"a":1}')))
    expect((await faultOf(made)).notHere).toBe(true)
  })

  test('does not matter where any is accepted', async () => {
    for (const type of ['application/jwk-set+json', 'text/plain', 'application/octet-stream']) {
      const { document } = await attempt(() => json('{"keys":[]}', { 'content-type': type }), { mediaTypes: [] }).result
      expect(document).toEqual({ keys: [] })
    }
  })

  test('a login page with status 200 is no document, even where any type is accepted', async () => {
    expect((await faultOf(attempt(loginPage))).notHere).toBe(true)
    expect((await faultOf(attempt(loginPage, { mediaTypes: [] }))).message).toContain('invalid JSON')
  })

  test('that is hostile stands in the message without its quotes and beyond 80 characters', async () => {
    const type = `text/"${'x'.repeat(200)}`
    const { message } = await faultOf(attempt(() => json('{}', { 'content-type': type })))
    expect(message).not.toContain('/"x')
    expect(message.length).toBeLessThan(250)
  })
})

describe('the body', () => {
  test('of exactly 512 KiB is read', async () => {
    const { document } = await attempt(() => json(objectOfBytes(LIMIT))).result
    expect(document).toEqual({ a: 1 })
  })

  test('of one byte more is refused', async () => {
    expect((await faultOf(attempt(() => json(objectOfBytes(LIMIT + 1))))).message).toContain('more than 524288 bytes')
  })

  test('in chunks of exactly 512 KiB is read', async () => {
    const bytes = new TextEncoder().encode(objectOfBytes(LIMIT))
    let at = 0
    const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
      pull(controller) {
        if (at === LIMIT) return controller.close()
        controller.enqueue(bytes.slice(at, (at += 8_192)))
      },
    })
    const { document } = await attempt(() => new Response(body, { headers: { 'content-type': 'application/json' } }))
      .result
    expect(document).toEqual({ a: 1 })
  })

  test('without end is let go soon after 512 KiB', async () => {
    const { response, taken, ended } = streamed(Infinity, 16 * 1024)
    await faultOf(attempt(() => response))
    expect(taken()).toBeLessThanOrEqual(LIMIT + 32 * 1024)
    await expect.poll(ended).toBe(true)
  })

  test('that breaks off is a fault', async () => {
    const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
      start(controller) {
        controller.enqueue(new TextEncoder().encode('{"keys":['))
      },
      pull(controller) {
        controller.error(new Error('ECONNRESET'))
      },
    })
    const made = attempt(() => new Response(body, { headers: { 'content-type': 'application/json' } }))
    const fault = await faultOf(made)
    expect([fault.notHere, fault.message.includes('ECONNRESET')]).toEqual([false, true])
  })

  test.each(['', ' ', '{', '{"a":1', '{"a":1}}', "{'a':1}", '{"a":NaN}', '<html>', '// {}'])(
    '%j is invalid JSON',
    async (body) => {
      const fault = await faultOf(attempt(() => json(body)))
      expect([fault.notHere, fault.message.includes('invalid JSON')]).toEqual([true, true])
    },
  )

  test('of invalid UTF-8 is refused', async () => {
    const body = Uint8Array.of(0x7b, 0x22, 0x61, 0x22, 0x3a, 0x22, 0xff, 0x22, 0x7d)
    expect((await faultOf(attempt(() => json(body)))).message).toContain('invalid JSON')
  })

  test.each(['[]', '[{"a":1}]', 'null', '1', '"text"', 'true'])('%s is JSON but no object', async (body) => {
    const fault = await faultOf(attempt(() => json(body)))
    expect([fault.notHere, fault.message.includes('no object')]).toEqual([true, true])
  })

  test('never stands in a message', async () => {
    const { message } = await faultOf(attempt(() => json('{"secret":"hunter2"')))
    expect(message).not.toContain('hunter2')
  })
})

describe('max-age', () => {
  test.each<[Record<string, string>, number | undefined]>([
    [{}, undefined],
    [{ 'cache-control': 'no-store' }, undefined],
    [{ 'cache-control': 'max-age=300' }, 300],
    [{ 'cache-control': 'MAX-AGE=300' }, 300],
    [{ 'cache-control': 'max-age="300"' }, 300],
    [{ 'cache-control': 'public,max-age=300,must-revalidate' }, 300],
    [{ 'cache-control': 'public, max-age=300' }, 300],
    [{ 'cache-control': 's-maxage=10' }, undefined],
    [{ 'cache-control': 's-maxage=10, max-age=300' }, 300],
    [{ 'cache-control': 'x-max-age=10' }, undefined],
    [{ 'cache-control': 'max-age=-1' }, undefined],
    [{ 'cache-control': 'max-age=soon' }, undefined],
    [{ 'cache-control': 'max-age=0' }, 0],
    [{ 'cache-control': 'max-age=300', age: '100' }, 200],
    [{ 'cache-control': 'max-age=300', age: '400' }, 0],
    [{ 'cache-control': 'max-age=300', age: '-100' }, 300],
    [{ 'cache-control': 'max-age=300', age: 'old' }, 300],
    [{ age: '100' }, undefined],
  ])('of %j is %s', async (headers, seconds) => {
    const { maxAgeSeconds } = await attempt(() => json('{}', headers)).result
    expect(maxAgeSeconds).toBe(seconds)
  })
})

/** What a failure says whose system code and whose quoted address are these. */
async function failureAt(url: string, code: string): Promise<string> {
  const made = attempt(
    () => {
      throw Object.assign(new TypeError(`fetch failed for ${url}`), { cause: { code, message: url } })
    },
    {},
    url,
  )
  return (await faultOf(made)).message
}

test('where the address has a query, a failure is told by its kind and the code of the system', async () => {
  const told = `${URL_ASKED} cannot be reached: TypeError`
  expect(await failureAt(`${URL_ASKED}?p=policy`, 'ENOTFOUND')).toBe(`${told} (ENOTFOUND)`)
  // A key that is written like a code.
  expect(await failureAt(`${URL_ASKED}?key=EYSECRET`, 'EYSECRET')).toBe(told)
  expect(await failureAt(`${URL_ASKED}?p=policy`, 'a secret')).toBe(told)
})
