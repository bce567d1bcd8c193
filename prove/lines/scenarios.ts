import type { Line } from '../line.ts'
import { inNodeWorld } from '../node-world.ts'
import { scenarios } from '../scenarios/all.ts'
import { runScenarioInWorkerd } from '../workerd.ts'

/** Every scenario, in Node over real sockets and in workerd. */
export const scenarioLines: readonly Line[] = scenarios.flatMap(({ name, goal, run }, index): Line[] => [
  { name, goal, runtime: 'node', run: (proof) => inNodeWorld(proof, run) },
  { name, goal, runtime: 'workerd', run: (proof) => runScenarioInWorkerd(index, proof) },
])
