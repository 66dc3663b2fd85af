import { getEventListeners, once } from 'node:events'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from '@jest/globals'
import { QueueError } from '../../queue/domain/errors.ts'
import { cancelJob } from '../../queue/use-cases/cancel-job.ts'
import type { QueueDeps } from '../../queue/use-cases/queue-deps.ts'
import { aNode, alice, aRunningJob, openTestQueue, stateOf } from '../support/test-queue.ts'
import { connected } from '../support/template-database.ts'
import { waitFor } from '../support/wait-for.ts'
import { stopOf } from '../../queue/intake/stop.ts'
import { openNode } from './an-inner-worker.ts'

/** Postgres as it is, until `isAway`: then renewals and registrations find nobody. */
function withLosablePostgres(deps: QueueDeps) {
  const link = { isAway: false }
  const check = () => {
    if (link.isAway) throw new QueueError('POSTGRES_UNAVAILABLE', 'Postgres is away.')
  }
  const nodes: QueueDeps['nodes'] = {
    ...deps.nodes,
    async renew(...input) {
      check()
      return deps.nodes.renew(...input)
    },
    async register(...input) {
      check()
      return deps.nodes.register(...input)
    },
  }
  return { link, deps: { ...deps, nodes } }
}

test('a row that the node holds without running it is handed back, unless its claim is still under way', async () => {
  const { deps } = await openTestQueue()
  const node = openNode(deps)
  await node.lease.start()
  const boot = await node.boot()
  const claimed = await aRunningJob(deps, boot?.id ?? '')
  const claimEnded = node.runs.beginClaim(claimed.id)
  await node.looked()
  expect(await stateOf(deps, claimed.id)).toBe('running')
  claimEnded()
  await node.looked()
  expect(await deps.jobs.find(claimed.id, null)).toMatchObject({
    state: 'pending',
    handBacks: 1,
    failures: 0,
  })
})

test('a run under an older fence does not cover the row', async () => {
  const { deps } = await openTestQueue()
  const node = openNode(deps)
  await node.lease.start()
  const boot = await node.boot()
  if (!boot) throw new Error('not live')
  const claimed = await aRunningJob(deps, boot.id)
  node.runs.begin({ ...claimed, fence: claimed.fence - 1 }, boot)
  await node.looked()
  expect(await stateOf(deps, claimed.id)).toBe('pending')
})

test('a run whose row is flagged is stopped, within its grace', async () => {
  const { deps } = await openTestQueue()
  const node = openNode(deps)
  await node.lease.start()
  const boot = await node.boot()
  if (!boot) throw new Error('not live')
  const run = node.runs.begin(await aRunningJob(deps, boot.id), boot)
  await cancelJob(deps, alice, run.job.id) // the signal makes the node look
  await waitFor(() => run.stopping.signal.aborted)
  expect(stopOf(run.stopping.signal)).toEqual({ reason: 'cancelled', killGraceMs: 10 })
})

test('a node that can not renew stops its jobs before its lease ends, and hands them back when it can', async () => {
  const opened = await openTestQueue({ leaseMs: 1000 })
  const { link, deps } = withLosablePostgres(opened.deps)
  const node = openNode(deps)
  await node.lease.start()
  const boot = await node.boot()
  if (!boot) throw new Error('not live')
  const run = node.runs.begin(await aRunningJob(deps, boot.id), boot)
  link.isAway = true
  await once(run.stopping.signal, 'abort')
  const stoppedAtMs = Date.now() // Postgres has the same clock here
  expect(stopOf(run.stopping.signal)).toEqual({ reason: 'lease lost', killGraceMs: 0 })
  expect(node.kills()).toBeGreaterThan(0)
  expect(node.lease.isLive(boot)).toBe(false)
  const leaseEndMs = await connected(opened.databaseUrl, async (client) => {
    const { rows } = await client.query<{ lease_expires_at: Date }>('SELECT lease_expires_at FROM nodes')
    return rows[0]?.lease_expires_at.getTime()
  })
  expect(stoppedAtMs).toBeLessThan(leaseEndMs ?? 0) // nobody can have taken them yet
  node.runs.end(run)
  link.isAway = false
  await waitFor(async () => (await stateOf(deps, run.job.id)) === 'pending')
  expect(await node.boot()).toBe(boot) // nobody gave it up meanwhile
})

test('a node that was given up stops its jobs and registers anew under its name', async () => {
  const { deps, databaseUrl } = await openTestQueue({ leaseMs: 1500 })
  const node = openNode(deps)
  await node.lease.start()
  const boot = await node.boot()
  if (!boot) throw new Error('not live')
  const run = node.runs.begin(await aRunningJob(deps, boot.id), boot)
  await connected(databaseUrl, (client) => client.query("UPDATE nodes SET state = 'dead'"))
  await waitFor(() => boot.ended.aborted)
  expect(stopOf(run.stopping.signal)).toMatchObject({ reason: 'lease lost' })
  const next = await node.boot()
  expect(next?.id).not.toBe(boot.id)
  expect(await deps.nodes.listLive()).toMatchObject([{ id: node.id, bootId: next?.id }])
})

test('a registration whose answer was lost is found to be ours', async () => {
  const { deps } = await openTestQueue()
  let isLost = false
  const nodes: QueueDeps['nodes'] = {
    ...deps.nodes,
    async register(...input) {
      const isRegistered = await deps.nodes.register(...input)
      if (isLost) return isRegistered
      isLost = true
      throw new QueueError('POSTGRES_UNAVAILABLE', 'The answer was lost.')
    },
  }
  const node = openNode({ ...deps, nodes })
  await node.lease.start()
  expect(await node.boot()).not.toBeNull()
})

test('a node waits for its name until the lease of its former life has run out', async () => {
  const { deps } = await openTestQueue({ leaseMs: 400 })
  const former = await aNode(deps, 'one', 300)
  const node = openNode(deps, { id: 'one' })
  await node.lease.start()
  const boot = await node.boot()
  expect(boot?.id).not.toBe(former)
  expect(await deps.nodes.listLive()).toMatchObject([{ id: 'one', bootId: boot?.id }])
})

test('a name that a living process has can not be had', async () => {
  const { deps } = await openTestQueue({ leaseMs: 400, leaseGraceMs: 0 })
  await openNode(deps, { id: 'one' }).lease.start()
  await expect(openNode(deps, { id: 'one' }).lease.start()).rejects.toThrow(
    'The node id one belongs to another live process',
  )
})

test('asking again and again for a boot while there is none leaves nothing behind', async () => {
  const { deps } = await openTestQueue()
  const { lease } = openNode(deps) // not registered, as while Postgres is away
  const { signal } = new AbortController()
  const askOften = () =>
    Promise.all(Array.from({ length: 1000 }, (_, i) => lease.liveBoot({ waitMs: i % 2, signal })))
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const heapBytes = (): number => {
    collect()
    return process.memoryUsage().heapUsed
  }
  await askOften()
  const before = heapBytes()
  for (let i = 0; i < 20; i++) expect(await askOften()).toContain(null)
  expect((heapBytes() - before) / 20_000).toBeLessThan(50)
  expect(getEventListeners(signal, 'abort')).toEqual([])
})
