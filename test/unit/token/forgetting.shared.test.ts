import { describe, expect, test } from 'vitest'
import { createForgetting, createMarks } from '../../../src/token/forgetting.ts'

describe('what was forgotten since an epoch', () => {
  test('is the text that was forgotten, and nearly no other', () => {
    const forgetting = createForgetting()
    const since = forgetting.epoch()
    forgetting.forget('token-0')
    expect(forgetting.wasForgotten('token-0', since)).toBe(true)
    const others = Array.from({ length: 10_000 }, (_, index) => forgetting.wasForgotten(`token-${index + 1}`, since))
    expect(others.filter(Boolean).length).toBeLessThan(10)
    expect(forgetting.wasForgotten('token-0', forgetting.epoch())).toBe(false)
  })

  test('is everything after forgetAll()', () => {
    const forgetting = createForgetting()
    const since = forgetting.epoch()
    expect(forgetting.wasForgotten('token', since)).toBe(false)
    forgetting.forgetAll()
    expect(forgetting.wasForgotten('token', since)).toBe(true)
    expect(forgetting.wasForgotten('token', forgetting.epoch())).toBe(false)
  })

  test('is never missed, however many others were forgotten after it', () => {
    const forgetting = createForgetting()
    const tokens = Array.from({ length: 100 }, (_, index) => `${'x'.repeat(300)}-${index}`)
    const since = forgetting.epoch()
    for (const token of tokens) forgetting.forget(token)
    for (let index = 0; index < 1_000_000; index++) forgetting.forget(`junk-${index}`)
    expect(tokens.filter((token) => !forgetting.wasForgotten(token, since))).toEqual([])
  })

  test('is told apart by the end of a long text', () => {
    const forgetting = createForgetting()
    const since = forgetting.epoch()
    forgetting.forget(`${'a'.repeat(10_000)}b`)
    expect(forgetting.wasForgotten(`${'a'.repeat(10_000)}b`, since)).toBe(true)
    expect(forgetting.wasForgotten(`${'a'.repeat(10_000)}c`, since)).toBe(false)
  })

  test.each(['', 'a', '\u0000', '\ud800'])('may be any text: %j', (text) => {
    const forgetting = createForgetting()
    const since = forgetting.epoch()
    forgetting.forget(text)
    expect(forgetting.wasForgotten(text, since)).toBe(true)
    expect(forgetting.wasForgotten(`${text}b`, since)).toBe(false)
  })
})

test('a mark is never lowered: a clock that was set back brings nothing back', () => {
  const marks = createMarks()
  expect(marks.of('token')).toBe(Number.NEGATIVE_INFINITY)
  marks.set('token', 2_000)
  marks.set('token', 1_000)
  expect(marks.of('token')).toBe(2_000)
})
