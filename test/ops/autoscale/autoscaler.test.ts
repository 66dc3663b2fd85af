import { expect, test } from '@jest/globals'
import { QueueError } from '../../../queue/domain/errors.ts'
import type { ScalingPolicyFields } from '../../../core/options/scaling-options.ts'
import { makeAutoscaler } from '../../../ops/autoscale/autoscaler.ts'
import { makePatient } from '../../../ops/autoscale/patient-driver.ts'
import type { QueueDeps } from '../../../queue/use-cases/queue-deps.ts'
import { makeScalingPolicies } from '../../../queue/use-cases/scaling-policies.ts'
import { cleanUp } from '../../support/clean-up.ts'
import { aRunningJob, openTestQueue, stateOf } from '../../support/test-queue.ts'
import { connected } from '../../support/template-database.ts'
import { waitFor } from '../../support/wait-for.ts'
import { makePaperDriver } from './paper-driver.ts'

/** An autoscaler at work on tier small, and on medium if that has a policy. */
async function anAutoscaler(
  deps: QueueDeps,
  paper: ReturnType<typeof makePaperDriver>,
  small: ScalingPolicyFields,
  options: {
    lead?: { term: number | null }
    startDeadlineMs?: number
    pauseMs?: number
    /** After which a call of the driver is given up. */
    callMs?: number
    medium?: ScalingPolicyFields
  } = {},
) {
  const { lead = { term: 1 }, startDeadlineMs = 60_000, pauseMs = 10_000, callMs = 100 } = options
  const policies = makeScalingPolicies(deps.tiers, {
    default: { min: 0, max: 0 },
    small: { min: 0, max: 16, cooldownSeconds: 0, ...small },
    ...(options.medium && { medium: { min: 0, max: 16, ...options.medium } }),
  })
  const autoscaler = makeAutoscaler(deps, {
    leader: { term: () => lead.term },
    driver: makePatient(paper.driver, callMs),
    policyOf: policies.of,
    usual: { slots: 4, coldStartSeconds: 1 },
    ...{ startDeadlineMs, pauseMs, everyMs: 20 },
  })
  cleanUp(() => autoscaler.stop())
  await autoscaler.start()
  return autoscaler
}

const noUse = { cpu: null, memory: null, gpu: null }

const ready = async (deps: QueueDeps, tier = 'small') =>
  (await deps.nodes.listLive()).filter(({ state, tiers }) => state === 'ready' && tiers.includes(tier)).length

/** The autoscaler has looked so many times since. */
const looks = async (deps: QueueDeps, count: number) => {
  for (let look = 0; look < count; look++) {
    const before = (await deps.scaling.findState('small'))?.decidedAt?.getTime()
    await waitFor(async () => (await deps.scaling.findState('small'))?.decidedAt?.getTime() !== before)
  }
}

test('a tier gets the nodes that its policy asks for, and keeps those with jobs until they are drained', async () => {
  const { deps } = await openTestQueue()
  const paper = makePaperDriver(deps)
  await anAutoscaler(deps, paper, { mode: 'manual', replicas: 3 })
  await waitFor(async () => (await ready(deps)) === 3)
  await looks(deps, 2)
  expect(paper.told).toMatchObject({ starts: 3, stops: [] })

  const [busy] = await deps.nodes.listLive()
  const job = await aRunningJob(deps, busy?.bootId ?? '')
  await deps.scaling.changePolicy('small', { replicas: 0 })
  await waitFor(async () => (await deps.nodes.listLive()).every(({ state }) => state === 'draining'))
  // The idle ones say that they are drained; the busy one goes on.
  for (const node of await deps.nodes.listLive())
    await deps.nodes.renew(node.bootId, 60_000, { isDrained: node.running === 0, use: node.use })
  await waitFor(() => paper.told.stops.length === 2)
  await looks(deps, 2)
  expect(paper.told.stops).not.toContain(busy?.id)
  expect(await stateOf(deps, job.id)).toBe('running')

  expect(await deps.scaling.listDecisions('small', { limit: 10 })).toMatchObject([
    { from: 3, to: 0, mode: 'manual', reason: '0 nodes set by hand.' },
    { from: 3, to: 3 },
  ])
  const metrics = await deps.metrics.registry.metrics()
  expect(metrics).toContain('noodle_nodes_desired{tier="small"} 0\n')
  expect(metrics).toContain('noodle_nodes_target{tier="small"} 0\n')
  expect(metrics).toContain('noodle_nodes{tier="small",state="draining"} 1\n')
})

