// The orders, in the memory of this process (in a Worker: of this isolate). They end with it.

export interface NewOrder {
  readonly item: string
  readonly quantity: number
}

export interface Order extends NewOrder {
  readonly id: string
  /** The subject that placed it; absent for tokens without one. With one trusted issuer, a subject is one person. */
  readonly owner?: string
}

export interface OrderStore {
  list(): readonly Order[]
  find(id: string): Order | undefined
  /** Returns the order as kept, or `undefined` when the store is full. */
  add(order: NewOrder, owner: string | undefined): Order | undefined
  delete(id: string): void
}

/** Returns an empty store that keeps at most `max` orders. */
export function createOrderStore(max = 1000): OrderStore {
  const orders = new Map<string, Order>()
  return {
    list: () => [...orders.values()],
    find: (id) => orders.get(id),
    add(order, owner) {
      if (orders.size >= max) return undefined
      const kept: Order = { id: crypto.randomUUID(), ...order, ...(owner !== undefined && { owner }) }
      orders.set(kept.id, kept)
      return kept
    },
    delete: (id) => void orders.delete(id),
  }
}
