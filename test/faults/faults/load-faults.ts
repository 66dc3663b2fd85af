import { setTimeout as sleep } from 'node:timers/promises'
import { firstAcceptance, figures } from '../promises.ts'
import type { Fault, Scene } from './fault.ts'

const stopDeadlineMs = 45_000

/** About ten times what arrives in a second otherwise. */
const herd = 400

/** What clients and jobs do to the platform. */
export const loadFaults: Fault[] = [
  {
    name: 'herd after Postgres was away',
    group: 'load',
    strike: (scene) => herdAfter(scene, 'postgres'),
    isAlone: true,
  },
  {
    name: 'herd after Redis was away',
    group: 'load',
    strike: (scene) => herdAfter(scene, 'redis'),
    isAlone: true,
  },
  { name: 'herd after the gateways were away', group: 'load', strike: herdAfterGateways },
  { name: 'storm of duplicates', group: 'load', strike: stormOfDuplicates },
  { name: 'storm of duplicates at a killed gateway', group: 'load', strike: stormAtKilledGateway },
  { name: 'huge jobs', group: 'load', strike: sendHuge },
  { name: 'poison job', group: 'load', strike: sendPoison },
]

/** The clients have waited, and all come at once when it is back. */
async function herdAfter(
  { cluster, random, workload, journal, promises, afterwards }: Scene,
  name: 'postgres' | 'redis',
): Promise<void> {
  const store = cluster.stores[name]
  await store.end('SIGKILL')
  await sleep(random.between(500, 2000))
  workload.burst(herd / 2) // refused or kept waiting, and sent again and again
  await store.start()
  const backAt = Date.now()
  workload.burst(herd / 2)
  await sleep(1000)
  if (name === 'postgres')
    afterwards(() => promises.add(figures.accepting, ...firstAcceptance(journal, backAt)))
}

async function herdAfterGateways({ cluster, workload }: Scene): Promise<void> {
  const gateways = cluster.ofRole('gateway')
  await Promise.all(gateways.map((gateway) => gateway.stop('SIGKILL', stopDeadlineMs)))
  workload.burst(herd)
  await Promise.all(gateways.map((gateway) => gateway.start()))
  await sleep(1000)
}

async function stormOfDuplicates({ random, workload, tell }: Scene): Promise<void> {
  const copies = random.between(50, 150)
  tell(`5 keys, ${copies} times each`)
  for (let key = 0; key < 5; key++) {
    workload.repeat(copies)
    await sleep(random.between(0, 200))
  }
}

async function stormAtKilledGateway(scene: Scene): Promise<void> {
  const victim = scene.random.pick(scene.cluster.ofRole('gateway'))
  const storm = stormOfDuplicates(scene)
  await sleep(scene.random.between(5, 300))
  await victim.stop('SIGKILL', stopDeadlineMs)
  await victim.start()
  await storm
}

async function sendHuge({ random, workload, tell }: Scene): Promise<void> {
  const count = random.between(10, 30)
  tell(`${count} jobs of 200 kB`)
  workload.burst(count, 'huge')
  await sleep(1500)
}

/** Each kills every worker that runs it, with all that runs beside it, until the platform gives it up. */
async function sendPoison({ random, workload, tell, profile, cluster }: Scene): Promise<void> {
  const count = random.between(1, 2)
  tell(`${count}`)
  workload.burst(10, 'long sleep') // innocent neighbours that are there long enough to be hit
  workload.burst(count, 'poison')
  const deadline = performance.now() + profile.drainBoundMs
  for (;;) {
    await sleep(500)
    const { rows } = await cluster.stores.sql.query(
      "SELECT FROM jobs WHERE labels->>'kind' = 'poison' AND state NOT IN ('failed', 'cancelled')",
    )
    if (rows.length === 0 || performance.now() > deadline) return
  }
}
