import { expect, onTestFinished, test, vi } from 'vitest'
import { waitTurn } from '../../../src/runtime/turns.ts'
import { manualTurns } from '../../fixture/turns.ts'

test('of many who wait one goes on in each turn, in order', async () => {
  const { turn } = manualTurns()
  const order: number[] = []
  for (let index = 0; index < 4; index++) void waitTurn().then(() => order.push(index))
  expect(order).toEqual([])
  for (const expected of [[0], [0, 1], [0, 1, 2], [0, 1, 2, 3]]) {
    await turn()
    expect(order).toEqual(expected)
  }
  expect(await turn()).toBe(0)
})

test('who has work in many slices does one in each turn, whoever else has work', async () => {
  const { turn } = manualTurns()
  const done: string[] = []
  const work = async (name: string) => {
    for (let slice = 0; slice < 3; slice++) {
      await waitTurn()
      done.push(name)
    }
  }
  void work('a')
  void work('b')
  const slices: number[] = []
  for (;;) {
    const before = done.length
    if ((await turn()) === 0) break
    slices.push(done.length - before)
  }
  expect(slices).toEqual([1, 1, 1, 1, 1, 1])
  expect(done.toSorted()).toEqual(['a', 'a', 'a', 'b', 'b', 'b'])
})

test('one who vanishes while waiting holds up nobody', async () => {
  const { turn } = manualTurns()
  const lost = vi.fn<() => void>()
  const keep = globalThis.setImmediate
  // As in Workers, where the request ends and takes its timers along.
  vi.stubGlobal('setImmediate', () => {})
  void waitTurn().then(lost)
  vi.stubGlobal('setImmediate', keep)
  const gone = vi.fn<() => void>()
  void waitTurn().then(gone)
  await turn()
  expect(gone).toHaveBeenCalledOnce()
  expect(lost).not.toHaveBeenCalled()
})

test('goes on where there are timers alone', async () => {
  vi.stubGlobal('setImmediate', undefined)
  onTestFinished(() => void vi.unstubAllGlobals())
  const timers = vi.spyOn(globalThis, 'setTimeout')
  onTestFinished(() => timers.mockRestore())
  await waitTurn()
  expect(timers).toHaveBeenCalledOnce()
})
