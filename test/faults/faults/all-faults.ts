import { crashFaults } from './crash-faults.ts'
import type { Fault, FaultGroup, Scene } from './fault.ts'
import { networkFaults } from './network-faults.ts'
import { postgresFaults } from './postgres-faults.ts'
import { processFaults } from './process-faults.ts'
import { redisFaults } from './redis-faults.ts'

const single = [...processFaults, ...redisFaults, ...postgresFaults, ...networkFaults]

/** Nothing happens: what the others are compared with. */
const noFault: Fault = { name: 'no fault', group: 'none', strike: () => Promise.resolve() }

/** Two faults at once that don't get into each other's way: what breaks and mends one store or process is broken once. */
const pair: Fault = {
  name: 'two faults at once',
  group: 'pairs',
  async strike(scene: Scene) {
    const able = single.filter((fault) => fault.missing?.() === undefined)
    const first = scene.random.pick(able)
    const second = scene.random.pick(able.filter(({ group }) => group !== first.group))
    scene.tell(`${first.name} + ${second.name}`)
    await Promise.all([first.strike(scene), second.strike({ ...scene, random: scene.random.fork() })])
  },
}

export const allFaults: Fault[] = [noFault, ...single, ...crashFaults, pair]

export const faultGroups: FaultGroup[] = ['none', 'process', 'crash', 'redis', 'postgres', 'network', 'pairs']

/** How often each group is drawn when none is asked for: as reliability.md divides 1,400 cycles. */
export const groupWeights: Record<FaultGroup, number> = {
  none: 2,
  process: 24,
  crash: 20,
  redis: 20,
  postgres: 16,
  network: 18,
  pairs: 20,
}
