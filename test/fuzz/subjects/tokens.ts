import { createResourceServer } from '../../../src/entry-points/index.ts'
import { BASES, type Edit, makeToken, SPELLINGS, type TokenRecipe } from '../compact.ts'
import { asTrusted, ISSUERS } from '../issuers.ts'
import { mutateObject, mutateText } from '../json-text.ts'
import { judgeToken } from '../oracle/token.ts'
import { ORACLE } from '../oracle-settings.ts'
import type { Random } from '../random.ts'
import { shorter, withoutMembers } from '../shrink.ts'
import { SIGNATURE_FAULTS } from '../signatures.ts'
import { COMMON_OPTIONS, type Subject, type Tamper } from '../subject.ts'
import { CLAIMS, HEADER } from '../vocabulary.ts'

// RSA signs ten times slower than the others: it gets its share of the cases, and no more.
const BASE_NAMES = ['a-es', 'a-es', 'a-ed', 'a-ed', 'a-ed', 'b-es', 'b-es', 'c-ed', 'c-ed', 'c-ed', 'd-es-1', 'd-es-2']
const RSA_NAMES = ['a-rs', 'b-rs']
const OTHER_SIGNERS = ['stranger', 'hmac', 'a-es', 'a-ed', 'b-es', 'c-ed', 'd-es-2', 'b-rs:PS256', 'b-rs:RS384']
const INSERTED = [
  '.',
  '..',
  '...',
  '=',
  '==',
  '-',
  '_',
  '+',
  '/',
  'A',
  'z',
  '0',
  ' ',
  '\n',
  '	',
  '\r\n',
  '"',
  '{',
  '%2e',
  '\0',
  'é',
  '﻿',
  '．',
  '😀',
  'ey',
  'e30',
  'A'.repeat(2e4),
  '.'.repeat(5e3),
]

/** Mutated JWTs, half of them signed again with a key that is trusted, so that they reach the checks of their claims. */
export function createTokensSubject(tamper: Tamper): Subject<TokenRecipe> {
  const calls: string[] = []
  const api = tamper(
    createResourceServer({
      ...COMMON_OPTIONS,
      issuers: ISSUERS.map(asTrusted),
      fetch: async (url) => {
        calls.push(url)
        throw new Error('nothing is fetched')
      },
    }),
  )
  return {
    name: 'tokens',
    share: 57,
    generate: generateToken,
    async prepare(recipe) {
      const token = await makeToken(recipe)
      return {
        attempt: () => api.verify(token),
        judge: () => judgeToken(token, ORACLE),
        broken: () => (calls.length > 0 ? `it fetched ${calls.splice(0).join(', ')}` : undefined),
      }
    },
    simpler: simplerTokens,
  }
}

function generateToken(random: Random): TokenRecipe {
  const name = random.oneIn(25) ? random.pick(RSA_NAMES) : random.pick(BASE_NAMES)
  const base = BASES.get(name)
  if (!base) throw new Error(`no base ${name}`)
  const { header, payload, signer } = base
  if (random.oneIn(2)) {
    return { header, payload, signer, ...(!random.oneIn(20) && { edits: edits(base, 1 + random.below(2), random) }) }
  }
  const changesHeader = random.oneIn(3)
  const changesPayload = !changesHeader || random.oneIn(2)
  return {
    header: changesHeader ? mutateObject(JSON.parse(header) as Record<string, unknown>, HEADER, random) : header,
    payload: changesPayload ? mutateObject(JSON.parse(payload) as Record<string, unknown>, CLAIMS, random) : payload,
    signer: random.oneIn(12) ? random.pick(OTHER_SIGNERS) : signer,
    ...(random.oneIn(15) && { fault: random.pick(SIGNATURE_FAULTS) }),
    ...(random.oneIn(25) && { edits: edits(base, 1, random) }),
  }
}

function edits({ header, payload }: TokenRecipe, count: number, random: Random): Edit[] {
  return Array.from({ length: count }, () => {
    const part = random.below(3)
    const kind = random.below(8)
    if (kind === 0) return { part, spelling: random.pick(SPELLINGS) }
    if (kind === 1) return { part, of: random.pick([...BASE_NAMES, 'nobody']) }
    if (kind === 2) return { part, content: part === 2 ? random.pick(['', '\x00', 'signature']) : content(part) }
    if (kind === 3) return { at: random.below(400), remove: random.below(400), insert: '' }
    const [first, second] = [Math.ceil((header.length * 4) / 3), Math.ceil((payload.length * 4) / 3)]
    const at = random.pick([0, first, first + 1, first + 1 + second, first + second + 2, 10_000, random.below(500)])
    return { at, remove: random.below(3), insert: random.oneIn(3) ? '' : random.pick(INSERTED) }
  })

  function content(part: number): string {
    const [text, words] = part === 0 ? [header, HEADER] : [payload, CLAIMS]
    if (random.oneIn(4)) return mutateText(text, random)
    return mutateObject(JSON.parse(text) as Record<string, unknown>, words, random)
  }
}

function* simplerTokens(recipe: TokenRecipe): Iterable<TokenRecipe> {
  const { fault, edits: all = [], ...rest } = recipe
  const kept = { ...rest, ...(fault && { fault }) }
  if (all.length > 0) yield kept
  if (all.length > 1) for (const left of all) yield { ...kept, edits: all.filter((edit) => edit !== left) }
  const whole = { ...rest, ...(all.length > 0 && { edits: all }) }
  if (fault) yield whole
  for (const { header, payload, signer } of BASES.values()) {
    // Only ever towards one of them: else the shrinking would go round.
    if (signer !== recipe.signer) continue
    if (header !== recipe.header) yield { ...recipe, header }
    if (payload !== recipe.payload) yield { ...recipe, payload }
  }
  for (const header of withoutMembers(recipe.header)) yield { ...recipe, header }
  for (const payload of withoutMembers(recipe.payload)) yield { ...recipe, payload }
  if (recipe.header.length > 100) for (const header of shorter(recipe.header)) yield { ...recipe, header }
  if (recipe.payload.length > 100) for (const payload of shorter(recipe.payload)) yield { ...recipe, payload }
  for (const [index, edit] of all.entries()) {
    if (!('at' in edit) || edit.insert.length < 3) continue
    yield { ...recipe, edits: all.with(index, { ...edit, insert: edit.insert.slice(0, edit.insert.length >> 1) }) }
  }
}
