import { crashPoints, type CrashPoint } from '../preload/crash-points.ts'
import type { Fault, Scene } from './fault.ts'

const stopDeadlineMs = 45_000

/** How long the process may take to come to its point. */
const reachDeadlineMs = 10_000

/** A process that dies at a named point of its work; its supervisor starts it again, without the point. */
export const crashFaults: Fault[] = crashPoints.map((point) => ({
  name: `crash at ${point.name}`,
  group: 'crash',
  strike: (scene) => crash(scene, point),
}))

async function crash(scene: Scene, point: CrashPoint): Promise<void> {
  const { cluster, random, tell } = scene
  const victim = random.pick(cluster.ofRole(point.role))
  const passes = point.needs ? 0 : random.between(0, 20)
  tell(`${victim.name} at pass ${passes + 1}`)
  await victim.stop('SIGTERM', stopDeadlineMs)
  await victim.start({ NOODLE_CRASH_AT: `${point.name}@${passes}` })
  await provoke(scene, point)
  if (await victim.endsWithin(reachDeadlineMs)) return
  tell('not reached')
  await victim.stop('SIGTERM', stopDeadlineMs)
  await victim.start()
}

async function provoke({ cluster, random }: Scene, { needs, role }: CrashPoint): Promise<void> {
  switch (needs) {
    case 'SIGTERM':
      for (const process of cluster.ofRole(role)) process.signal('SIGTERM')
      return
    case 'lost deliveries':
      await cluster.stores.redisAdmin.flushall()
      return
    case 'a dead worker': {
      const worker = random.pick(cluster.ofRole('worker'))
      await worker.stop('SIGKILL', stopDeadlineMs)
      await worker.start()
      return
    }
    case undefined:
      return
  }
}
