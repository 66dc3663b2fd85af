import { setTimeout as sleep } from 'node:timers/promises'
import { usualMix } from '../job-kinds.ts'
import { failoverTimes, figures } from '../promises.ts'
import type { Role } from '../product-process.ts'
import { drawOutageMs, type Fault, type Scene } from './fault.ts'

const roles: Role[] = ['gateway', 'worker', 'ops']

/** Well above what any process allows itself. */
const stopDeadlineMs = 45_000

/** Processes killed, frozen and restarted in order. */
export const processFaults: Fault[] = [
  ...roles.flatMap((role): Fault[] => [
    { name: `${role} killed`, group: 'process', strike: (scene) => kill(scene, role) },
    {
      name: `${role} frozen`,
      group: 'process',
      strike: (scene) => freeze(scene, role),
      ...(role === 'worker' && { mix: { ...usualMix, 'outlasting effect': 3 } }),
    },
    { name: `${role} restarted in order`, group: 'process', strike: (scene) => restart(scene, role) },
  ]),
  { name: 'busy worker killed', group: 'process', strike: killBusy },
]

async function kill(scene: Scene, role: Role): Promise<void> {
  const { cluster, random, tell } = scene
  const victim = random.pick(cluster.ofRole(role))
  tell(victim.name)
  if (role === 'worker') measureFailover(scene)
  await victim.stop('SIGKILL', stopDeadlineMs)
  await sleep(random.between(0, 500))
  await victim.start()
}

/** A worker is killed now. */
function measureFailover({ afterwards, promises, profile }: Scene): void {
  const killedAt = Date.now()
  afterwards((jobs) =>
    promises.add(figures.failover(profile.leaseMs), ...failoverTimes(jobs.values(), killedAt)),
  )
}

/** With as much running as it can. */
async function killBusy(scene: Scene): Promise<void> {
  scene.workload.burst(30, 'long sleep')
  await sleep(800)
  await kill(scene, 'worker')
}

/** SIGSTOP stops the process with all its threads, as a debugger or a full host does; what it has started goes on. */
async function freeze(scene: Scene, role: Role): Promise<void> {
  const { cluster, random, tell } = scene
  const victim = random.pick(cluster.ofRole(role))
  const ms = role === 'worker' ? random.between(...scene.profile.workerFreezeMs) : drawOutageMs(scene)
  if (role === 'worker') await sleep(2200) // some of its jobs are long
  tell(`${victim.name} for ${ms} ms`)
  victim.signal('SIGSTOP')
  await sleep(ms)
  victim.signal('SIGCONT')
}

async function restart({ cluster, random, tell }: Scene, role: Role): Promise<void> {
  const victim = random.pick(cluster.ofRole(role))
  tell(victim.name)
  const { code } = await victim.stop('SIGTERM', stopDeadlineMs)
  await victim.start()
  if (code !== 0) throw new Error(`${victim.name} exited with ${String(code)} after SIGTERM.`)
}
