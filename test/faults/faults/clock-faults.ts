import { setTimeout as sleep } from 'node:timers/promises'
import type { Role } from '../product-process.ts'
import { drawOutageMs, type Fault, type Scene } from './fault.ts'

const minute = 60_000
const skews: Record<string, number> = {
  '5 min ahead': 5 * minute,
  '5 min behind': -5 * minute,
  '1 h ahead': 60 * minute,
  '1 h behind': -60 * minute,
}
const roles: Role[] = ['gateway', 'worker', 'ops']
const stopDeadlineMs = 45_000

/** One process whose wall clock is wrong. The stores' clocks are right: theirs decide. */
export const clockFaults: Fault[] = roles.flatMap((role) =>
  Object.entries(skews).map(([how, skewMs]): Fault => ({
    name: `${role} with its clock ${how}`,
    group: 'clock',
    strike: (scene) => runSkewed(scene, role, skewMs),
  })),
)

async function runSkewed(scene: Scene, role: Role, skewMs: number): Promise<void> {
  const victim = scene.random.pick(scene.cluster.ofRole(role))
  scene.tell(victim.name)
  await victim.stop('SIGTERM', stopDeadlineMs)
  await victim.start({ NOODLE_CLOCK_SKEW_MS: String(skewMs) })
  await sleep(1000 + drawOutageMs(scene) / 3)
  // Half of the time the skewed one dies, and leaves behind what it had noted.
  await victim.stop(scene.random.chance(0.5) ? 'SIGTERM' : 'SIGKILL', stopDeadlineMs)
  await victim.start()
}
