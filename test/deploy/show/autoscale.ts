import { execFile } from 'node:child_process'
import { appendFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import type { Client } from './client.ts'
import { expectLocked } from './escapes.ts'
import { isLeading } from './leader.ts'
import { expectThat, type Scenario } from './scenario.ts'
import type { Container, Stack } from './stack.ts'

const jobs = 2000
const serviceMs = 200
/** What is set for tier small; the other tiers are left with the one worker that they have. */
const small = { min: 2, max: 6, targetWaitMs: 15_000, cooldownSeconds: 5 }
const patienceMs = 180_000

/**
 * A burst on a tier of the compose project with the profile autoscale: workers come, the leader is killed meanwhile, and they go again when it is over; no job is
 * interrupted. Before, the gate: it alone has the engine's socket, nobody but masters reaches it, and it lets them do no more than that.
 */
export const autoscale: Scenario = async (stack, client) => {
  await switchOn(stack)
  await checkGate(stack)
  const seen = async (): Promise<TierView> => (await client.call('GET', '/v1/tiers/small')).body
  await until('2 nodes of small', async () => (await seen()).replicas.ready === small.min)

  const run = `autoscale-${String(Date.now())}`
  const job = { task: 'sleep', payload: { ms: serviceMs }, labels: { run } }
  const { body } = await client.call('POST', '/v1/jobs/batch', {
    body: { jobs: Array.from({ length: jobs }, () => job) },
  })
  expectThat(body.accepted === jobs, `Of ${String(jobs)} jobs ${String(body.accepted)} were accepted.`)
  const startedAt = performance.now()
  let most = 0
  await until('the burst to end', async () => {
    const { replicas, pending, queued, running } = await seen()
    most = Math.max(most, replicas.ready)
    return pending + queued + running === 0
  })
  const tookMs = performance.now() - startedAt
  // Nodes that were asked for may come up when the burst is over.
  await until('more nodes', async () => {
    most = Math.max(most, (await seen()).replicas.ready)
    return most > small.min
  })

  const change = (policy: object) => client.call('PATCH', '/v1/tiers/small/scaling', { body: policy })
  await change({ mode: 'manual', replicas: 4 })
  await until(
    '4 nodes',
    async () => (await seen()).replicas.ready === 4 && (await copiesOf(stack)).length === 3,
  )
  const copies = await copiesOf(stack)
  await stack.compose('up', '-d')
  expectThat(
    (await copiesOf(stack)).join() === copies.join(),
    'docker compose up -d took away what scaling had started.',
  )
  await killLeader(stack)
  // What the policy has learnt of the burst may make it keep nodes for minutes; here they shall be seen to go.
  await change({ mode: 'queueDepth', jobsPerNode: 10 })
  await until('the nodes to go again', async () => {
    const { replicas } = await seen()
    return replicas.ready === small.min && replicas.draining === 0 && (await copiesOf(stack)).length === 1
  })
  // The gate too, and what it has made.
  const containers = await stack.containers()
  await expectLocked(
    stack,
    containers.filter(({ id, service }) => service === 'engine-gate' || copies.includes(id)),
  )
  const [left] = await copiesOf(stack)
  expectThat(
    copies.includes(left ?? ''),
    'The successor did not know the nodes of the leader that was killed.',
  )
  await promisify(execFile)(join(stack.folder, 'scripts/rolling-update'), { maxBuffer: 16_777_216 })
  await until('a new node in place of the old one', async () => {
    const [now] = await copiesOf(stack)
    return now !== undefined && now !== left && (await seen()).replicas.ready === small.min
  })

  const { decisions } = (await client.call('GET', '/v1/tiers/small/scaling')).body as {
    decisions: { from: number | null; to: number; reason: string }[]
  }
  expectThat(
    decisions.length >= 3 && decisions.every(({ reason }) => reason.length > 10),
    `The decisions do not explain themselves: ${JSON.stringify(decisions)}`,
  )
  const waits = await waitsOf(client, run)
  const p = (share: number): string =>
    `${((waits[Math.ceil(waits.length * share) - 1] ?? 0) / 1000).toFixed(1)} s`
  const told = decisions.map(({ from, to, reason }) => `${String(from)} → ${String(to)}: ${reason}`)
  return `${String(jobs)} jobs of ${String(serviceMs)} ms in ${(tookMs / 1000).toFixed(0)} s on up to ${String(most)} nodes: waits p50 ${p(0.5)}, p95 ${p(0.95)} (target ${String(small.targetWaitMs / 1000)} s), all succeeded at their first attempt; the leader was killed, its successor took the nodes away again, and scripts/rolling-update replaced the one that was left.\n         ${told.toReversed().join('\n         ')}`
}

interface TierView {
  replicas: { ready: number; draining: number }
  pending: number
  queued: number
  running: number
}

async function until(what: string, condition: () => Promise<boolean>): Promise<void> {
  const giveUpAt = performance.now() + patienceMs
  while (!(await condition())) {
    expectThat(performance.now() < giveUpAt, `Waited ${String(patienceMs / 1000)} s in vain for ${what}.`)
    await sleep(200)
  }
}

/** As docs/deploy.md tells. */
async function switchOn(stack: Stack): Promise<void> {
  const engine = process.env['DOCKER_HOST'] ?? 'unix:///var/run/docker.sock'
  expectThat(engine.startsWith('unix://'), `The engine at ${engine} has no socket here.`)
  const socket = engine.slice('unix://'.length)
  const settings = {
    COMPOSE_PROFILES: 'autoscale',
    SCALING_DRIVER: 'docker',
    SCALING_POLICIES: `'${JSON.stringify({ default: { min: 0, max: 1 }, small })}'`,
    DOCKER_SOCKET: socket,
    DOCKER_GROUP: String(statSync(socket).gid),
  }
  for (const [name, value] of Object.entries(settings))
    appendFileSync(join(stack.folder, '.env'), `${name}=${value}\n`)
  await stack.compose('up', '-d')
  await stack.untilHealthy(await stack.containers())
}

async function checkGate(stack: Stack): Promise<void> {
  const containers = await stack.containers()
  const inspected = JSON.parse(await stack.docker('inspect', ...containers.map(({ id }) => id))) as {
    Name: string
    Mounts: { Source: string }[]
    NetworkSettings: { Networks: object; Ports: Record<string, unknown[] | null> }
  }[]
  const holders = inspected.filter(({ Mounts }) =>
    Mounts.some(({ Source }) => Source.endsWith('docker.sock')),
  )
  expectThat(
    holders.length === 1 && /engine-gate/.test(holders[0]?.Name ?? ''),
    `The engine's socket is in ${holders.map(({ Name }) => Name).join() || 'no container'}.`,
  )
  const { Networks, Ports } = holders[0]?.NetworkSettings ?? { Networks: {}, Ports: {} }
  expectThat(
    Object.keys(Networks).join() === `${stack.project}_engine` && Object.values(Ports).every((port) => !port),
    `The gate is in ${Object.keys(Networks).join()}, and publishes ${JSON.stringify(Ports)}.`,
  )
  const [gate] = Object.values(Networks) as { IPAddress: string }[]
  for (const { id, name, service } of containers.filter((one) => one.service !== 'engine-gate')) {
    const isReached = await stack
      .docker('exec', id, 'timeout', '3', 'bash', '-c', `exec 3<>/dev/tcp/${gate?.IPAddress ?? ''}/2375`)
      .then(
        () => true,
        () => false,
      )
    expectThat(
      isReached === (service === 'master'),
      `${name} ${isReached ? 'reaches' : 'does not reach'} the gate.`,
    )
  }
  const [master] = containers.filter(({ service }) => service === 'master')
  const ask = `Promise.all(['images/json', 'info', 'containers/${master?.id ?? ''}/json'].map(async p => (await fetch('http://engine-gate:2375/' + p)).status)).then(s => console.log(s.join()))`
  const statuses = (await stack.docker('exec', master?.id ?? '', 'node', '-e', ask)).trim()
  expectThat(statuses === '403,403,404', `The gate answers a master with ${statuses}.`)
}

/** Those that run, which scaling has started. */
async function copiesOf(stack: Stack): Promise<string[]> {
  const filters = ['noodle.scaling.node', `com.docker.compose.project=${stack.project}`]
  const ids = await stack.docker(
    'ps',
    '-q',
    '--no-trunc',
    ...filters.flatMap((label) => ['--filter', `label=${label}`]),
  )
  return ids.split('\n').filter(Boolean).sort()
}

async function killLeader(stack: Stack): Promise<void> {
  const masters = await stack.containers('master')
  const leads = await Promise.all(masters.map((master) => isLeading(stack, master)))
  const leader: Container | undefined = masters[leads.indexOf(true)]
  if (!leader) throw new Error('No master leads.')
  await stack.docker('kill', leader.id)
  await stack.docker('start', leader.id)
  await stack.untilHealthy([leader])
}

/** How long each job waited, in ms, the shortest first. @throws when one did not succeed at its first attempt */
async function waitsOf(client: Client, run: string): Promise<number[]> {
  const waits: number[] = []
  let cursor = ''
  do {
    const page = await client.call('GET', `/v1/jobs?label=run:${run}&limit=200${cursor}`)
    for (const { id, state, attempt, createdAt, startedAt } of page.body.items) {
      expectThat(
        state === 'succeeded' && attempt === 1,
        `Job ${String(id)} is ${String(state)} after attempt ${String(attempt)}.`,
      )
      waits.push(Date.parse(startedAt) - Date.parse(createdAt))
    }
    cursor = page.body.nextCursor ? `&cursor=${encodeURIComponent(page.body.nextCursor)}` : ''
  } while (cursor)
  expectThat(waits.length === jobs, `There are ${String(waits.length)} jobs.`)
  return waits.sort((a, b) => a - b)
}