test('demand that returns calls the nodes back that drain for scaling, and no other; those that have drained go', async () => {
  const { deps } = await openTestQueue()
  const paper = makePaperDriver(deps)
  await anAutoscaler(deps, paper, { mode: 'manual', replicas: 4 })
  await waitFor(async () => (await ready(deps)) === 4)
  const [drained, ofOperator, ...busy] = await deps.nodes.listLive()
  for (const node of [ofOperator, ...busy]) await aRunningJob(deps, node?.bootId ?? '')
  await deps.nodes.drain(ofOperator?.id ?? '')
  await deps.scaling.changePolicy('small', { replicas: 0 })
  await waitFor(async () => (await deps.nodes.listLive()).every(({ state }) => state === 'draining'))
  // As long as it says nothing it may be called back, too.
  await deps.nodes.renew(drained?.bootId ?? '', 60_000, { isDrained: true, use: drained?.use ?? noUse })
  await waitFor(() => paper.told.stops.length === 1)

  await deps.scaling.changePolicy('small', { replicas: 3 })
  await waitFor(async () => (await ready(deps)) === 3)
  await looks(deps, 2)
  expect(paper.told).toMatchObject({ starts: 5, stops: [drained?.id] })
  const states = new Map((await deps.nodes.listLive()).map(({ id, state }) => [id, state]))
  expect(busy.map(({ id }) => states.get(id))).toEqual(['ready', 'ready'])
  expect(states.get(ofOperator?.id ?? '')).toBe('draining')
})

test('a driver that errs or hangs neither makes nodes run away nor takes any', async () => {
  const { deps } = await openTestQueue()
  const paper = makePaperDriver(deps)
  paper.faults.start = 'late' // carried out, but nobody hears of it
  await anAutoscaler(deps, paper, { mode: 'manual', replicas: 2, max: 5 }, { pauseMs: 50 })
  await waitFor(async () => (await ready(deps)) === 2)
  await looks(deps, 5)
  expect(paper.told.most).toBe(2)

  paper.faults.list = 'hang'
  await deps.scaling.changePolicy('small', { replicas: 0 })
  await looks(deps, 3)
  paper.faults.list = 'error'
  await looks(deps, 3)
  expect(await ready(deps)).toBe(2)
  paper.faults.list = 'no'
  await waitFor(async () => (await ready(deps)) === 0)
})

test.each(['list', 'start'] as const)(
  'a driver that hangs in %s for one tier delays no other',
  async (call) => {
    const { deps } = await openTestQueue()
    const paper = makePaperDriver(deps)
    paper.faults.tier = 'small'
    paper.faults[call] = 'hang'
    const fleet = { mode: 'manual', replicas: 6 } as const
    await anAutoscaler(deps, paper, fleet, { callMs: 2000, medium: fleet })
    const startedMs = performance.now()
    await waitFor(async () => (await ready(deps, 'medium')) === 6)
    await deps.scaling.changePolicy('medium', { replicas: 2 })
    await waitFor(async () => (await deps.scaling.findState('medium'))?.desired === 2)
    expect(performance.now() - startedMs).toBeLessThan(2000)
    expect(await ready(deps)).toBe(0)
  },
)

test('nodes are asked for several at a time, and no more than the driver can take', async () => {
  const { deps } = await openTestQueue()
  const paper = makePaperDriver(deps)
  paper.faults.start = 'slow'
  await anAutoscaler(deps, paper, { mode: 'manual', replicas: 7 }, { callMs: 5000 })
  await waitFor(() => paper.told.starts === 4)
  await waitFor(async () => {
    paper.letGo()
    return (await ready(deps)) === 7
  })
  await looks(deps, 3)
  expect(paper.told).toMatchObject({ starts: 7, startsAtOnce: 4, stops: [] })
})

