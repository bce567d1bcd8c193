import { expect, test } from 'vitest'
import { createOrderStore } from '../../samples/orders/store.ts'

test('a full store takes no further order until one is deleted', () => {
  const store = createOrderStore(2)
  const first = store.add({ item: 'a', quantity: 1 }, 'alice')
  store.add({ item: 'b', quantity: 1 }, undefined)
  expect(store.add({ item: 'c', quantity: 1 }, 'alice')).toBeUndefined()
  expect(store.list().map(({ item }) => item)).toEqual(['a', 'b'])
  store.delete(first!.id)
  expect(store.add({ item: 'c', quantity: 1 }, 'alice')).toMatchObject({ item: 'c' })
})
