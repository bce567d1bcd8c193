import { expect, test } from 'vitest'
import type { AskedIssuer } from '../../../../src/parts/introspection/asked-issuer.ts'
import { createIssuerStates } from '../../../../src/parts/introspection/issuer-states.ts'
import type { GuardedEndpoint } from '../../../../src/upstream/guarded-endpoint.ts'

const MAX_ISSUERS = 10_000

const NONE = {} as GuardedEndpoint
const asked = (name: string): AskedIssuer => ({ fingerprint: name }) as AskedIssuer

/** Questions that only count what they are told. */
class FakeQuestions {
  isBusy: boolean
  readonly calls: string[] = []
  constructor(isBusy: boolean) {
    this.isBusy = isBusy
  }
  busy = (): boolean => this.isBusy
  forget = (token: string): void => void this.calls.push(`forget ${token}`)
  forgetAll = (): void => void this.calls.push('forget all')
  stop = (): void => void this.calls.push('stop')
  join = (): Promise<never> => Promise.reject(new Error('nobody asks'))
}

/** States whose questions run where the name of their issuer says so. */
function statesOfFakes() {
  const made = new Map<string, FakeQuestions>()
  const states = createIssuerStates((description) => {
    const name = description.fingerprint
    const confirm = new FakeQuestions(name === 'busy')
    made.set(name, confirm)
    return { asked: description, endpoint: NONE, questions: { introspect: new FakeQuestions(false), confirm } }
  })
  function describeMany(count: number): void {
    for (let index = 0; index < count; index++) states.of(asked(`other-${index}`))
  }
  return { states, describeMany, callsOf: (name: string) => made.get(name)?.calls, made }
}

test('an issuer that is described again keeps its state, under its newest description', () => {
  const { states } = statesOfFakes()
  const state = states.of(asked('one'))
  const again = asked('one')
  expect(states.of(again)).toBe(state)
  expect(state.asked).toBe(again)
  expect(states.of(asked('two'))).not.toBe(state)
})

test('the issuer that was asked longest ago is thrown out, not the one that was described first', () => {
  const { states, describeMany } = statesOfFakes()
  const [first, second] = [states.of(asked('first')), states.of(asked('second'))]
  describeMany(MAX_ISSUERS - 2)
  expect(states.of(asked('first')), 'used').toBe(first)
  states.of(asked('one more'))
  expect(states.of(asked('first'))).toBe(first)
  expect(states.of(asked('second'))).not.toBe(second)
})

test('what runs for an issuer that was thrown out is stopped with the others', () => {
  const { states, callsOf, describeMany } = statesOfFakes()
  for (const name of ['busy', 'idle']) states.of(asked(name))
  describeMany(MAX_ISSUERS)
  states.stop()
  expect([callsOf('busy'), callsOf('other-0')]).toEqual([['stop'], ['stop']])
  expect(callsOf('idle'), 'nothing runs for it, and it is not kept').toEqual([])
})

test('an issuer that was thrown out is kept no longer than its questions run', () => {
  const { states, made, callsOf, describeMany } = statesOfFakes()
  states.of(asked('busy'))
  describeMany(MAX_ISSUERS)
  Object.assign(made.get('busy') ?? {}, { isBusy: false })
  states.of(asked('one more'))
  states.stop()
  expect(callsOf('busy')).toEqual([])
})

test('forgets in every state', () => {
  const { states, callsOf } = statesOfFakes()
  for (const name of ['one', 'two']) states.of(asked(name))
  states.forget('token')
  states.forgetAll()
  for (const name of ['one', 'two']) expect(callsOf(name)).toEqual(['forget token', 'forget all'])
})
