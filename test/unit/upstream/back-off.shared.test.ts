import { describe, expect, test } from 'vitest'
import { createBackOff } from '../../../src/upstream/back-off.ts'

function backOffAt(clock: { ms: number }, random = () => 1) {
  return createBackOff(() => clock.ms, { random })
}

describe('back-off', () => {
  test('nothing is due before the first failure', () => {
    const backOff = backOffAt({ ms: 0 })
    expect([backOff.failures(), backOff.remainingMs()]).toEqual([0, 0])
  })

  test('doubles from 1 s to 30 s and stays there', () => {
    const backOff = backOffAt({ ms: 0 })
    const delays = Array.from({ length: 8 }, () => {
      backOff.fail()
      return backOff.remainingMs()
    })
    expect(delays).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000])
  })

  test('a thousand failures in a row do not overflow the delay', () => {
    const backOff = backOffAt({ ms: 0 })
    for (let failure = 0; failure < 2_000; failure++) backOff.fail()
    expect([backOff.failures(), backOff.remainingMs()]).toEqual([2_000, 30_000])
  })

  test.each([
    [0, 750],
    [0.5, 875],
    [1, 1_000],
  ])('a random value of %d makes a first delay of %d ms', (value, delayMs) => {
    const backOff = backOffAt({ ms: 0 }, () => value)
    backOff.fail()
    expect(backOff.remainingMs()).toBe(delayMs)
  })

  test('the jitter of Math.random stays between three quarters and the whole', () => {
    for (let round = 0; round < 200; round++) {
      const backOff = createBackOff(() => 0)
      backOff.fail()
      expect(backOff.remainingMs()).toBeGreaterThanOrEqual(750)
      expect(backOff.remainingMs()).toBeLessThanOrEqual(1_000)
    }
  })

  test('the delay counts from the failure and runs out', () => {
    const clock = { ms: 5_000 }
    const backOff = backOffAt(clock)
    backOff.fail()
    clock.ms += 400
    expect(backOff.remainingMs()).toBe(600)
    clock.ms += 600
    expect(backOff.remainingMs()).toBe(0)
    clock.ms += 1e9
    expect([backOff.remainingMs(), backOff.failures()]).toEqual([0, 1])
  })

  test('a success starts over', () => {
    const clock = { ms: 0 }
    const backOff = backOffAt(clock)
    for (let failure = 0; failure < 5; failure++) backOff.fail()
    backOff.succeed()
    expect([backOff.failures(), backOff.remainingMs()]).toEqual([0, 0])
    backOff.fail()
    expect(backOff.remainingMs()).toBe(1_000)
  })

  test('a clock set back does not stretch the delay', () => {
    const clock = { ms: 1e9 }
    const backOff = backOffAt(clock)
    backOff.fail()
    clock.ms -= 3_600_000
    expect(backOff.remainingMs()).toBe(0)
  })
})
