import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { exportsOf } from './exports.ts'
import { ROOT, sourceGraph, type SourceGraph } from './sources.ts'

/** The layers that one layer may import: with `values` their code, with `types` nothing that outlives the compiler. */
interface Allowed {
  readonly values?: readonly string[]
  readonly types?: readonly string[]
}

/**
 * Layer → the layers that it may import. A layer is a file at the root of `src`, a folder, one stage or one part. The lowest
 * layer stands first, and a row names earlier rows alone: the layers form no circle, not even one of types.
 */
const LAYERS: Readonly<Record<string, Allowed>> = {
  'errors.ts': {},
  'faults.ts': { values: ['errors.ts'] },
  runtime: { values: ['errors.ts'] },
  parse: { values: ['errors.ts', 'faults.ts', 'runtime'] },
  // The types that pass from stage to stage.
  'pipeline.ts': { types: ['errors.ts', 'parse'] },
  token: { values: ['errors.ts', 'faults.ts', 'runtime', 'parse'], types: ['pipeline.ts'] },
  // The contracts between the core and the parts.
  'parts.ts': { types: ['parse', 'pipeline.ts', 'token'] },
  jws: { values: ['errors.ts', 'runtime', 'parse'], types: ['pipeline.ts'] },
  options: { values: ['errors.ts', 'runtime', 'parse', 'jws'], types: ['pipeline.ts', 'parts.ts', 'token'] },
  upstream: {
    values: ['errors.ts', 'faults.ts', 'runtime', 'parse', 'token', 'options'],
    types: ['pipeline.ts', 'parts.ts'],
  },
  stores: { values: ['runtime', 'parse', 'options'] },
  testing: { types: ['stores'] },
  // The stages, in the order of a request. No stage imports another, and each knows the parts by their contracts alone.
  'stages/extract': { values: ['errors.ts', 'faults.ts', 'runtime', 'parse'], types: ['pipeline.ts'] },
  'stages/classify': { values: ['errors.ts', 'parse', 'jws'], types: ['pipeline.ts'] },
  'stages/issuer': {
    values: ['errors.ts', 'faults.ts', 'runtime', 'parse', 'jws', 'options', 'upstream'],
    types: ['pipeline.ts', 'parts.ts'],
  },
  'stages/verify': { values: ['errors.ts', 'token', 'jws'], types: ['pipeline.ts', 'options'] },
  'stages/constrain': { values: ['errors.ts'], types: ['pipeline.ts', 'parts.ts'] },
  'stages/authorize': { values: ['errors.ts', 'runtime', 'parse', 'options'], types: ['pipeline.ts'] },
  'stages/respond': { values: ['errors.ts', 'faults.ts', 'parse'] },
  // The parts. No part imports a stage or another part.
  'parts/introspection': {
    values: ['errors.ts', 'faults.ts', 'runtime', 'parse', 'token', 'jws', 'options', 'upstream'],
    types: ['pipeline.ts', 'parts.ts'],
  },
  'parts/shared-tiers': {
    values: ['faults.ts', 'runtime', 'parse', 'token', 'options', 'upstream'],
    types: ['pipeline.ts', 'parts.ts', 'stores'],
  },
  'parts/tenants': {
    values: ['errors.ts', 'faults.ts', 'parse', 'options', 'upstream'],
    types: ['pipeline.ts', 'parts.ts'],
  },
  // It composes the stages, and nothing else does.
  'resource-server.ts': {
    values: [
      'errors.ts',
      'faults.ts',
      'runtime',
      'token',
      'jws',
      'options',
      'stages/extract',
      'stages/classify',
      'stages/issuer',
      'stages/verify',
      'stages/constrain',
      'stages/authorize',
      'stages/respond',
    ],
    types: ['pipeline.ts', 'parts.ts'],
  },
  frameworks: {
    values: ['errors.ts', 'parse', 'options'],
    types: ['pipeline.ts', 'stages/authorize', 'stages/respond', 'resource-server.ts'],
  },
  // Re-exports alone.
  'entry-points': {
    values: [
      'errors.ts',
      'upstream',
      'stores',
      'testing',
      'stages/authorize',
      'parts/introspection',
      'parts/shared-tiers',
      'parts/tenants',
      'resource-server.ts',
      'frameworks',
    ],
    types: ['parse', 'pipeline.ts', 'token', 'parts.ts', 'options', 'stages/respond'],
  },
}

interface Edge {
  readonly from: string
  readonly to: string
  readonly typeOnly: boolean
}

/** The layer of a file: one stage or part, else the first folder, else the file itself. */
function layerOf(path: string): string {
  const [first = '', second = ''] = path.split('/')
  return first === 'stages' || first === 'parts' ? `${first}/${second.replace(/\.ts$/, '')}` : first
}

/** The imports that lead from one layer to another. */
function crossings(graph: SourceGraph): readonly Edge[] {
  return [...graph]
    .flatMap(([from, targets]) => targets.map(({ path, typeOnly }) => ({ from, to: path, typeOnly })))
    .filter(({ from, to }) => layerOf(from) !== layerOf(to))
}

