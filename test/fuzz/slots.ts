/** How many issuers share a server. To make a server costs more than a case does. */
export const SLOTS = 50

/**
 * Hands out issuers that nobody has asked yet, one for each case: what an issuer published is kept. A batch of them belongs
 * to one server, and a new one is made when all are used up.
 */
export function createSlots<Slot>(makeBatch: () => readonly Slot[]): () => Slot {
  let batch: readonly Slot[] = []
  let used = 0
  return () => {
    if (used === batch.length) {
      batch = makeBatch()
      used = 0
    }
    return batch[used++] as Slot
  }
}

/** The address with a host of its own for each slot. */
export function slotAddress(address: string, slot: number): string {
  return address.replace('https://', `https://s${slot}.`)
}
