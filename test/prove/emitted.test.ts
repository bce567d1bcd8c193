import { BearwardError } from 'bearward'
import { describe, expect, test } from 'vitest'
import { createEmitted } from '../../prove/emitted.ts'

const TOKEN = 'an-opaque-token-of-more-than-twenty-four-characters'
const quiet = { challenge: () => ({ status: 401, headers: {}, body: { error_description: 'no' } }) }

function leaksOf(message: string, details: { readonly cause?: unknown } = {}): readonly string[] {
  const emitted = createEmitted()
  emitted.refusal(quiet, new BearwardError('token_malformed', message, details), TOKEN)
  return emitted.report().leaks
}

describe('the search of what is emitted', () => {
  test('finds any 24 characters of the token that was refused', () => {
    for (let start = 0; start + 24 <= TOKEN.length; start++) {
      expect(leaksOf(`got "${TOKEN.slice(start, start + 24)}"`)).not.toEqual([])
    }
    expect(leaksOf(`got "${TOKEN.slice(0, 23)}"`)).toEqual([])
  })

  test('finds it in the cause of an error, in an event, in a line of the log and in a header', () => {
    const texts = createEmitted()
    texts.event({ type: 'token_refused', code: 'token_malformed', detail: 'no token' })
    texts.text('log', 'no token', TOKEN)
    expect(texts.report()).toMatchObject({ leaks: [], events: { token_refused: 1 } })

    expect(leaksOf('no', { cause: new Error('why', { cause: new Error(TOKEN) }) })).not.toEqual([])
    texts.text('log', TOKEN, TOKEN)
    expect(texts.report().leaks).toHaveLength(1)
    const headers = { 'WWW-Authenticate': `Bearer error_description="${TOKEN}"` }
    const telling = { challenge: () => ({ status: 401, headers, body: { error_description: 'no' } }) }
    texts.refusal(telling, new BearwardError('token_malformed', 'no'), TOKEN)
    expect(texts.report().leaks).toHaveLength(2)
    texts.event({ type: 'token_refused', code: 'token_malformed', detail: TOKEN })
    texts.refusal(quiet, new BearwardError('token_malformed', 'no'), TOKEN)
    expect(texts.report().leaks).toHaveLength(3)
  })

  test('finds characters that no message may hold', () => {
    const emitted = createEmitted()
    emitted.event({ type: 'token_refused', code: 'token_malformed', detail: 'one\u001B[2J' })
    expect(emitted.report().leaks).toEqual(['event token_refused (raw bytes)'])
  })
})