test('nodes that do not come up are replaced, with growing pauses', async () => {
  const { deps } = await openTestQueue()
  const paper = makePaperDriver(deps)
  paper.faults.comesUp = false
  await anAutoscaler(deps, paper, { mode: 'manual', replicas: 2 }, { startDeadlineMs: 60 })
  await waitFor(() => paper.told.stops.length === 2)
  await looks(deps, 5)
  expect(paper.told.starts).toBe(2) // the next ones are asked for in 10 s
  const metrics = await deps.metrics.registry.metrics()
  expect(metrics).toContain('noodle_node_start_failures_total{tier="small"} 2\n')
})

test('while Postgres does not answer all stays as it is; who does not lead any more decides nothing', async () => {
  const { deps } = await openTestQueue()
  const paper = makePaperDriver(deps)
  const link = { isCut: false, refusals: 0 }
  const jobs: QueueDeps['jobs'] = {
    ...deps.jobs,
    readDemand(...given) {
      if (!link.isCut) return deps.jobs.readDemand(...given)
      link.refusals++
      return Promise.reject(new QueueError('POSTGRES_UNAVAILABLE', 'cut'))
    },
  }
  const lead: { term: number | null } = { term: 7 }
  await anAutoscaler({ ...deps, jobs }, paper, { mode: 'manual', replicas: 2 }, { lead })
  await waitFor(async () => (await ready(deps)) === 2)
  link.isCut = true
  await deps.scaling.changePolicy('small', { replicas: 0 })
  await waitFor(() => link.refusals >= 1) // what had been read before is decided
  const before = (await deps.scaling.findState('small'))?.decidedAt
  await waitFor(() => link.refusals >= 3)
  expect((await deps.scaling.findState('small'))?.decidedAt).toEqual(before)
  expect(await ready(deps)).toBe(2)

  // A successor of a later term has decided meanwhile.
  const decision = { id: deps.newId(), tier: 'small', mode: 'manual', desired: 2, starting: 0 }
  expect(await deps.scaling.recordDecision(8, { ...decision, reason: 'later', inputs: {} })).toBe(true)
  link.isCut = false
  await waitFor(async () => (await deps.scaling.findState('small'))?.reason === 'later')
  // Two leaders' numbers in one graph would be none.
  await waitFor(async () => !(await deps.metrics.registry.metrics()).includes('noodle_nodes_target{'))
  expect(await deps.scaling.recordDecision(7, { ...decision, desired: 0, reason: 'late', inputs: {} })).toBe(
    false,
  )
  expect(await ready(deps)).toBe(2)
  lead.term = 9
  await waitFor(async () => (await ready(deps)) === 0)
})

test('a dry run decides and does nothing', async () => {
  const { deps } = await openTestQueue()
  const paper = makePaperDriver(deps)
  await anAutoscaler(deps, paper, { mode: 'dryRun', min: 3 })
  await looks(deps, 3)
  expect(await deps.scaling.findState('small')).toMatchObject({ desired: 3 })
  expect(paper.told.starts).toBe(0)
  const metrics = await deps.metrics.registry.metrics()
  expect(metrics).toContain('noodle_nodes_desired{tier="small"} 3\n')
  expect(metrics).not.toContain('noodle_nodes_target{tier="small"}')
  // Changed when the configuration was another one.
  await deps.scaling.changePolicy('small', { max: 1 })
  await waitFor(async () => (await deps.scaling.findState('small'))?.desired === 1)
  expect((await deps.scaling.findState('small'))?.reason).toContain(
    'min is 3, more than max, which is 1. It counts as 1.',
  )
})

test('how long nodes take to come up is measured; starts that came to nothing are none of it', async () => {
  const { deps, databaseUrl } = await openTestQueue()
  const age = () =>
    connected(databaseUrl, (client) =>
      client.query("UPDATE node_starts SET asked_at = now() - interval '30 min'"),
    )
  await deps.scaling.noteStart('small') // by a leader that died before it asked
  await age()
  const paper = makePaperDriver(deps)
  paper.faults.start = 'error'
  await anAutoscaler(deps, paper, { mode: 'manual', replicas: 2 }, { pauseMs: 50 })
  await waitFor(() => paper.told.starts === 2)
  await age()
  paper.faults.start = 'no'
  await deps.scaling.changePolicy('small', { replicas: 4 }) // the two may come yet
  await waitFor(async () => (await deps.scaling.readColdStarts()).has('small'))
  expect((await deps.scaling.readColdStarts()).get('small')).toBeLessThan(5)
})
