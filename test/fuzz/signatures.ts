const P256_ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n

type Halves = readonly [r: Uint8Array, s: Uint8Array]

/** What happens to a signature's bytes. Of all these `high-s` alone leaves a valid one, and for ECDSA only. */
const faults = {
  empty: () => new Uint8Array(),
  zeros: (signature) => new Uint8Array(signature.length),
  ones: (signature) => new Uint8Array(signature.length).fill(0xff),
  short: (signature) => signature.slice(0, -1),
  long: (signature) => joined(signature, new Uint8Array(1)),
  half: (_, [r]) => r,
  twice: (signature) => joined(signature, signature),
  der: (signature, [r, s]) => joined(Uint8Array.of(0x30, signature.length + 6), der(r), der(s)),
  'high-s': (_, [r, s]) => joined(r, bytesOfNumber(P256_ORDER - numberOf(s), s.length)),
  's-order': (_, [r, s]) => joined(r, bytesOfNumber(P256_ORDER, s.length)),
  'halves-swapped': (_, [r, s]) => joined(s, r),
  'r-zero': (_, [r, s]) => joined(new Uint8Array(r.length), s),
  's-zero': (_, [r, s]) => joined(r, new Uint8Array(s.length)),
  bit: (signature) => signature.map((byte, index) => (index === signature.length - 1 ? byte ^ 1 : byte)),
} satisfies Record<string, (signature: Uint8Array, halves: Halves) => Uint8Array>

export type SignatureFault = keyof typeof faults
export const SIGNATURE_FAULTS = Object.keys(faults) as SignatureFault[]

export function damage(signature: Uint8Array, fault: SignatureFault): Uint8Array {
  const half = signature.length / 2
  return faults[fault](signature, [signature.slice(0, half), signature.slice(half)])
}

function der(integer: Uint8Array): Uint8Array {
  return joined(Uint8Array.of(2, integer.length + 1, 0), integer)
}

function numberOf(bytes: Uint8Array): bigint {
  return bytes.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n)
}

function bytesOfNumber(value: bigint, length: number): Uint8Array {
  const rest = BigInt.asUintN(8 * length, value)
  return Uint8Array.from({ length }, (_, index) => Number((rest >> BigInt(8 * (length - 1 - index))) & 0xffn))
}

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]))
}
