import { clockFaults } from './clock-faults.ts'
import { crashFaults } from './crash-faults.ts'
import type { Fault, FaultGroup, Scene } from './fault.ts'
import { loadFaults } from './load-faults.ts'
import { networkFaults } from './network-faults.ts'
import { postgresFaults } from './postgres-faults.ts'
import { processFaults } from './process-faults.ts'
import { promiseFaults } from './promise-faults.ts'
import { promotionFaults } from './promotion-faults.ts'
import { redisFaults } from './redis-faults.ts'
import { remoteFaults } from './remote-faults.ts'
import { rollingFaults } from './rolling-faults.ts'

const single = [
  ...processFaults,
  ...redisFaults,
  ...postgresFaults,
  ...promotionFaults,
  ...networkFaults,
  ...remoteFaults,
  ...clockFaults,
  ...loadFaults,
  ...rollingFaults,
]

/** Nothing happens: what the others are compared with. */
const noFault: Fault = { name: 'no fault', group: 'none', strike: () => Promise.resolve() }

/** They end and start processes: two of them at once would take each other's for their own. */
const endsProcesses: readonly FaultGroup[] = ['process', 'clock', 'load', 'rolling']

const canMeet = (one: Fault, other: Fault): boolean =>
  one.group !== other.group && !(endsProcesses.includes(one.group) && endsProcesses.includes(other.group))

/** Two faults at once that don't get into each other's way: what breaks and mends one store or process is broken once. */
const pair: Fault = {
  name: 'two faults at once',
  group: 'pairs',
  async strike(scene: Scene) {
    const able = single.filter((fault) => !fault.isAlone && fault.missing?.() === undefined)
    const first = scene.random.pick(able)
    const second = scene.random.pick(able.filter((fault) => canMeet(first, fault)))
    scene.tell(`${first.name} + ${second.name}`)
    await Promise.all([first.strike(scene), second.strike({ ...scene, random: scene.random.fork() })])
  },
}

export const allFaults: Fault[] = [noFault, ...single, ...crashFaults, pair, ...promiseFaults]

/** How often each group is drawn when none is asked for: as reliability.md divides 1,400 cycles. */
export const groupWeights: Record<FaultGroup, number> = {
  none: 2,
  process: 24,
  crash: 20,
  redis: 20,
  postgres: 16,
  network: 18,
  clock: 5,
  load: 7,
  rolling: 10,
  pairs: 20,
  promises: 0, // long and heavy: only when they are asked for
}

export const faultGroups = Object.keys(groupWeights) as FaultGroup[]