function arrow({ from, to }: Edge): string {
  return `${layerOf(from)} → ${layerOf(to)}`
}

function isAllowed({ from, to, typeOnly }: Edge): boolean {
  const { values = [], types = [] } = LAYERS[layerOf(from)] ?? {}
  return values.includes(layerOf(to)) || (typeOnly && types.includes(layerOf(to)))
}

/** Lists the imports that the table does not allow, each with its files. */
function violations(graph: SourceGraph): readonly string[] {
  return crossings(graph)
    .filter((edge) => !isAllowed(edge))
    .map((edge) => `${arrow(edge)}: ${edge.from} imports ${edge.typeOnly ? 'types' : 'values'} of ${edge.to}`)
}

/** Lists the imports that the table allows and no file makes. */
function unusedAllowances(graph: SourceGraph): readonly string[] {
  const edges = crossings(graph)
  const used = new Set(edges.map(arrow))
  const usedByValue = new Set(edges.filter(({ typeOnly }) => !typeOnly).map(arrow))
  return Object.entries(LAYERS).flatMap(([from, { values = [], types = [] }]) => [
    ...values.filter((to) => !usedByValue.has(`${from} → ${to}`)).map((to) => `${from} → ${to}: no value is imported`),
    ...types.filter((to) => !used.has(`${from} → ${to}`)).map((to) => `${from} → ${to}: no type is imported`),
  ])
}

/** A source with one import, from a file of one layer to a file of the other. */
function sourceWith(from: string, to: string, typeOnly: boolean): SourceGraph {
  const [file, target] = [from, to].map((layer) => [...sourceGraph().keys()].find((path) => layerOf(path) === layer))
  if (file === undefined || target === undefined) throw new Error(`${from} or ${to} has no file`)
  return new Map([[file, [{ path: target, typeOnly }]]])
}

describe('the layers of src', () => {
  const graph = sourceGraph()

  test('are in the table, and the table has no others', () => {
    expect([...new Set([...graph.keys()].map(layerOf))].toSorted()).toEqual(Object.keys(LAYERS).toSorted())
    expect(crossings(graph).length).toBeGreaterThan(150)
  })

  test('import what the table allows, and nothing else', () => {
    expect(violations(graph)).toEqual([])
  })

  test('make use of everything that the table allows', () => {
    expect(unusedAllowances(graph)).toEqual([])
  })

  test('stand in the order of the table: each may import earlier ones alone', () => {
    const order = Object.keys(LAYERS)
    const upwards = Object.entries(LAYERS).flatMap(([from, { values = [], types = [] }]) =>
      [...values, ...types].filter((to) => !order.slice(0, order.indexOf(from)).includes(to)).map((to) => [from, to]),
    )
    expect(upwards).toEqual([])
  })

  test('hold no code in pipeline.ts and parts.ts', () => {
    for (const file of ['pipeline.ts', 'parts.ts']) {
      const given = [...exportsOf(join(ROOT, 'src', file))]
      expect(given.length).toBeGreaterThan(10)
      expect(given.filter(([, { isValue }]) => isValue)).toEqual([])
    }
  })
})

describe('the table of layers', () => {
  test.each([
    ['stages/verify', 'stages/issuer'],
    ['stages/verify', 'parts/shared-tiers'],
    ['stages/verify', 'stores'],
    ['stages/verify', 'upstream'],
    ['stages/issuer', 'parts/introspection'],
    ['parse', 'options'],
    ['pipeline.ts', 'options'],
    ['parts.ts', 'parts/introspection'],
    ['parts/introspection', 'parts/shared-tiers'],
    ['parts/introspection', 'stages/verify'],
    ['token', 'stages/verify'],
    ['resource-server.ts', 'parts/introspection'],
    ['resource-server.ts', 'parts/shared-tiers'],
    ['resource-server.ts', 'parts/tenants'],
    ['frameworks', 'parts/introspection'],
    ['errors.ts', 'faults.ts'],
  ])('forbids %s to import %s, even a type', (from, to) => {
    for (const typeOnly of [true, false]) {
      expect(violations(sourceWith(from, to, typeOnly))).toEqual([expect.stringContaining(`${from} → ${to}: `)])
    }
  })

  test.each([
    ['frameworks', 'stages/authorize'],
    ['stages/issuer', 'parts.ts'],
    ['stages/verify', 'options'],
    ['testing', 'stores'],
  ])('forbids %s to import a value of %s, of which it knows types', (from, to) => {
    expect(violations(sourceWith(from, to, true))).toEqual([])
    expect(violations(sourceWith(from, to, false))).toEqual([expect.stringContaining(`${from} → ${to}: `)])
  })

  test('lets no stage know another stage or a part, and no part a stage or another part', () => {
    const crossing = Object.entries(LAYERS).flatMap(([from, { values = [], types = [] }]) =>
      [...values, ...types].filter((to) => /^(stages|parts)\//.test(from) && /^(stages|parts)\//.test(to)),
    )
    expect(crossing).toEqual([])
  })
})
