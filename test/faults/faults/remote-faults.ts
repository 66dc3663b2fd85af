import { setTimeout as sleep } from 'node:timers/promises'
import { type Link, remoteWorker } from '../cluster.ts'
import { type JobMix, usualMix } from '../job-kinds.ts'
import type { ProductProcess } from '../product-process.ts'
import { drawOutageMs, type Fault, type Scene } from './fault.ts'
import { networkModes } from './network-faults.ts'

const stopDeadlineMs = 45_000

/** Some that run over an outage. */
const mix: JobMix = { ...usualMix, 'long sleep': 6 }

/** The worker that reaches no store, its gateway, and the way between them. */
export const remoteFaults: Fault[] = [
  {
    name: 'gateway of a remote worker killed',
    group: 'process',
    mix,
    strike: (scene) => endGateway(scene, 'SIGKILL'),
  },
  {
    name: 'gateway of a remote worker restarted in order',
    group: 'process',
    mix,
    strike: (scene) => endGateway(scene, 'SIGTERM'),
  },
  { name: 'gateway of a remote worker frozen', group: 'process', mix, strike: freezeGateway },
  { name: 'remote worker killed', group: 'process', mix, strike: killNode },
  {
    name: 'remote worker frozen',
    group: 'process',
    mix: { ...mix, 'outlasting effect': 3 },
    strike: freezeNode,
  },
  ...Object.entries(networkModes).map(([how, mode]): Fault => ({
    name: `remote worker–gateway: ${how}`,
    group: 'network',
    mix,
    async strike(scene) {
      const links = drawLinks(scene)
      const ms = drawOutageMs(scene)
      scene.tell(`${ms} ms`)
      for (const { proxy } of links) proxy.set(mode)
      await sleep(ms)
      for (const { proxy } of links) proxy.set({ kind: 'pass' })
    },
  })),
  {
    name: 'remote worker–gateway: reset',
    group: 'network',
    mix,
    async strike(scene) {
      const links = drawLinks(scene)
      for (let times = scene.random.between(1, 8); times > 0; times--) {
        for (const { proxy } of links) proxy.reset()
        await sleep(scene.random.between(20, 300))
      }
    },
  },
]

const linksOf = ({ cluster }: Scene): Link[] => cluster.links.filter(({ to }) => to === 'gateway')

/** The one that is used, or all of them. */
function drawLinks(scene: Scene): Link[] {
  const all = linksOf(scene)
  const isAll = scene.random.chance(0.3)
  scene.tell(isAll ? 'to all gateways' : 'to its gateway')
  return isAll ? all : [usedLink(scene)]
}

function usedLink(scene: Scene): Link {
  const [used] = linksOf(scene).sort((a, b) => b.proxy.connections() - a.proxy.connections())
  if (!used) throw new Error('There is no remote worker.')
  return used
}

function gatewayOf(scene: Scene): ProductProcess {
  const { gateway } = usedLink(scene)
  if (!gateway) throw new Error('Its link leads to no gateway.')
  scene.tell(gateway.name)
  return gateway
}

function nodeOf({ cluster }: Scene): ProductProcess {
  const node = cluster.processes.find(({ name }) => name === remoteWorker)
  if (!node) throw new Error('There is no remote worker.')
  return node
}

async function endGateway(scene: Scene, signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
  await sleep(scene.random.between(500, 1500)) // something runs by then
  const victim = gatewayOf(scene)
  await victim.stop(signal, stopDeadlineMs)
  await sleep(scene.random.between(0, 3000))
  await victim.start()
}

async function freezeGateway(scene: Scene): Promise<void> {
  await sleep(scene.random.between(500, 1500))
  const victim = gatewayOf(scene)
  const ms = drawOutageMs(scene)
  scene.tell(`${ms} ms`)
  victim.signal('SIGSTOP')
  await sleep(ms)
  victim.signal('SIGCONT')
}

async function killNode(scene: Scene): Promise<void> {
  await sleep(scene.random.between(500, 1500))
  const victim = nodeOf(scene)
  await victim.stop('SIGKILL', stopDeadlineMs)
  await sleep(scene.random.between(0, 500))
  await victim.start()
}

async function freezeNode(scene: Scene): Promise<void> {
  await sleep(2200)
  const ms = scene.random.between(...scene.profile.workerFreezeMs)
  scene.tell(`${ms} ms`)
  const victim = nodeOf(scene)
  victim.signal('SIGSTOP')
  await sleep(ms)
  victim.signal('SIGCONT')
}
