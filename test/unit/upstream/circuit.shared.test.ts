import { describe, expect, test, vi } from 'vitest'
import { type Circuit, CircuitOpen, createCircuit } from '../../../src/upstream/circuit.ts'

const PROBE_MS = 4_000

function circuitAt(startMs = 1_000_000): { circuit: Circuit; clock: { ms: number } } {
  const clock = { ms: startMs }
  return { circuit: createCircuit(() => clock.ms, PROBE_MS), clock }
}

function admits(circuit: Circuit): boolean {
  try {
    circuit.enter()
    return true
  } catch (error) {
    if (error instanceof CircuitOpen) return false
    throw error
  }
}

function failOften(circuit: Circuit, times = 5): void {
  for (let turn = 0; turn < times; turn++) {
    circuit.enter()
    circuit.fail()
  }
}

test('opens after five failures in a row, and not after four', () => {
  const { circuit } = circuitAt()
  failOften(circuit, 4)
  expect(admits(circuit)).toBe(true)
  circuit.fail()
  expect(admits(circuit)).toBe(false)
  expect(() => circuit.check()).toThrow(CircuitOpen)
})

test('a success in between starts the count anew', () => {
  const { circuit } = circuitAt()
  failOften(circuit, 4)
  circuit.succeed()
  failOften(circuit, 4)
  expect(admits(circuit)).toBe(true)
})

test('says how long it will be left alone', () => {
  const { circuit } = circuitAt()
  failOften(circuit)
  expect(circuit.remainingMs()).toBeGreaterThanOrEqual(1_000)
  expect(() => circuit.enter()).toThrow(CircuitOpen)
})

describe('jitter', () => {
  test.each([0, 0.5, 0.999_999])('between two probes pass at least 1 s and at most 5 s: random %d', (value) => {
    const random = vi.spyOn(Math, 'random').mockReturnValue(value)
    try {
      const { circuit, clock } = circuitAt()
      failOften(circuit)
      const pauses: number[] = []
      for (let probe = 0; probe < 20; probe++) {
        const pause = circuit.remainingMs()
        pauses.push(pause)
        clock.ms += Math.ceil(pause) - 1
        expect(admits(circuit), 'a moment before').toBe(false)
        clock.ms += 1
        expect(admits(circuit), 'when it is due').toBe(true)
        circuit.fail()
      }
      expect(Math.min(...pauses)).toBeGreaterThanOrEqual(1_000)
      expect(Math.max(...pauses)).toBeLessThanOrEqual(5_000)
      expect(pauses.at(-1)).toBeGreaterThan(pauses[0] ?? 0)
    } finally {
      random.mockRestore()
    }
  })

  test('differs from one instance to the next', () => {
    const pauses = Array.from({ length: 20 }, () => {
      const { circuit } = circuitAt()
      failOften(circuit)
      return circuit.remainingMs()
    })
    expect(new Set(pauses).size).toBeGreaterThan(1)
  })
})

function halfOpen(): ReturnType<typeof circuitAt> {
  const made = circuitAt()
  failOften(made.circuit)
  made.clock.ms += 5_000
  return made
}

describe('half open', () => {
  test('lets one probe through at a time', () => {
    const { circuit } = halfOpen()
    expect(admits(circuit)).toBe(true)
    expect(admits(circuit)).toBe(false)
  })

  test('a look at it is no probe', () => {
    const { circuit } = halfOpen()
    circuit.check()
    circuit.check()
    expect(admits(circuit)).toBe(true)
    expect(() => circuit.check()).toThrow(CircuitOpen)
  })

  test('closes when the probe succeeds', () => {
    const { circuit } = halfOpen()
    circuit.enter()
    circuit.succeed()
    expect(circuit.remainingMs()).toBe(0)
    expect([admits(circuit), admits(circuit)]).toEqual([true, true])
  })

  test('waits longer when the probe fails', () => {
    const { circuit } = halfOpen()
    circuit.enter()
    circuit.fail()
    expect(admits(circuit)).toBe(false)
    expect(circuit.remainingMs()).toBeGreaterThanOrEqual(2_000)
  })

  test('sends another probe when one was lost', () => {
    const { circuit, clock } = halfOpen()
    circuit.enter()
    clock.ms += PROBE_MS - 1
    expect(admits(circuit)).toBe(false)
    clock.ms += 1
    expect(admits(circuit)).toBe(true)
    expect(admits(circuit)).toBe(false)
  })

  test('a clock that is set back does not stretch the pause', () => {
    const { circuit, clock } = circuitAt()
    failOften(circuit)
    clock.ms -= 3_600_000
    expect(admits(circuit)).toBe(true)
    // Nor does it hold a probe for ever.
    expect(admits(circuit)).toBe(false)
    clock.ms -= PROBE_MS
    expect(admits(circuit)).toBe(true)
  })

  test('failures of requests that were under way when it opened do not prolong the pause', () => {
    const { circuit, clock } = circuitAt()
    for (let turn = 0; turn < 55; turn++) circuit.enter()
    for (let turn = 0; turn < 5; turn++) circuit.fail()
    const until = clock.ms + circuit.remainingMs()
    clock.ms += 500
    for (let turn = 0; turn < 50; turn++) circuit.fail()
    expect(clock.ms + circuit.remainingMs()).toBe(until)
  })
})
