import type { Line } from '../line.ts'
import { inNodeWorld } from '../node-world.ts'
import { nodeScenarios, scenarios } from '../scenarios/all.ts'
import type { Scenario } from '../scene.ts'
import { runScenarioInWorkerd } from '../workerd.ts'

/** Every scenario, in Node over real sockets and in workerd. */
export const scenarioLines: readonly Line[] = [
  ...nodeScenarios.map(inNode),
  ...scenarios.flatMap((scenario, index): Line[] => {
    const { name, goal } = scenario
    return [inNode(scenario), { name, goal, runtime: 'workerd', run: (proof) => runScenarioInWorkerd(index, proof) }]
  }),
]

function inNode({ name, goal, run }: Scenario): Line {
  return { name, goal, runtime: 'node', run: (proof) => inNodeWorld(proof, run) }
}
