import { setTimeout as sleep } from 'node:timers/promises'
import type { Link } from '../cluster.ts'
import type { Role } from '../product-process.ts'
import type { LinkMode } from '../proxy.ts'
import { drawOutageMs, type Fault, type Scene } from './fault.ts'

const roles: Role[] = ['gateway', 'worker', 'ops']
const stores = ['postgres', 'redis'] as const

/** The ways in which a link breaks, besides being reset. */
export const networkModes: Record<string, LinkMode> = {
  cut: { kind: 'cut' },
  'swallows all': { kind: 'drop' },
  'holds all': { kind: 'hold', direction: 'both' },
  'holds requests': { kind: 'hold', direction: 'up' },
  'holds answers': { kind: 'hold', direction: 'down' },
  'slow by 300 ± 200 ms': { kind: 'delay', ms: 300, jitterMs: 200 },
}

/** Each of the six kinds of links broken in each way, for one process of the role or for all. */
export const networkFaults: Fault[] = roles.flatMap((role) =>
  stores.flatMap((to) => [
    ...Object.entries(networkModes).map(([how, mode]): Fault => ({
      name: `${role}–${to}: ${how}`,
      group: 'network',
      strike: (scene) => partition(scene, drawLinks(scene, role, to), mode),
    })),
    {
      name: `${role}–${to}: reset`,
      group: 'network',
      strike: (scene) => reset(scene, drawLinks(scene, role, to)),
    },
  ]),
)

function drawLinks({ cluster, random, tell }: Scene, role: Role, to: Link['to']): Link[] {
  const all = cluster.links.filter((link) => link.from.role === role && link.to === to)
  const chosen = random.chance(0.5) ? all : [random.pick(all)]
  tell(chosen.map((link) => link.from.name).join(' and '))
  return chosen
}

async function partition(scene: Scene, links: Link[], mode: LinkMode): Promise<void> {
  const ms = drawOutageMs(scene)
  scene.tell(`${ms} ms`)
  for (const { proxy } of links) proxy.set(mode)
  await sleep(ms)
  for (const { proxy } of links) proxy.set({ kind: 'pass' })
}

async function reset({ random }: Scene, links: Link[]): Promise<void> {
  for (let times = random.between(1, 8); times > 0; times--) {
    for (const { proxy } of links) proxy.reset()
    await sleep(random.between(20, 300))
  }
}
